"""The measures of one horizon of return, the model's beside the baseline's.

D user-days.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation.calibration import prepare_calibration_ratio
from holdfast.evaluation.discrimination import count_one_class_groups, prepare_grouped_auc, prepare_roc_auc
from holdfast.evaluation.measure import Measure, poisson_fallback
from holdfast.evaluation.metric_value import WeightedMetric
from holdfast.evaluation.proper_scores import prepare_brier_score, prepare_log_loss
from holdfast.evaluation.slopes import own_past_mean, prepare_slope, prepare_slope_of

ONE_CLASS = "all user-days have the same label"
NO_WEIGHT = "the weights sum to 0"
NO_PAIR = "no user has both a day with a return and one without"
NO_SPREAD = "the predictions do not differ, or no user has an earlier day to compare with"
NO_ALIKE = "no two user-days that the baseline cannot tell apart have different labels"
LAST_DAY = "an absence is a user's last day, which pulls this below 1/2: no yardstick for a model"

OWN = ("auc", "brier", "log_loss", "calibration", "auc_by_user", "slope", "slope_within", "slope_between")
BESIDE_BASELINE = (
    "baseline_auc",
    "baseline_brier",
    "baseline_log_loss",
    "baseline_auc_by_user",
    "auc_minus_baseline",
    "auc_given_baseline",
)


def measure_names(*, with_baseline: bool) -> tuple[str, ...]:
    """Names of the measures of a horizon, in their order."""
    return (*OWN, *BESIDE_BASELINE) if with_baseline else OWN


def return_measures(
    predicted: Floats,
    label: Floats,
    users: Ints,
    days: Ints,
    *,
    name: str,
    note: str,
    baseline: Floats | None = None,
    weight: Floats | None = None,
) -> list[Measure]:
    """The measures of a horizon, prepared on its matured user-days.

    Args:
        predicted: chance to be back within the horizon, ``[D]``.
        label: 1 if back, else 0, ``[D]``.
        users: integer code of each user-day's user, ``[D]``.
        days: day of each user-day, ``[D]``.
        name: what stands before the measures' own names, such as ``retention/d7``.
        note: what a reader must know of all of them.
        baseline: the baseline's prediction, ``[D]``; None for no baseline.
        weight: what a user-day counts, ``[D]``; only to count users for a note.
    """
    auc, by_user = prepare_roc_auc(predicted, label), prepare_grouped_auc(predicted, label, users)
    pairs = "; ".join(each for each in (note, _pairs_note(label, users, weight), LAST_DAY) if each)
    past = own_past_mean(predicted, users, days)
    slopes = {
        "slope": prepare_slope(predicted, label),
        "slope_within": prepare_slope_of("within", predicted, label, past),
        "slope_between": prepare_slope_of("between", predicted, label, past),
    }
    measures = [
        Measure(f"{name}/auc", auc, ONE_CLASS, note),
        Measure(f"{name}/brier", prepare_brier_score(predicted, label), NO_WEIGHT, note),
        Measure(f"{name}/log_loss", prepare_log_loss(predicted, label), NO_WEIGHT, note),
        Measure(
            f"{name}/calibration",
            prepare_calibration_ratio(predicted, label),
            "no return was observed",
            note,
            fallback=poisson_fallback(predicted, label),
        ),
        Measure(f"{name}/auc_by_user", by_user, NO_PAIR, pairs),
        *(Measure(f"{name}/{each}", metric, NO_SPREAD, note) for each, metric in slopes.items()),
    ]
    if baseline is None:
        return measures
    theirs, theirs_by_user = prepare_roc_auc(baseline, label), prepare_grouped_auc(baseline, label, users)
    _, alike = np.unique(baseline, return_inverse=True)
    return [
        *measures,
        Measure(f"{name}/baseline_auc", theirs, ONE_CLASS, note),
        Measure(f"{name}/baseline_brier", prepare_brier_score(baseline, label), NO_WEIGHT, note),
        Measure(f"{name}/baseline_log_loss", prepare_log_loss(baseline, label), NO_WEIGHT, note),
        Measure(f"{name}/baseline_auc_by_user", theirs_by_user, NO_PAIR, pairs),
        Measure(f"{name}/auc_minus_baseline", _difference(auc, theirs), ONE_CLASS, note),
        Measure(f"{name}/auc_given_baseline", prepare_grouped_auc(predicted, label, alike), NO_ALIKE, note),
    ]


def _pairs_note(label: Floats, users: Ints, weight: Floats | None) -> str:
    counts = np.ones(label.size) if weight is None else weight
    num_users, num_excluded = count_one_class_groups(label > 0.0, users, weight=counts)
    return f"{num_users - num_excluded} of {num_users} users have days of both kinds" if label.size else ""


def _difference(first: WeightedMetric, second: WeightedMetric) -> WeightedMetric:
    """The difference on the same weights, so that what both share cancels in its interval."""

    def difference(weight: Floats) -> float | None:
        one, other = first(weight), second(weight)
        return None if one is None or other is None else one - other

    return difference
