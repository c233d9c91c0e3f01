"""Off-policy evaluation of logs that do not fit into memory, from Parquet, with the answer of one that does.

N rows of a block, A actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.asking import Options, balanced_column, labels_of, read_log
from holdfast.evaluation.off_policy.context_features import ContextEncoding, learn_encoding
from holdfast.evaluation.off_policy.cross_fitting import CrossFittedPredictions, fold_of_key
from holdfast.evaluation.off_policy.extraction import (
    BLOCK_ROWS,
    MemorySource,
    Predictions,
    extract_columns,
)
from holdfast.evaluation.off_policy.feedback import Feedback
from holdfast.evaluation.off_policy.overlap import Overlap, OverlapCounter
from holdfast.evaluation.off_policy.policy_probabilities import PolicyProbabilities
from holdfast.evaluation.off_policy.reward_models import FittedRewardModel, RidgeRewardModel
from holdfast.evaluation.off_policy.reward_predictions import NUM_FOLDS, by_objective
from holdfast.evaluation.off_policy.rounds import Block
from holdfast.evaluation.off_policy.streamed_ridge import StreamedRidge

FrameFunction = Callable[[pd.DataFrame], Any]
"""From some rows of the log to what they need: probabilities, or predictions."""


class ParquetSource:
    """A log in Parquet, read block by block as often as needed.

    Everything of a block is made when the block is read, and forgotten with it.
    """

    def __init__(
        self,
        path: str | Path | Sequence[str | Path],
        policies: Mapping[str, FrameFunction | str],
        options: Options,
    ) -> None:
        parts = [str(each) for each in path] if not isinstance(path, str | Path) else str(path)
        self._dataset = pyarrow.dataset.dataset(parts, format="parquet")
        self._policies = policies
        self._options = options
        self._encoding: ContextEncoding | None = None
        self._models: dict[str, list[FittedRewardModel]] = {}
        self._mrdr_models: dict[tuple[str, str], list[FittedRewardModel]] = {}
        self.counters = {name: OverlapCounter() for name in policies}
        self._counted = False
        self.num_actions: int | None = None
        self._labels: Sequence[object] | None = None
        self.clustered = False

    def parts(self) -> Iterator[tuple[pd.DataFrame, Feedback, dict[str, PolicyProbabilities]]]:
        """Frames of equal size, checked, with the policies' probabilities."""
        first_row = 0
        for frame in self._frames():
            given = {name: _call(policy, frame, name) for name, policy in self._policies.items()}
            self._labels = labels_of(given, self._options.actions)
            feedback, read = read_log(
                frame, given, self._options.columns, actions=self._options.actions, first_row=first_row
            )
            first_row += len(frame)
            yield frame, feedback, read

    def _frames(self) -> Iterator[pd.DataFrame]:
        waiting: list[pd.DataFrame] = []
        rows = 0
        for batch in self._dataset.to_batches(batch_size=BLOCK_ROWS):
            if not batch.num_rows:
                continue
            waiting.append(batch.to_pandas())
            rows += batch.num_rows
            while rows >= BLOCK_ROWS:
                joined = waiting[0] if len(waiting) == 1 else pd.concat(waiting, ignore_index=True)
                yield joined.iloc[:BLOCK_ROWS].reset_index(drop=True)
                waiting = [joined.iloc[BLOCK_ROWS:]]
                rows -= BLOCK_ROWS
        if rows:
            yield pd.concat(waiting, ignore_index=True)

    def overlaps(self) -> dict[str, Overlap]:
        """By policy; complete after the first reading of the blocks."""
        return {name: counter.overlap() for name, counter in self.counters.items()}

    def prepare(self) -> None:
        """Looks at the first block, and fits the reward model if there is one to fit.

        Raises:
            UserError: the log has no rows.
        """
        _, feedback, read = next(self.parts(), (None, None, None))
        if feedback is None or read is None:
            raise UserError("the log has no rows; nothing can be estimated from it")
        model = self._options.reward_model
        if not (model is None or model is False or callable(model) or isinstance(model, RidgeRewardModel)):
            raise UserError(
                "reward_model must be None, False, a RidgeRewardModel or a function from a data frame to "
                "predictions where the log is streamed; other models need the log in memory"
            )
        self.clustered = feedback.clustered
        sizes = [policy.num_actions for policy in read.values()]
        self.num_actions = sizes[0] if all(sizes) else None
        if self.fits_model:
            self._fit(feedback)

    @property
    def fits_model(self) -> bool:
        """Whether the reward model is fitted here."""
        needed, given = self._options.needed, self._options.reward_model
        wanted = needed is None or bool(needed & {"model", "mrdr"})
        fits = given is None or isinstance(given, RidgeRewardModel)
        return wanted and fits and self.num_actions is not None

    @property
    def has_model(self) -> bool:
        """Whether there are predictions."""
        return self.fits_model or callable(self._options.reward_model)

    def _fit(self, first: Feedback) -> None:
        columns = self._options.columns
        slot = columns.slot if first.slots is not None else None
        self._encoding = learn_encoding(self._frames(), columns.context, slot=slot)
        fitter = StreamedRidge(self._options, self.num_actions or 0, self._encoding)
        for frame, feedback, read in self.parts():
            fitter.add(frame, feedback, read)
        self._models, self._mrdr_models = fitter.solve()

    def blocks(self) -> Iterator[Block]:
        """The blocks, in the order of the log."""
        counted = self._counted
        for frame, feedback, read in self.parts():
            predictions = self._predictions(frame, feedback)
            columns = {
                name: extract_columns(
                    feedback,
                    policy,
                    predictions=predictions,
                    mrdr_predictions=self._mrdr_predictions(name, frame, feedback),
                    balanced_weight=balanced_column(frame, self._options.balanced_weights.get(name)),
                    overlap=OverlapCounter() if counted else self.counters[name],
                )
                for name, policy in read.items()
            }
            yield from MemorySource(feedback.rewards, feedback.keys, columns).blocks()
        self._counted = True

    def _predictions(self, frame: pd.DataFrame, feedback: Feedback) -> Predictions | None:
        if self._models:
            return {
                name: self._cross_fitted(models, frame, feedback) for name, models in self._models.items()
            }
        given = self._options.reward_model
        if not callable(given):
            return None
        return by_objective(given(frame), feedback, index=frame.index, labels=self._labels)

    def _mrdr_predictions(self, policy: str, frame: pd.DataFrame, feedback: Feedback) -> Predictions | None:
        return {
            objective: self._cross_fitted(models, frame, feedback)
            for (name, objective), models in self._mrdr_models.items()
            if name == policy
        } or None

    def _cross_fitted(
        self, models: list[FittedRewardModel], frame: pd.DataFrame, feedback: Feedback
    ) -> CrossFittedPredictions:
        encoding = self._encoding
        features = np.empty((len(frame), 0)) if encoding is None else encoding.encode(frame)
        folds = fold_of_key(feedback.keys, num_folds=NUM_FOLDS, seed=self._options.intervals.seed)
        return CrossFittedPredictions(models, folds, features, self.num_actions or 0)


def _call(policy: FrameFunction | str, frame: pd.DataFrame, name: str) -> Any:
    if callable(policy):
        return policy(frame)
    if policy not in frame.columns:
        raise UserError(
            f"policy {name!r} names column {policy!r}, which the log does not have; give the column with its "
            "probability of the logged action, or a function from a data frame to probabilities"
        )
    return frame[policy]


def answer_from_parquet(
    path: str | Path | Sequence[str | Path],
    policies: Mapping[str, FrameFunction | str],
    options: Options,
) -> pd.DataFrame:
    """Reads the log as often as needed, and answers.

    Raises:
        UserError: as in ``evaluate``.
    """
    source = ParquetSource(path, policies, options)
    source.prepare()
    options.check_independence(clustered=source.clustered)
    question = options.question(
        list(policies), model=source.has_model, mrdr=source.fits_model and source.has_model
    )
    return answer(source, question, overlaps=source.overlaps, clustered=source.clustered)
