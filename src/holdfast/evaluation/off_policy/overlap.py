"""Whether a log holds what an evaluation policy would do, and what exploration would make it so.

N rows, A actions, S slots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.feedback import Feedback
from holdfast.evaluation.off_policy.policy_probabilities import ProbabilityBlock

EVERY_SLOT = "all"
"""Stands for the slot of a log without slots."""
EXPLORATION = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Shares of uniform exploration that are tried."""
BINS_PER_DECADE = 4
_SMALLEST_BIN, _NUM_BINS = -4 * BINS_PER_DECADE, 12 * BINS_PER_DECADE


@dataclass
class SlotCounts:
    """Sums over the rows of one slot.

    Attributes:
        num_rows: rows.
        weight: sum of the weights.
        squared_weight: sum of their squares.
        explored: for each share of exploration, the sum of squared weights that the same number of rows
            logged with so much exploration would have, ``[7]``.
        logged: how often each action was logged, ``[A]``; empty where only logged actions are known.
        wanted: sum of the policy's probabilities, ``[A]``; empty likewise.
        wanted_squares: sum of their squares, ``[A]``.
    """

    num_rows: int = 0
    weight: float = 0.0
    squared_weight: float = 0.0
    explored: Floats = field(default_factory=lambda: np.zeros(len(EXPLORATION)))
    logged: Floats = field(default_factory=lambda: np.zeros(0))
    wanted: Floats = field(default_factory=lambda: np.zeros(0))
    wanted_squares: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass
class OverlapCounter:
    """Gathers, block by block, how log and policy overlap.

    Attributes:
        slots: counts by slot.
        histogram: rows by size of weight; the first bin holds weights of 0, ``[B]``.
        histogram_weight: sum of the weights in each bin, ``[B]``.
        inverse: sum of inverse propensities of each logged action, ``[A]``.
        inverse_squares: sum of their squares, ``[A]``.
    """

    slots: dict[object, SlotCounts] = field(default_factory=dict)
    histogram: Floats = field(default_factory=lambda: np.zeros(_NUM_BINS + 1))
    histogram_weight: Floats = field(default_factory=lambda: np.zeros(_NUM_BINS + 1))
    inverse: Floats = field(default_factory=lambda: np.zeros(0))
    inverse_squares: Floats = field(default_factory=lambda: np.zeros(0))

    def add(self, feedback: Feedback, block: ProbabilityBlock, rows: slice, weight: Floats) -> None:
        """Counts the rows of a block."""
        self._add_histogram(weight)
        self._add_inverse(feedback, rows, None if block.table is None else block.table.shape[1])
        slots = None if feedback.slots is None else feedback.slots[rows]
        names = [EVERY_SLOT] if slots is None else np.unique(slots).tolist()
        for name in names:
            here = None if len(names) == 1 else np.flatnonzero(slots == name)
            self._add_slot(name, feedback, block, rows, weight, here)

    def _add_histogram(self, weight: Floats) -> None:
        with np.errstate(divide="ignore"):
            size = np.floor(np.log10(weight) * BINS_PER_DECADE) - _SMALLEST_BIN
        bins = np.where(weight > 0.0, np.clip(size, 0, _NUM_BINS - 1) + 1, 0).astype(np.int64)
        self.histogram += np.bincount(bins, minlength=_NUM_BINS + 1)
        self.histogram_weight += np.bincount(bins, weight, minlength=_NUM_BINS + 1)

    def _add_inverse(self, feedback: Feedback, rows: slice, num_actions: int | None) -> None:
        if num_actions is None:
            return
        inverse = 1.0 / feedback.propensity[rows]
        actions = feedback.actions[rows]
        if not self.inverse.size:
            self.inverse, self.inverse_squares = np.zeros(num_actions), np.zeros(num_actions)
        self.inverse += np.bincount(actions, inverse, minlength=num_actions)
        self.inverse_squares += np.bincount(actions, inverse * inverse, minlength=num_actions)

    def _add_slot(
        self,
        name: object,
        feedback: Feedback,
        block: ProbabilityBlock,
        rows: slice,
        weight: Floats,
        here: NDArray[np.intp] | None,
    ) -> None:
        counts = self.slots.setdefault(name, SlotCounts())
        table, actions = block.table, feedback.actions[rows]
        propensity, logged = feedback.propensity[rows], block.logged
        if here is not None:
            weight, propensity, logged, actions = (
                weight[here],
                propensity[here],
                logged[here],
                actions[here],
            )
            table = None if table is None else table[here]
        counts.num_rows += weight.size
        counts.weight += float(weight.sum())
        counts.squared_weight += float(weight @ weight)
        if table is None:
            return
        num_actions = table.shape[1]
        if not counts.logged.size:
            counts.logged, counts.wanted = np.zeros(num_actions), np.zeros(num_actions)
            counts.wanted_squares = np.zeros(num_actions)
        product = weight * logged
        for place, share in enumerate(EXPLORATION):
            counts.explored[place] += float(
                (product / ((1.0 - share) * propensity + share / num_actions)).sum()
            )
        counts.logged += np.bincount(actions, minlength=num_actions)
        counts.wanted += np.asarray(table.sum(axis=0, dtype=np.float64)).ravel()
        never = counts.logged == 0.0
        if never.any():
            rare = table[:, np.flatnonzero(never)]
            squares = rare.multiply(rare) if hasattr(rare, "multiply") else rare * rare
            counts.wanted_squares[never] += np.asarray(squares.sum(axis=0, dtype=np.float64)).ravel()

    def overlap(self) -> Overlap:
        """What the counts say."""
        num_rows = sum(counts.num_rows for counts in self.slots.values())
        table = pd.DataFrame(
            [_slot_row(name, counts) for name, counts in self.slots.items()],
            columns=["slot", "rows", "effective_sample_size", "mean_weight", "support_violation"],
        )
        never: tuple[int, ...] = ()
        explored = np.zeros(0)
        if self.inverse.size:
            logged = np.sum([counts.logged for counts in self.slots.values()], axis=0)
            wanted = np.sum([counts.wanted for counts in self.slots.values()], axis=0)
            never = tuple(int(action) for action in np.flatnonzero((logged == 0.0) & (wanted > 0.0)))
            second = np.sum([_explored(counts) for counts in self.slots.values()], axis=0)
            explored = np.divide(
                num_rows**2, second, out=np.full(len(EXPLORATION), np.inf), where=second > 0.0
            )
        violation = float((table["support_violation"] * table["rows"]).sum() / max(num_rows, 1))
        return Overlap(
            num_rows=num_rows,
            actions_known=bool(self.inverse.size),
            support_violation=violation,
            never_logged=never,
            by_slot=table.sort_values("slot", key=lambda s: s.map(str), ignore_index=True),
            size_with_exploration=dict(zip(EXPLORATION, explored.tolist(), strict=False)),
            counter=self,
        )


