"""How far a log of slates reaches, slot by slot.

Q slates, K slots, G users.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.overlap import EXPLORATION, Overlap, OverlapCounter
from holdfast.evaluation.off_policy.trust import Trust


def effective_sample_sizes(weights: Floats) -> Floats:
    """``(sum w)^2 / sum w^2`` of each slot, 0 where all weights are, ``[K]`` from ``[K, Q]``."""
    squares = (weights * weights).sum(axis=1)
    totals = weights.sum(axis=1) ** 2
    return np.asarray(np.divide(totals, squares, out=np.zeros(len(weights)), where=squares > 0.0))


def mean_weight_errors(weights: Floats, keys: NDArray[np.uint64]) -> Floats:
    """Standard error of the mean weight of each slot, robust to users, ``[K]`` from ``[K, Q]``; 0 for one."""
    _, codes = np.unique(keys, return_inverse=True)
    groups = int(codes.max()) + 1
    if groups < 2:
        return np.zeros(len(weights))
    centred = weights - weights.mean(axis=1, keepdims=True)
    squares = np.array([(np.bincount(codes, row) ** 2).sum() for row in centred])
    return np.asarray(np.sqrt(squares * groups / (groups - 1)) / weights.shape[1])


def slot_table(weights: Floats, keys: NDArray[np.uint64]) -> pd.DataFrame:
    """A row per slot: slot, rows, effective_sample_size, mean_weight, its standard error, largest_weight."""
    num_slots, num_slates = weights.shape
    return pd.DataFrame(
        {
            "slot": np.arange(num_slots),
            "rows": num_slates,
            "effective_sample_size": effective_sample_sizes(weights),
            "mean_weight": weights.mean(axis=1),
            "mean_weight_error": mean_weight_errors(weights, keys),
            "largest_weight": weights.max(axis=1),
        }
    )


def sizes_with_exploration(
    family: str, wanted: Floats, logged: Floats, *, num_candidates: int
) -> dict[float, float]:
    """Effective sample size, in the weakest slot, of a log with so much more exploration.

    A share ``e`` of slates would be drawn uniformly from ``C`` candidates, so that a chance becomes
    ``(1 - e) p_b + e u`` and the mean of squared weights ``E_b[p_e^2 / (p_b ((1 - e) p_b + e u))]``. What the
    evaluation policy shows and the log cannot hold, one minus the mean weight, is taken as a single item.

    Args:
        family: ``slate``, ``head`` or ``marginal``.
        wanted: evaluation policy's chances, ``[K, Q]``.
        logged: behavior policy's chances, ``[K, Q]``.
        num_candidates: C, at least K.

    Returns:
        By share of exploration.
    """
    num_slots, num_slates = wanted.shape
    slots = np.arange(1, num_slots + 1) if family == "head" else np.full(num_slots, num_slots)
    count = np.ones(num_slots) if family == "marginal" else slots
    uniform = np.array([1.0 / math.perm(num_candidates, int(each)) for each in count])[:, None]
    weights = wanted / logged
    missing = np.maximum(1.0 - weights.mean(axis=1), 0.0)
    sizes = {}
    for share in EXPLORATION:
        explored = (1.0 - share) * logged + share * uniform
        second = (weights * wanted / explored).mean(axis=1) + missing / (share * uniform[:, 0])
        sizes[share] = float(num_slates / second.max()) if second.max() > 0.0 else math.inf
    return sizes


def overlap_of_slates(slots: pd.DataFrame, explored: Mapping[float, float]) -> Overlap:
    """What advice needs to know. Only logged items' chances are known, so what was never logged is not."""
    return Overlap(
        num_rows=int(slots["rows"].iloc[0]),
        actions_known=False,
        support_violation=0.0,
        never_logged=(),
        by_slot=slots.assign(support_violation=0.0),
        size_with_exploration=dict(explored),
        counter=OverlapCounter(),
    )


def slots_with_wrong_weights(slots: pd.DataFrame, trust: Trust) -> str:
    """Which slots' weights do not average 1, in words; empty where all do.

    The chance of a false alarm in any of the slots is that of a single test with the threshold of ``trust``.
    """
    threshold = float(stats.norm.isf(stats.norm.sf(trust.max_weight_error) / len(slots)))
    # Rounding alone moves the mean of equal weights by less than this.
    slack = threshold * slots["mean_weight_error"] + 1e-6
    wrong = slots[(slots["mean_weight"] - 1.0).abs() > slack]
    if wrong.empty:
        return ""
    means = ", ".join(f"{each.mean_weight:.3g} in slot {each.slot}" for each in wrong.itertuples())
    return (
        f"weights average {means} instead of 1, which is what they do if the propensities are right and all "
        "that "
        "the policy shows could be logged"
    )
