"""What predictions expect of themselves, beside what was realised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.monitoring.dwell_loss import DwellLoss, known_loss, possible, realised_loss
from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.app.monitoring.windows import Days
from holdfast.core.arrays import Bools
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.discrimination import roc_auc
from holdfast.monitoring.label_free import (
    IsotonicCalibration,
    LabelFreeEstimate,
    estimate_auc,
    estimate_positive_rate,
)

COLUMNS = (
    *("day", "head", "metric", "estimate", "low", "high", "realised", "realised_low", "realised_high"),
    *("n", "n_known", "note"),
)
ABSOLUTE_ERROR = "absolute_error"
BOOTSTRAP = ClusterBootstrap(num_resamples=40)


def label_free_table(
    rows: ScoredRows,
    windows: Sequence[tuple[Days, Bools]],
    calibrations: Mapping[str, IsotonicCalibration],
    dwell_loss: DwellLoss | None = None,
) -> pd.DataFrame:
    """One row a window, head and metric: estimated, and realised where known.

    ``auc`` and ``positive_rate`` of heads with a calibration, and ``absolute_error`` of dwell in seconds.
    ``realised`` below ``realised_low`` or above ``realised_high`` speaks for a change that predictions cannot
    see. NaN, the missing value of tables, where undefined. Rows whose prediction cannot be are left out.
    """
    found = []
    for window, here in windows:
        part = rows.rows(here)
        for head, calibration in calibrations.items():
            if head in part.outcomes:
                found += [{"day": window.first, **row} for row in _shares(part, head, calibration)]
        if dwell_loss is not None and "dwell" in part.outcomes:
            dwell = part.outcomes["dwell"]
            estimate = dwell_loss.estimate(part, calibrations, bootstrap=BOOTSTRAP)
            known = int(known_loss(dwell).sum())
            row = _row("dwell", ABSOLUTE_ERROR, estimate, realised_loss(dwell), known)
            found.append({"day": window.first, **row})
    table = pd.DataFrame(found, columns=list(COLUMNS))
    numbers = ["estimate", "low", "high", "realised", "realised_low", "realised_high"]
    return table.astype(dict.fromkeys(numbers, np.float64))


def _shares(part: ScoredRows, head: str, calibration: IsotonicCalibration) -> Iterator[dict[str, Any]]:
    outcome = part.outcomes[head]
    kept = possible(outcome.predicted, share=True)
    known = kept & outcome.known & np.isin(outcome.observed, (0.0, 1.0))
    observed = outcome.observed[known]
    realised = {
        "auc": roc_auc(outcome.predicted[known], observed) if known.any() else None,
        "positive_rate": float(observed.mean()) if known.any() else None,
    }
    for make in (estimate_auc, estimate_positive_rate):
        estimate = make(
            outcome.predicted[kept], calibration=calibration, users=part.user[kept], bootstrap=BOOTSTRAP
        )
        yield _row(head, estimate.metric, estimate, realised[estimate.metric], int(known.sum()))


def _row(
    head: str, metric: str, estimate: LabelFreeEstimate, realised: float | None, num_known: int
) -> dict[str, Any]:
    return {
        "head": head,
        "metric": metric,
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "realised": realised,
        "realised_low": estimate.realised_low,
        "realised_high": estimate.realised_high,
        "n": estimate.n,
        "n_known": num_known,
        "note": estimate.note,
    }
