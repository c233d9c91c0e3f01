"""From tables of rows by actions to a few numbers per row.

N rows, A actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.cross_fitting import CrossFittedPredictions
from holdfast.evaluation.off_policy.feedback import Feedback
from holdfast.evaluation.off_policy.overlap import OverlapCounter
from holdfast.evaluation.off_policy.policy_probabilities import (
    IndexedRows,
    PolicyProbabilities,
    ProbabilityBlock,
)
from holdfast.evaluation.off_policy.rounds import Block, Rounds

BLOCK_ROWS = 16384
"""Rows at once: their columns stay in the cache, and blocks are the same however a log is read."""


@dataclass(frozen=True)
class PredictedRewards:
    """A reward model's predictions for one policy, already averaged over its actions.

    Attributes:
        logged: at the logged action, ``[N]``.
        expected: averaged over the evaluation policy's actions, ``[N]``.
    """

    logged: Floats
    expected: Floats

    def __post_init__(self) -> None:
        # Rows are taken by position, and a series or a list would take them otherwise or not at all.
        for name in ("logged", "expected"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        if np.shape(self.logged) != np.shape(self.expected) or np.ndim(self.logged) != 1:
            raise UserError(
                f"PredictedRewards needs two arrays [N]; got shapes {np.shape(self.logged)} and "
                f"{np.shape(self.expected)}"
            )


Predictions = Mapping[str, Any]
"""By objective: ``[N, A]`` (array, ``IndexedRows``, ``CrossFittedPredictions``) or ``PredictedRewards``."""


@dataclass(frozen=True)
class PolicyColumns:
    """One policy on one log, a few numbers per row.

    Attributes:
        weight: ``[N]``.
        predicted: by objective, ``[N]``; absent without a model.
        expected: by objective, ``[N]``.
        mrdr_predicted: by objective, ``[N]``.
        mrdr_expected: by objective, ``[N]``.
        overlap: counts of how log and policy overlap.
        balanced_weight: from a classifier, ``[N]``; None without.
    """

    weight: Floats
    predicted: dict[str, Floats]
    expected: dict[str, Floats]
    mrdr_predicted: dict[str, Floats]
    mrdr_expected: dict[str, Floats]
    overlap: OverlapCounter = field(default_factory=OverlapCounter)
    balanced_weight: Floats | None = None

    def rounds(self, objective: str, reward: Floats, rows: slice) -> Rounds:
        """The rows of one objective."""

        def part(columns: dict[str, Floats]) -> Floats | None:
            return columns[objective][rows] if objective in columns else None

        balanced = self.balanced_weight
        return Rounds(
            weight=self.weight[rows],
            reward=reward[rows],
            predicted=part(self.predicted),
            expected=part(self.expected),
            mrdr_predicted=part(self.mrdr_predicted),
            mrdr_expected=part(self.mrdr_expected),
            balanced_weight=None if balanced is None else balanced[rows],
        )


def extract_columns(
    feedback: Feedback,
    policy: PolicyProbabilities,
    *,
    predictions: Predictions | None = None,
    mrdr_predictions: Predictions | None = None,
    balanced_weight: Floats | None = None,
    overlap: OverlapCounter | None = None,
) -> PolicyColumns:
    """Weights and predictions of one policy, block by block; nothing of the size ``[N, A]`` is made.

    Args:
        feedback: N rows.
        policy: N rows.
        predictions: by objective; None without a reward model.
        mrdr_predictions: by objective, of the model fitted for least variance of DR.
        balanced_weight: from a classifier, >= 0, ``[N]``.
        overlap: counts so far, which are added to; a new one when None.

    Raises:
        UserError: probabilities or predictions that are impossible or do not fit the feedback.
    """
    columns = PolicyColumns(
        weight=np.empty(feedback.num_rows),
        predicted=_room(predictions, feedback),
        expected=_room(predictions, feedback),
        mrdr_predicted=_room(mrdr_predictions, feedback),
        mrdr_expected=_room(mrdr_predictions, feedback),
        overlap=overlap if overlap is not None else OverlapCounter(),
        balanced_weight=_checked_weight(balanced_weight, feedback.num_rows),
    )
    for rows in row_slices(feedback.num_rows):
        actions = feedback.actions[rows]
        block = policy.block(rows, actions, first_row=feedback.first_row)
        columns.weight[rows] = block.logged / feedback.propensity[rows]
        columns.overlap.add(feedback, block, rows, columns.weight[rows])
        for given, logged, expected in (
            (predictions, columns.predicted, columns.expected),
            (mrdr_predictions, columns.mrdr_predicted, columns.mrdr_expected),
        ):
            for objective in logged:
                prediction = (given or {})[objective]
                logged[objective][rows], expected[objective][rows] = _predict(
                    prediction, block, rows, actions, policy=policy.name, objective=objective
                )
    return columns


def _room(predictions: Predictions | None, feedback: Feedback) -> dict[str, Floats]:
    return {name: np.empty(feedback.num_rows) for name in predictions or {} if name in feedback.rewards}


def _checked_weight(weight: Floats | None, num_rows: int) -> Floats | None:
    if weight is None:
        return None
    weight = np.asarray(weight, dtype=np.float64)
    if weight.shape != (num_rows,) or not (np.isfinite(weight) & (weight >= 0.0)).all():
        raise UserError(
            f"balanced_weights has shape {weight.shape} or holds a value that is missing, infinite or "
            f"negative; it needs one weight for each of the {num_rows} rows"
        )
    return weight


def _predict(
    prediction: Any, block: ProbabilityBlock, rows: slice, actions: Any, *, policy: str, objective: str
) -> tuple[Floats, Floats]:
    if isinstance(prediction, PredictedRewards):
        logged, expected = prediction.logged[rows], prediction.expected[rows]
    else:
        if isinstance(prediction, CrossFittedPredictions):
            table = prediction.rows(rows)
        elif isinstance(prediction, IndexedRows):
            table = prediction.table[prediction.index[rows]]
        else:
            table = prediction[rows]
        if block.table is None:
            raise UserError(
                f"policy {policy!r} has probabilities of the logged actions only, so predictions cannot be "
                "averaged over its actions; give all probabilities [rows, actions], or PredictedRewards"
            )
        if table.shape != block.table.shape:
            raise UserError(
                f"predictions of {objective!r} have shape {table.shape} where policy {policy!r} has "
                f"{block.table.shape}; both need a row per row of feedback and a column per action"
            )
        logged, expected = table[np.arange(len(actions)), actions], block.expected(table)
    if not (np.isfinite(logged).all() and np.isfinite(expected).all()):
        raise UserError(f"predictions of {objective!r} hold missing or infinite values")
    return logged, expected


def row_slices(num_rows: int) -> Iterator[slice]:
    """The blocks of N rows."""
    for start in range(0, num_rows, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, num_rows))


@dataclass(frozen=True)
class MemorySource:
    """A log in memory, as a source of blocks.

    Attributes:
        rewards: by objective, ``[N]``.
        keys: ``[N]``.
        policies: by name.
    """

    rewards: Mapping[str, Floats]
    keys: NDArray[np.uint64]
    policies: Mapping[str, PolicyColumns]

    def blocks(self) -> Iterator[Block]:
        """The blocks, in the order of the log."""
        for rows in row_slices(self.keys.size):
            yield Block(
                {
                    (name, objective): columns.rounds(objective, reward, rows)
                    for name, columns in self.policies.items()
                    for objective, reward in self.rewards.items()
                },
                self.keys[rows],
            )