def _slot_row(name: object, counts: SlotCounts) -> tuple[object, int, float, float, float]:
    size = counts.weight**2 / counts.squared_weight if counts.squared_weight > 0.0 else 0.0
    missing = float(counts.wanted[counts.logged == 0.0].sum()) if counts.logged.size else 0.0
    return name, counts.num_rows, size, counts.weight / counts.num_rows, missing / counts.num_rows


def _explored(counts: SlotCounts) -> Floats:
    """Squared weights with exploration, those of actions that were never logged included, ``[7]``."""
    if not counts.logged.size:
        return counts.explored
    never = counts.wanted_squares[counts.logged == 0.0].sum()
    extra: Floats = float(never) * counts.logged.size / np.array(EXPLORATION)
    return counts.explored + extra


@dataclass(frozen=True)
class Overlap:
    """How log and policy overlap.

    Attributes:
        num_rows: N.
        actions_known: whether the policy's probabilities of all actions are known.
        support_violation: share of the policy's probability on actions that were never logged in that slot,
            in [0, 1]; 0 where only the logged actions' probabilities are known.
        never_logged: actions that it would choose and that were never logged in any slot.
        by_slot: a row per slot: rows, effective sample size, mean weight, support violation.
        size_with_exploration: by share of uniform exploration added to the behavior policy, the effective
            sample size that as many rows would then have.
        counter: the counts that this was made of.
    """

    num_rows: int
    actions_known: bool
    support_violation: float
    never_logged: tuple[int, ...]
    by_slot: pd.DataFrame
    size_with_exploration: Mapping[float, float]
    counter: OverlapCounter

    @property
    def weights(self) -> pd.DataFrame:
        """A row per size of weight: rows, and their share of all weight; what an overlap plot shows."""
        edges = 10.0 ** (np.arange(_SMALLEST_BIN, _SMALLEST_BIN + _NUM_BINS + 1) / BINS_PER_DECADE)
        table = pd.DataFrame(
            {
                "weight_from": np.concatenate([[0.0], edges[:-1]]),
                "weight_to": np.concatenate([[0.0], edges[1:]]),
                "rows": self.counter.histogram.astype(np.int64),
                "weight_share": self.counter.histogram_weight
                / max(self.counter.histogram_weight.sum(), 1e-300),
            }
        )
        return table[table["rows"] > 0].reset_index(drop=True)

    @property
    def propensities(self) -> pd.DataFrame:
        """A row per action: the mean of ``1[action] / propensity``, with its standard error.

        The mean is 1 for propensities that are right; ``z`` is its distance from 1 in standard errors. An
        action that was never logged has 0.
        """
        num_rows = max(self.num_rows, 1)
        inverse, squares = self.counter.inverse, self.counter.inverse_squares
        mean = inverse / num_rows
        error = np.sqrt(np.maximum(squares / num_rows - mean**2, 0.0) / num_rows)
        return pd.DataFrame(
            {
                "action": np.arange(inverse.size),
                "mean_inverse_weight": mean,
                "standard_error": error,
                "z": np.divide(mean - 1.0, error, out=np.zeros_like(mean), where=error > 0.0),
            }
        )
