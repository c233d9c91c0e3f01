"""How far a log of slates reaches, slot by slot.

Q slates, K slots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.joint_estimate import ClusterSums
from holdfast.evaluation.off_policy.overlap import EXPLORATION, Overlap, OverlapCounter
from holdfast.evaluation.off_policy.trust import Trust

EXPLORED_FAMILIES = ("slate", "head", "marginal")
"""Families whose uniform chances follow from the number of candidates."""


class Reach:
    """How far a log of slates reaches under one policy and one family of weights, counted as it passes by."""

    def __init__(self, family: str, *, clustered: bool, num_candidates: int | None = None) -> None:
        """Nothing counted yet.

        Args:
            family: of the weights.
            clustered: whether keys are users'.
            num_candidates: C, how many items slots are filled from; None where that is not known, or not
                asked about.
        """
        self._family, self._clustered = family, clustered
        self._num_candidates = num_candidates if family in EXPLORED_FAMILIES else None
        self._num_slates = 0
        self._users: ClusterSums | None = None
        self._second: dict[float, Floats] = {}

    def add(self, weights: Floats, keys: NDArray[np.uint64], *, wanted: Floats, logged: Floats) -> None:
        """Count some slates.

        Args:
            weights: ``[K, Q]``.
            keys: of the users, or of the slates, ``[Q]``.
            wanted: evaluation policy's chances of this family's kind, ``[K, Q]``.
            logged: behavior policy's, ``[K, Q]``.
        """
        mean, here = weights.mean(axis=1), weights.shape[1]
        scatter = ((weights - mean[:, None]) ** 2).sum(axis=1)
        if not self._num_slates:
            self._mean, self._scatter, self._largest = mean, scatter, weights.max(axis=1)
        else:
            total, step = self._num_slates + here, mean - self._mean
            self._scatter = self._scatter + scatter + step**2 * (self._num_slates * here / total)
            self._mean = self._mean + step * (here / total)
            self._largest = np.maximum(self._largest, weights.max(axis=1))
        self._num_slates += here
        if self._clustered:
            self._users = self._users or ClusterSums(len(weights) + 1)
            self._users.add(keys, np.concatenate([weights, np.ones((1, here))]))
        if self._num_candidates is not None:
            self._add_exploration(weights, wanted, logged)

    def _add_exploration(self, weights: Floats, wanted: Floats, logged: Floats) -> None:
        uniform = self._uniform(len(weights))
        for share in EXPLORATION:
            explored = (1.0 - share) * logged + share * uniform
            more = (weights * wanted / explored).sum(axis=1)
            self._second[share] = self._second.get(share, 0.0) + more

    def _uniform(self, num_slots: int) -> Floats:
        """Chance of what a family weighs under uniform slates, ``[K, 1]``."""
        slots = np.arange(1, num_slots + 1) if self._family == "head" else np.full(num_slots, num_slots)
        count = np.ones(num_slots) if self._family == "marginal" else slots
        return np.array([1.0 / math.perm(self._num_candidates or 0, int(each)) for each in count])[:, None]

    def table(self) -> pd.DataFrame:
        """A row a slot: slot, rows, effective_sample_size, mean_weight, its error, largest_weight."""
        num_slates = self._num_slates
        squares = self._scatter + num_slates * self._mean**2
        totals = (num_slates * self._mean) ** 2
        return pd.DataFrame(
            {
                "slot": np.arange(self._mean.size),
                "rows": num_slates,
                "effective_sample_size": np.divide(
                    totals, squares, out=np.zeros_like(totals), where=squares > 0.0
                ),
                "mean_weight": self._mean,
                "mean_weight_error": self._mean_errors(),
                "largest_weight": self._largest,
            }
        )

    def _mean_errors(self) -> Floats:
        """Standard error of the mean weight of each slot, robust to users, ``[K]``; 0 for one unit."""
        squares, units = self._scatter, self._num_slates
        if self._users is not None:
            sums = self._users.total()
            units = sums.shape[1]
            squares = ((sums[:-1] - self._mean[:, None] * sums[-1]) ** 2).sum(axis=1)
        if units < 2:
            return np.zeros_like(self._mean)
        return np.asarray(np.sqrt(squares * units / (units - 1)) / self._num_slates)

    def explored(self) -> dict[float, float]:
        """Effective sample size, in the weakest slot, of a log with so much more exploration.

        A share ``e`` of slates would be drawn uniformly from ``C`` candidates, so that a chance becomes
        ``(1 - e) p_b + e u`` and the mean of squared weights ``E_b[p_e^2 / (p_b ((1 - e) p_b + e u))]``. What
        the evaluation policy shows and the log cannot hold, one minus the mean weight, is taken as a single
        item.

        Returns:
            By share of exploration; empty where it cannot be told.
        """
        sizes = {}
        for share, total in self._second.items():
            missing = np.maximum(1.0 - self._mean, 0.0)
            second = total / self._num_slates + missing / (share * self._uniform(missing.size)[:, 0])
            sizes[share] = float(self._num_slates / second.max()) if second.max() > 0.0 else math.inf
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
