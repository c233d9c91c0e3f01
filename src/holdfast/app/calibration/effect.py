"""Whether calibration helped: predictions of a window before and after, beside what happened.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.calibration.judged_rows import head_rows
from holdfast.app.composition import Plan
from holdfast.core.arrays import Floats
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.proper_scores import prepare_log_loss
from holdfast.evaluation.settings import EvaluationSettings
from holdfast.evaluation.weighted_mean import prepare_mean, prepare_ratio
from holdfast.models.calibration.fitting import HeadRows
from holdfast.models.ranker import Ranker

LOG_LOSS, SQUARED_ERROR = "log loss", "squared error"
COLUMNS = ["objective", "measure", "before", "after", "change", "low", "high"]
COLUMNS += ["ratio_before", "ratio_after", "num_rows", "changed"]


def calibration_effect(
    window: EncodedWindow, ranker: Ranker, plan: Plan, *, outputs: Mapping[str, Floats]
) -> pd.DataFrame:
    """The loss of every calibrated head without its maps and with them, on the same rows.

    Rows are those that a map would be fitted on, counted likewise: known ones, not weighted by propensities,
    and those of a user's day share one count. Of returns, the output that ranks is judged.

    Args:
        window: held out, or the result is in-sample.
        ranker: as it is served, with its calibration.
        plan: of the run.
        outputs: what the ranker predicts of the window, with its calibration.

    Returns:
        One row a calibrated head: ``objective``, ``measure`` (``log loss``, or ``squared error`` of seconds),
        the measure ``before`` and ``after``, its ``change`` with an interval over users from ``low`` to
        ``high`` (NaN where there is none), predicted over observed in sum as ``ratio_before`` and
        ``ratio_after``, ``num_rows``, and ``changed``: False where the map left every prediction as it is.
        Heads of which the window knows no row are left out.
    """
    from holdfast.training.prediction import predict

    calibration = ranker.calibration
    if calibration is None:
        return pd.DataFrame(columns=COLUMNS)
    mapped = {head.objective for head in calibration.heads}
    after = _rows(outputs, window, ranker, plan)
    ranker.calibration = None
    try:
        before = _rows(predict(ranker, window, fusion=None), window, ranker, plan)
    finally:
        ranker.calibration = calibration
    compared = (
        _compared(before[name], after[name], window.user, plan.evaluation)
        for name in before
        if name in mapped
    )
    return pd.DataFrame([each for each in compared if each], columns=COLUMNS)


def _rows(
    outputs: Mapping[str, Any], window: EncodedWindow, ranker: Ranker, plan: Plan
) -> dict[str, HeadRows]:
    rows = head_rows(window, outputs, ranker.heads, horizon_days=plan.settings.horizon_days)
    return {each.objective: each for each in rows}


def _compared(
    before: HeadRows, after: HeadRows, users: Any, settings: EvaluationSettings
) -> dict[str, Any] | None:
    """One row of the table; None where nothing is known."""
    observed = before.observed[:, -1]
    known = np.isfinite(observed) & (before.weight > 0.0)
    if not known.any():
        return None
    outcome, weight = observed[known], before.weight[known]
    predicted = [each.predicted[known, -1] for each in (before, after)]
    if before.content_seconds is None:
        measure, losses = LOG_LOSS, [prepare_log_loss(each, outcome) for each in predicted]
    else:
        measure, losses = SQUARED_ERROR, [prepare_mean((each - outcome) ** 2) for each in predicted]

    def change(rows: Floats) -> float | None:
        first, then = (each(rows) for each in losses)
        return None if first is None or then is None else then - first

    (interval,) = settings.bootstrap.intervals([change], clusters=users[known], weight=weight)
    ratios = [prepare_ratio(each, outcome)(weight) for each in predicted]
    values = [*(each(weight) for each in losses), change(weight), interval.low, interval.high, *ratios]
    numbers = [np.nan if each is None else float(each) for each in values]
    changed = not np.array_equal(*predicted)
    return dict(zip(COLUMNS, [before.objective, measure, *numbers, int(known.sum()), changed], strict=True))
