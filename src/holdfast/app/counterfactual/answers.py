"""From chances and outcomes to values, differences, and whether the log can say.

N rows, M candidates, K slots, D predictions of a candidate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from holdfast.app.counterfactual.outcomes import Reward
from holdfast.app.counterfactual.requests import Candidates, LoggedRequests
from holdfast.app.counterfactual.scoring import Block, Chances, Scored, chances_of
from holdfast.app.counterfactual.settings import UTILITY
from holdfast.core.arrays import Bools, Floats
from holdfast.evaluation.off_policy import (
    DoublyRobust,
    Estimator,
    FeedbackColumns,
    Intervals,
    InversePropensity,
    Overlap,
    PredictedRewards,
    RidgeRewardModel,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInversePropensity,
    Trust,
    evaluate,
)
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.cross_fitting import cross_fit, fold_of_key
from holdfast.evaluation.off_policy.extraction import MemorySource, PolicyColumns, extract_columns
from holdfast.evaluation.off_policy.feedback import Feedback, read_feedback
from holdfast.evaluation.off_policy.overlap import EXPLORATION
from holdfast.evaluation.off_policy.policy_probabilities import read_policy
from holdfast.evaluation.off_policy.question import BEHAVIOR, Question, label_estimators
from holdfast.evaluation.off_policy.reward_predictions import NUM_FOLDS
from holdfast.simulation.policies.scored import SlotChances

LOGGED_MEAN = "logged_mean"
WEIGHTS_ONLY: tuple[Estimator, ...] = (InversePropensity(), SelfNormalizedInversePropensity())
WITH_MODEL: tuple[Estimator, ...] = (DoublyRobust(), SelfNormalizedDoublyRobust())


@dataclass(frozen=True, kw_only=True)
class Asked:
    """All that is asked, and of which log.

    Attributes:
        requests: of the window.
        candidates: of the requests.
        blocks: of the requests.
        propensity: of what was shown, in its slot, ``[N]``.
        rewards: by objective.
        scored: the candidates, by policy.
        exploration: of all policies.
        utility: worth of the objectives.
        level: of the intervals.
        seed: of the folds.
        own: the run's own policy, with which the others are compared.
    """

    requests: LoggedRequests
    candidates: Candidates
    blocks: Sequence[Block]
    propensity: Floats
    rewards: Mapping[str, Reward]
    scored: Scored
    exploration: SlotChances
    utility: Mapping[str, float]
    level: float
    seed: int
    own: str


@dataclass(frozen=True)
class Answers:
    """What came out.

    Attributes:
        values: columns of ``off_policy.COLUMNS`` and ``versus``: empty for a value, else the policy that was
            subtracted.
        slots: overlap by policy and slot.
        weights: sizes of weights by policy.
    """

    values: pd.DataFrame
    slots: pd.DataFrame
    weights: pd.DataFrame


def answers(asked: Asked) -> Answers:
    """Ask every question of every group of rows on which the same outcomes are known."""
    tables: list[pd.DataFrame] = []
    slots: list[pd.DataFrame] = []
    weights: list[pd.DataFrame] = []
    for known, objectives, with_utility in _groups(asked):
        group = _Group(asked, known, objectives, utility=with_utility)
        table = group.tables()
        wanted = [UTILITY] if with_utility else list(objectives)
        tables.append(table[table["objective"].isin(wanted)])
        if not slots:
            overlaps = group.overlaps()
            slots = [each.by_slot.assign(policy=name) for name, each in overlaps.items()]
            weights = [each.weights.assign(policy=name) for name, each in overlaps.items()]
    return Answers(
        *(pd.concat(parts, ignore_index=True) for parts in (tables, slots, weights)),
    )


def _groups(asked: Asked) -> list[tuple[Bools, tuple[str, ...], bool]]:
    """Rows, objectives that are known there, and whether it is their utility that is asked about."""
    alike: dict[bytes, list[str]] = {}
    for name, reward in asked.rewards.items():
        alike.setdefault(reward.known.tobytes(), []).append(name)
    groups = [(asked.rewards[names[0]].known, tuple(names), False) for names in alike.values()]
    worth = _worth(asked)
    if len(worth) > 1:
        known = np.logical_and.reduce([asked.rewards[name].known for name in worth])
        if known.any():
            groups.append((known, tuple(worth), True))
    return groups


def _worth(asked: Asked) -> dict[str, float]:
    return {name: worth for name, worth in asked.utility.items() if worth and name in asked.rewards}


class _Group:
    """Rows on which the same outcomes are known."""

    def __init__(self, asked: Asked, known: Bools, objectives: Sequence[str], *, utility: bool) -> None:
        self._asked, self._rows, self._objectives = asked, np.flatnonzero(known), list(objectives)
        self._utilities = {UTILITY: _worth(asked)} if utility else {}
        self._intervals = Intervals(level=asked.level, seed=asked.seed)
        rows = asked.requests.rows.iloc[self._rows]
        outcomes = {name: asked.rewards[name].value[self._rows] for name in objectives}
        self._frame = pd.DataFrame(
            {
                "action": pd.factorize(rows["item_id"])[0],
                "propensity": asked.propensity[self._rows],
                "user_id": rows["user_id"].to_numpy(),
                "slot": asked.requests.slot[self._rows],
                **outcomes,
            }
        )
        columns = FeedbackColumns(rewards=tuple(self._objectives))
        self._feedback = read_feedback(self._frame, columns)
        predicted = self._predicted(self._feedback)
        self._chances = {
            name: chances_of(
                asked.blocks, asked.exploration, score, predicted, num_rows=len(asked.requests.rows)
            )
            for name, score in asked.scored.score.items()
        }
        self._with_model = bool(predicted)
        shown = asked.candidates.shown[self._rows], asked.requests.slot[self._rows]
        self._at_logged = {name: values[shown] for name, values in predicted.items()}
        self._columns = {name: self._extracted(name, each) for name, each in self._chances.items()}

    def _predicted(self, feedback: Feedback) -> dict[str, Floats]:
        """What a candidate would bring in in each slot, by objective, ``[M, K]``; never of a user's own rows.

        Empty where there are too few users to keep them apart.
        """
        asked = self._asked
        folds = fold_of_key(feedback.keys, num_folds=NUM_FOLDS, seed=asked.seed)
        if np.unique(folds).size < NUM_FOLDS:
            return {}
        slot = asked.requests.slot
        inputs, num_slots = asked.scored.predictions, int(asked.requests.num_slots.max())
        owner = np.repeat(np.arange(len(asked.requests)), asked.candidates.num_candidates)
        users = asked.requests.rows["user_id"].iloc[asked.requests.first].to_numpy()
        fold_of_request = fold_of_key(pd.util.hash_array(users), num_folds=NUM_FOLDS, seed=asked.seed)
        folds_of_all = fold_of_request[owner]
        predicted: dict[str, Floats] = {}
        for name in self._objectives:
            fitted = cross_fit(
                RidgeRewardModel(),
                inputs[asked.candidates.shown[self._rows]],
                slot[self._rows],
                feedback.rewards[name],
                folds=folds,
                num_folds=NUM_FOLDS,
                num_actions=num_slots,
            )
            values = np.empty((len(inputs), num_slots))
            for fold, model in enumerate(fitted.models):
                here = folds_of_all == fold
                values[here] = model.predict(inputs[here])
            predicted[name] = values
        return predicted

    def _extracted(self, name: str, chances: Chances) -> PolicyColumns:
        predictions = {
            objective: PredictedRewards(self._at_logged[objective], values[self._rows])
            for objective, values in chances.expected.items()
        }
        policy = read_policy(chances.logged[self._rows], name=name, num_rows=len(self._rows))
        return extract_columns(self._feedback, policy, predictions=predictions or None)

    def overlaps(self) -> dict[str, Overlap]:
        """How log and policies overlap, with what exploration would change."""
        return {name: self._overlap(name) for name in self._columns}

    def _overlap(self, name: str) -> Overlap:
        requests, propensity = self._asked.requests, self._feedback.propensity
        num_candidates = self._asked.candidates.num_candidates[requests.request[self._rows]]
        weight = self._columns[name].weight
        product = weight * weight * propensity
        sizes = {}
        for share in EXPLORATION:
            second = float((product / ((1.0 - share) * propensity + share / num_candidates)).sum())
            sizes[share] = float(weight.sum()) ** 2 / second if second > 0.0 else 0.0
        return replace(self._columns[name].overlap.overlap(), size_with_exploration=sizes)

    def tables(self) -> pd.DataFrame:
        """Values, and differences to the behavior policy and to the run's own."""
        own, names = self._asked.own, list(self._columns)
        tables = [self._behavior(), self._ask(names, None), self._ask(names, BEHAVIOR)]
        if len(names) > 1:
            others = self._ask(names, own)
            tables.append(others[others["policy"] != own])
        return pd.concat(tables, ignore_index=True)

    def _behavior(self) -> pd.DataFrame:
        """The logged mean: the evaluation of the policy that logged, all weights 1."""
        table = evaluate(
            self._frame,
            self._frame["propensity"].to_numpy(),
            reward_model=False,
            estimators=[InversePropensity()],
            rewards=self._objectives,
            utilities=self._utilities,
            intervals=self._intervals,
        )
        return table.assign(policy=BEHAVIOR, estimator=LOGGED_MEAN, versus="")

    def _ask(self, names: Sequence[str], baseline: str | None) -> pd.DataFrame:
        question = Question(
            policies=names,
            objectives=self._objectives,
            estimators=label_estimators([*WEIGHTS_ONLY, *(WITH_MODEL if self._with_model else ())]),
            utilities=self._utilities,
            intervals=self._intervals,
            trust=Trust(),
            baseline=baseline,
        )
        source = MemorySource(self._feedback.rewards, self._feedback.keys, self._columns)
        table = answer(source, question, overlaps=self.overlaps, clustered=self._feedback.clustered)
        return table.assign(versus=baseline or "")
