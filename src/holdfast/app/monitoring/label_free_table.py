"""What predictions expect of themselves, beside what was realised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.app.monitoring.windows import Days
from holdfast.core.arrays import Bools
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.discrimination import roc_auc
from holdfast.monitoring.label_free import IsotonicCalibration, estimate_auc, estimate_positive_rate

COLUMNS = (
    *("day", "head", "metric", "estimate", "low", "high", "realised", "realised_low", "realised_high"),
    *("n", "n_known", "note"),
)
BOOTSTRAP = ClusterBootstrap(num_resamples=40)


def label_free_table(
    rows: ScoredRows,
    windows: Sequence[tuple[Days, Bools]],
    calibrations: Mapping[str, IsotonicCalibration],
) -> pd.DataFrame:
    """One row a window, head and metric (``auc``, ``positive_rate``): estimated, and realised where known.

    ``realised`` below ``realised_low`` or above ``realised_high`` speaks for a change that predictions cannot
    see. NaN, the missing value of tables, where undefined.
    """
    found = []
    for window, here in windows:
        part = rows.rows(here)
        for head, calibration in calibrations.items():
            if head not in part.outcomes:
                continue
            outcome = part.outcomes[head]
            known, observed = outcome.known, outcome.observed[outcome.known]
            realised = {
                "auc": roc_auc(outcome.predicted[known], observed) if known.any() else None,
                "positive_rate": float(observed.mean()) if known.any() else None,
            }
            for estimate in (
                make(outcome.predicted, calibration=calibration, users=part.user, bootstrap=BOOTSTRAP)
                for make in (estimate_auc, estimate_positive_rate)
            ):
                found.append(
                    {
                        "day": window.first,
                        "head": head,
                        "metric": estimate.metric,
                        "estimate": estimate.value,
                        "low": estimate.low,
                        "high": estimate.high,
                        "realised": realised[estimate.metric],
                        "realised_low": estimate.realised_low,
                        "realised_high": estimate.realised_high,
                        "n": estimate.n,
                        "n_known": int(known.sum()),
                        "note": estimate.note,
                    }
                )
    table = pd.DataFrame(found, columns=list(COLUMNS))
    numbers = ["estimate", "low", "high", "realised", "realised_low", "realised_high"]
    return table.astype(dict.fromkeys(numbers, np.float64))
