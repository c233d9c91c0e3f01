"""From what a user asks to results, for a log in memory.

N rows, A actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.extraction import MemorySource, extract_columns
from holdfast.evaluation.off_policy.feedback import Feedback, FeedbackColumns, read_feedback
from holdfast.evaluation.off_policy.intervals import BOUNDED_METHODS, Intervals
from holdfast.evaluation.off_policy.policy_probabilities import (
    PolicyProbabilities,
    action_labels,
    read_policy,
)
from holdfast.evaluation.off_policy.question import Question, default_estimators, label_estimators
from holdfast.evaluation.off_policy.reward_predictions import plan_models
from holdfast.evaluation.off_policy.row_order import check_row_order
from holdfast.evaluation.off_policy.trust import Trust
from holdfast.evaluation.off_policy.tuning import Tuned


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything but the log and the policies; ``evaluate`` says what each means."""

    columns: FeedbackColumns
    baseline: str | None = None
    reward_model: Any = None
    mrdr_reward_model: Any = None
    balanced_weights: Mapping[str, Any] = field(default_factory=dict)
    estimators: Sequence[Estimator | Tuned] | None = None
    actions: Sequence[object] | None = None
    utilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    intervals: Intervals = field(default_factory=Intervals)
    trust: Trust = field(default_factory=Trust)

    @property
    def needed(self) -> set[str] | None:
        """What the estimators need; None where all that is possible is wanted."""
        return None if self.estimators is None else {each.needs for each in self.estimators}

    def question(self, policies: Sequence[str], *, model: bool, mrdr: bool) -> Question:
        """The question, with the estimators that the log allows.

        Raises:
            UserError: an estimator lacks what it needs.
        """
        balanced = set(self.balanced_weights) >= set(policies)
        if self.estimators is None:
            chosen = default_estimators(model=model, mrdr=mrdr, balanced=balanced)
        else:
            chosen = list(self.estimators)
            _check_needs(chosen, {"weights": True, "model": model, "mrdr": mrdr, "balanced": balanced})
        return Question(
            policies=policies,
            objectives=list(self.columns.rewards),
            estimators=label_estimators(chosen),
            utilities=self.utilities,
            intervals=self.intervals,
            trust=self.trust,
            baseline=self.baseline,
        )

    def check_independence(self, *, clustered: bool) -> None:
        """Raises UserError where an interval takes users' rows as independent."""
        if clustered and self.intervals.method in BOUNDED_METHODS:
            raise UserError(
                f"intervals of method {self.intervals.method!r} take rows as independent, and column "
                f"{self.columns.user!r} says that they are not; choose 'analytic' or 'bootstrap', or pass "
                "user=None if every row is a user"
            )


def read_log(
    frame: pd.DataFrame,
    policies: Mapping[str, Any],
    columns: FeedbackColumns,
    *,
    actions: Sequence[object] | None,
    first_row: int = 0,
) -> tuple[Feedback, dict[str, PolicyProbabilities]]:
    """Checks a log and the policies that are asked about.

    Raises:
        UserError: something is missing or impossible.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UserError(
            f"the feedback is a {type(frame).__name__}; give a pandas.DataFrame, a row per choice"
        )
    labels = labels_of(policies, actions)
    read = {
        name: read_policy(given, name=name, num_rows=len(frame), actions=labels, index=frame.index)
        for name, given in policies.items()
    }
    sizes = {policy.num_actions for policy in read.values() if policy.num_actions is not None}
    if len(sizes) > 1:
        raise UserError(f"the policies have {sorted(sizes)} actions; give all of them the same actions")
    if labels is None and not sizes and columns.action in frame.columns:
        # Only logged actions are known, so their labels serve for counting.
        labels = list(pd.unique(frame[columns.action]))
    if labels is not None and sizes and len(labels) != next(iter(sizes)):
        raise UserError(f"actions has {len(labels)} labels and the policy {next(iter(sizes))} columns")
    return read_feedback(frame, columns, actions=labels, first_row=first_row), read


def labels_of(policies: Mapping[str, Any], actions: Sequence[object] | None) -> Sequence[object] | None:
    """Labels of the A actions, as named or as in the columns of a policy; None where there are none."""
    if actions is not None:
        return actions
    return next((found for given in policies.values() if (found := action_labels(given)) is not None), None)


def ask(frame: pd.DataFrame, policies: Mapping[str, Any], options: Options) -> pd.DataFrame:
    """Reads the log, fits what has to be fitted, and answers."""
    feedback, read = read_log(frame, policies, options.columns, actions=options.actions)
    options.check_independence(clustered=feedback.clustered)
    plan = plan_models(
        frame,
        feedback,
        options.columns,
        reward_model=options.reward_model,
        mrdr_reward_model=options.mrdr_reward_model,
        needed=options.needed,
        all_actions_known=all(policy.num_actions is not None for policy in read.values()),
        num_actions=next((policy.num_actions for policy in read.values() if policy.num_actions), 0),
        labels=labels_of(policies, options.actions),
        seed=options.intervals.seed,
    )
    question = options.question(list(read), model=plan.has_model, mrdr=plan.has_mrdr)
    extracted = {
        name: extract_columns(
            feedback,
            policy,
            predictions=plan.predictions,
            mrdr_predictions=plan.mrdr_predictions(policy),
            balanced_weight=balanced_column(frame, options.balanced_weights.get(name)),
        )
        for name, policy in read.items()
    }
    return answer(
        MemorySource(feedback.rewards, feedback.keys, extracted),
        question,
        overlaps=lambda: {name: each.overlap.overlap() for name, each in extracted.items()},
        clustered=feedback.clustered,
    )


def balanced_column(frame: pd.DataFrame, given: Any) -> Floats | None:
    """Weights ``[N]`` from an array or from the name of a column; None where there are none."""
    if given is None:
        return None
    if isinstance(given, str):
        if given not in frame.columns:
            raise UserError(f"balanced_weights names column {given!r}, which the feedback does not have")
        given = frame[given]
    check_row_order(given, frame.index, what="balanced_weights")
    return np.asarray(given, dtype=np.float64)


def _check_needs(estimators: Sequence[Estimator | Tuned], have: Mapping[str, bool]) -> None:
    remedy = {
        "model": "a reward model and the probabilities of all actions, or PredictedRewards",
        "mrdr": "a reward model fitted here (not predictions), or mrdr_reward_model",
        "balanced": "balanced_weights, for instance from estimate_balanced_weights",
    }
    for each in estimators:
        if not have[each.needs]:
            raise UserError(f"estimator {each.name!r} needs {remedy[each.needs]}; give it, or leave it out")
