"""From what a user asks of a log of slates to results.

N rows, Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.intervals import BOUNDED_METHODS, Intervals
from holdfast.evaluation.off_policy.question import BEHAVIOR, Question, label_estimators
from holdfast.evaluation.off_policy.slates.choosing import choose_estimators, read_predictions
from holdfast.evaluation.off_policy.slates.estimators import SlateEstimator
from holdfast.evaluation.off_policy.slates.parts import Parts, SlatePart, SlateSource
from holdfast.evaluation.off_policy.slates.probabilities import SlateProbabilities, read_probabilities
from holdfast.evaluation.off_policy.slates.reach import Reach, overlap_of_slates, slots_with_wrong_weights
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns, read_slates
from holdfast.evaluation.off_policy.slates.weights import FAMILIES
from holdfast.evaluation.off_policy.trust import ABSTAINS, OK, Trust


@dataclass(frozen=True, kw_only=True)
class SlateQuestion:
    """Everything but the log and the policies; ``evaluate_slates`` says what each means."""

    columns: SlateColumns
    baseline: str | None = None
    estimators: Sequence[SlateEstimator] | None = None
    utilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    intervals: Intervals = field(default_factory=Intervals)
    trust: Trust = field(default_factory=Trust)
    num_candidates: int | None = None

    def question(
        self, policies: Sequence[str], estimators: Mapping[str, SlateEstimator], *, clustered: bool
    ) -> Question:
        """What is asked of some estimators.

        Raises:
            UserError: the intervals do not exist for them, or take users' slates as independent.
        """
        if clustered and self.intervals.method in BOUNDED_METHODS:
            raise UserError(
                f"intervals of method {self.intervals.method!r} take slates as independent, and column "
                f"{self.columns.user!r} says that they are not; choose 'analytic' or 'bootstrap', or pass "
                "user=None if every slate is a user's only one"
            )
        return Question(
            policies=policies,
            objectives=list(self.columns.rewards),
            # The engine hands an estimator what the source made for it, and looks no further.
            estimators=cast(Mapping[str, Estimator], estimators),
            utilities=self.utilities,
            intervals=self.intervals,
            trust=self.trust,
            baseline=self.baseline,
        )


def check_slate_policies(policies: Mapping[str, Any], baseline: str | None) -> None:
    """Raises UserError where there is no policy, or the baseline is none of them."""
    if not policies or BEHAVIOR in policies:
        raise UserError(f"policies is {list(policies)}; name at least one, and none of them {BEHAVIOR!r}")
    if baseline is not None and baseline != BEHAVIOR and (baseline not in policies or len(policies) < 2):
        raise UserError(
            f"baseline is {baseline!r}; it must be {BEHAVIOR!r} or one of the policies {list(policies)}, "
            "beside at least one other"
        )


def ask_slates(
    frame: pd.DataFrame,
    policies: Mapping[str, SlateProbabilities],
    behavior: SlateProbabilities,
    asked: SlateQuestion,
    *,
    predictions: Mapping[str, Any] | None,
) -> pd.DataFrame:
    """Reads a log in memory and answers."""
    part = read_part(frame, policies, behavior, asked.columns, predictions=predictions)
    return answer_slates(lambda: [part], asked)


def read_part(
    frame: pd.DataFrame,
    policies: Mapping[str, SlateProbabilities],
    behavior: SlateProbabilities,
    columns: SlateColumns,
    *,
    predictions: Mapping[str, Any] | None = None,
    num_slots: int = 1,
) -> SlatePart:
    """Checks slates, what each policy's chances of them are, and predictions.

    Args:
        frame: a row per slot, N in all.
        policies: by name.
        behavior: that logged.
        columns: where is what.
        predictions: by policy.
        num_slots: K at least, where other parts of the log have longer slates.

    Raises:
        UserError: something is missing or impossible.
    """
    unknown = [name for name in predictions or {} if name not in policies]
    if unknown:
        raise UserError(
            f"predictions are given for {unknown}, which are none of the policies {list(policies)}"
        )
    for name, each in {**policies, "behavior": behavior}.items():
        if not isinstance(each, SlateProbabilities):
            raise UserError(
                f"the probabilities of policy {name!r} are a {type(each).__name__}; give "
                "SlateProbabilities, which say of what they are the chance: "
                "SlateProbabilities(marginal=...), for instance"
            )
    log = read_slates(frame, columns, num_slots=num_slots)
    return SlatePart(
        log=log,
        chances={
            name: read_probabilities(each, frame, log, policy=name, logged=False)
            for name, each in policies.items()
        },
        logged=read_probabilities(behavior, frame, log, policy="behavior", logged=True),
        predictions={
            name: read_predictions((predictions or {}).get(name), log, len(frame), policy=name)
            for name in policies
        },
    )


def answer_slates(parts: Parts, asked: SlateQuestion) -> pd.DataFrame:
    """Answers, family of weights by family of weights.

    Args:
        parts: of the log, at least one.
        asked: the question.

    Raises:
        UserError: an estimator lacks what it needs.
    """
    first = next(iter(parts()))
    if asked.num_candidates is not None and asked.num_candidates < first.log.num_slots:
        raise UserError(
            f"num_candidates is {asked.num_candidates}, and slates have {first.log.num_slots} slots; give "
            "the number of items that slots are filled from, or None"
        )
    chosen = choose_estimators(
        asked.estimators,
        list(first.chances.values()),
        first.logged,
        model=all(first.predictions.values()),
    )
    labels = cast(dict[str, SlateEstimator], label_estimators(cast(Sequence[Estimator], chosen)))
    by_family: dict[str, dict[str, SlateEstimator]] = {}
    for label, each in labels.items():
        by_family.setdefault(each.family, {})[label] = each
    policies, clustered = list(first.chances), first.log.clustered
    tables = [
        _answer_family(parts, family, asked.question(policies, mine, clustered=clustered), asked)
        for family, mine in by_family.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    return _in_order(table, policies, [*asked.columns.rewards, *asked.utilities], list(labels))


def _answer_family(parts: Parts, family: str, question: Question, asked: SlateQuestion) -> pd.DataFrame:
    """The estimators of one family, in three readings of the log."""
    wanted_by, clustered = ", ".join(question.estimators), False
    reaches: dict[str, Reach] = {}
    for part in parts():
        clustered = part.log.clustered
        for name in question.policies:
            if name not in reaches:
                reaches[name] = Reach(family, clustered=clustered, num_candidates=asked.num_candidates)
            _count(reaches[name], part, name, family, wanted_by=wanted_by)
    slots = {name: each.table() for name, each in reaches.items()}
    weakest = {name: int(each["effective_sample_size"].argmin()) for name, each in slots.items()}
    table = answer(
        SlateSource(parts, family, weakest, wanted_by),
        question,
        overlaps=lambda: {
            name: overlap_of_slates(slots[name], each.explored()) for name, each in reaches.items()
        },
        clustered=clustered,
    )
    for name, reach in slots.items():
        # A difference stands on both of its policies.
        mine = (table["policy"] == name) | (name == question.baseline)
        largest = float(reach["largest_weight"].max())
        table.loc[mine, "largest_weight"] = np.maximum(
            table.loc[mine, "largest_weight"].to_numpy(dtype=np.float64), largest
        )
        doubt = slots_with_wrong_weights(reach, question.trust)
        table.loc[mine, "status"] = [_status(status, doubt) for status in table.loc[mine, "status"]]
    return table


def _count(reach: Reach, part: SlatePart, policy: str, family: str, *, wanted_by: str) -> None:
    weights = part.weights(policy, family, wanted_by=wanted_by)
    kind = FAMILIES[family]
    wanted, logged = part.chances[policy].kinds[kind], part.logged.kinds[kind]
    reach.add(weights, part.log.keys, wanted=wanted, logged=logged)


def slot_reach(part: SlatePart, policy: str, family: str) -> pd.DataFrame:
    """How far slates reach, a row a slot."""
    reach = Reach(family, clustered=part.log.clustered)
    _count(reach, part, policy, family, wanted_by=f"family {family!r}")
    return reach.table()


def _status(status: str, doubt: str) -> str:
    """The status in words of slates, with a doubt about a slot that the weakest one does not share."""
    if status == OK:
        return ABSTAINS + doubt if doubt else OK
    return status.replace(" rows", " slates")


def _in_order(
    table: pd.DataFrame, policies: list[str], objectives: list[str], labels: list[str]
) -> pd.DataFrame:
    places = {"policy": policies, "objective": objectives, "estimator": labels}
    return table.sort_values(
        list(places), key=lambda column: column.map(places[str(column.name)].index), ignore_index=True
    )
