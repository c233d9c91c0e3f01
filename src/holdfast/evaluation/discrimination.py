"""How well scores separate positives from negatives: AUC, over all rows and within groups.

N rows, G groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.metric_value import WeightedMetric

GroupWeight = Literal["rows", "positives"]


def roc_auc(score: ArrayLike, label: ArrayLike, *, weight: ArrayLike | None = None) -> float | None:
    r"""Chance that a positive row has a higher score than a negative one; an equal score counts one half.

    .. math:: \frac{\sum_{i \in P} \sum_{j \in N} w_i w_j ([s_i > s_j] + [s_i = s_j] / 2)}
              {\sum_{i \in P} w_i \sum_{j \in N} w_j}

    Args:
        score: higher is more likely positive, ``[N]``.
        label: 0 or 1, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        In [0, 1]; None where one of the classes has no weight, so also without rows.

    Source: Hanley and McNeil (1982).

    >>> roc_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1])
    0.875
    """
    metric = prepare_roc_auc(score, label)
    return metric(checks.row_weights(weight, num_rows=np.size(np.asarray(label))))


def prepare_roc_auc(score: ArrayLike, label: ArrayLike) -> WeightedMetric:
    """``roc_auc`` sorted once, for many sets of weights."""
    (score,) = checks.finite_columns(score=score)
    positive = checks.binary_labels(label)
    checks.same_length(score=score, label=positive)
    upper = np.flatnonzero(positive)
    lower = np.flatnonzero(~positive)
    lower = lower[np.argsort(score[lower], kind="stable")]
    # Sorted needles keep the search, and later the gathers, in cache.
    upper = upper[np.argsort(score[upper], kind="stable")]
    below = np.searchsorted(score[lower], score[upper], side="left")
    up_to = np.searchsorted(score[lower], score[upper], side="right")

    def auc(weight: Floats) -> float | None:
        upper_weight = weight[upper]
        lower_sum = prefix_sums(weight[lower])
        pairs = upper_weight.sum() * lower_sum[-1]
        if not pairs > 0.0:
            return None
        return float(upper_weight @ (lower_sum[below] + lower_sum[up_to]) / (2.0 * pairs))

    return auc


def prefix_sums(values: Floats) -> Floats:
    """Sums of the first 0, 1, ..., n values, ``[n + 1]``."""
    sums = np.zeros(values.size + 1)
    np.cumsum(values, out=sums[1:])
    return sums


@dataclass(frozen=True)
class GroupedAuc:
    """AUC within groups.

    Attributes:
        value: None where no group has both classes.
        num_groups: groups with weight.
        num_excluded: those of them that have one class only, and so no AUC.
    """

    value: float | None
    num_groups: int
    num_excluded: int


def grouped_auc(
    score: ArrayLike,
    label: ArrayLike,
    groups: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    group_weight: GroupWeight = "rows",
) -> GroupedAuc:
    r"""Mean over groups of the AUC within the group; blind to how groups differ from each other.

    .. math:: \sum_g v_g \mathrm{AUC}_g \Big/ \sum_g v_g

    over the groups with both classes, where :math:`v_g` is the sum of the weights of the group's rows, or of
    its positive rows.

    Args:
        score: higher is more likely positive, ``[N]``.
        label: 0 or 1, ``[N]``.
        groups: integer code of each row's group, such as the user's, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.
        group_weight: what a group counts: the weight of its ``rows`` or of its ``positives``.

    Source: Zhu et al. (2017) for the mean weighted by impressions.
    """
    metric = prepare_grouped_auc(score, label, groups, group_weight=group_weight)
    positive = checks.binary_labels(label)
    weight = checks.row_weights(weight, num_rows=positive.size)
    num_groups, num_excluded = count_one_class_groups(positive, np.asarray(groups), weight=weight)
    return GroupedAuc(metric(weight), num_groups, num_excluded)


def prepare_grouped_auc(
    score: ArrayLike, label: ArrayLike, groups: ArrayLike, *, group_weight: GroupWeight = "rows"
) -> WeightedMetric:
    """``grouped_auc`` sorted once, for many sets of weights; the metric gives its value alone."""
    if group_weight not in ("rows", "positives"):
        raise ValueError(f"group_weight is {group_weight!r}; choose rows or positives")
    (score,) = checks.finite_columns(score=score)
    positive = checks.binary_labels(label)
    checks.same_length(score=score, label=positive)
    _, group = np.unique(checks.codes(groups, name="groups", num_rows=score.size), return_inverse=True)
    num_groups = int(group.max(initial=-1)) + 1
    # One integer that orders rows by group, then score, and is equal for equal pairs.
    _, rank = np.unique(score, return_inverse=True)
    key = group * (score.size + 1) + rank
    upper = np.flatnonzero(positive)
    lower = np.flatnonzero(~positive)
    lower = lower[np.argsort(key[lower], kind="stable")]
    upper = upper[np.argsort(key[upper], kind="stable")]
    below = np.searchsorted(key[lower], key[upper], side="left")
    up_to = np.searchsorted(key[lower], key[upper], side="right")
    edges = np.searchsorted(group[lower], np.arange(num_groups + 1))
    group_of_upper = group[upper]

    def auc(weight: Floats) -> float | None:
        upper_weight = weight[upper]
        lower_sum = prefix_sums(weight[lower])
        before = lower_sum[edges[:-1]]
        beaten = (lower_sum[below] + lower_sum[up_to]) / 2.0 - before[group_of_upper]
        wins = np.bincount(group_of_upper, upper_weight * beaten, minlength=num_groups)
        positives = np.bincount(group_of_upper, upper_weight, minlength=num_groups)
        negatives = lower_sum[edges[1:]] - before
        both = (positives > 0.0) & (negatives > 0.0)
        if not both.any():
            return None
        counts = positives[both] if group_weight == "positives" else (positives + negatives)[both]
        within = wins[both] / (positives[both] * negatives[both])
        return float(counts @ within / counts.sum())

    return auc


def count_one_class_groups(positive: Bools, groups: Ints, *, weight: Floats) -> tuple[int, int]:
    """How many groups have weight, and how many of them have one class only."""
    counted = weight > 0.0
    names, group = np.unique(groups[counted], return_inverse=True)
    positives = np.bincount(group, positive[counted], minlength=names.size)
    rows = np.bincount(group, minlength=names.size)
    return int(names.size), int(((positives == 0) | (positives == rows)).sum())
