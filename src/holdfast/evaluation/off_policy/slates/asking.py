"""From what a user asks of a log of slates to results.

N rows, Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.extraction import PredictedRewards
from holdfast.evaluation.off_policy.intervals import BOUNDED_METHODS, Intervals
from holdfast.evaluation.off_policy.question import Question, label_estimators
from holdfast.evaluation.off_policy.slates.estimators import (
    CascadeDoublyRobust,
    IndependentInversePropensity,
    RewardInteractionInversePropensity,
    SelfNormalizedCascadeDoublyRobust,
    SelfNormalizedIndependentInversePropensity,
    SelfNormalizedRewardInteraction,
    SelfNormalizedSlateInversePropensity,
    SlateEstimator,
    SlateInversePropensity,
)
from holdfast.evaluation.off_policy.slates.probabilities import (
    PolicyChances,
    SlateProbabilities,
    read_probabilities,
)
from holdfast.evaluation.off_policy.slates.reach import (
    overlap_of_slates,
    slot_table,
    slots_with_wrong_weights,
)
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns, SlateLog, read_slates
from holdfast.evaluation.off_policy.slates.slate_rounds import PolicySlates, SlateSource
from holdfast.evaluation.off_policy.slates.weights import FAMILIES, slate_weights
from holdfast.evaluation.off_policy.trust import ABSTAINS, OK, Trust


@dataclass(frozen=True)
class SlateQuestion:
    """Everything but the log and the policies; ``evaluate_slates`` says what each means."""

    columns: SlateColumns
    baseline: str | None
    estimators: Sequence[SlateEstimator] | None
    predictions: Mapping[str, Any] | None
    utilities: Mapping[str, Mapping[str, float]] | None
    intervals: Intervals | None
    trust: Trust | None


def ask_slates(
    frame: pd.DataFrame,
    policies: Mapping[str, SlateProbabilities],
    behavior: SlateProbabilities,
    asked: SlateQuestion,
) -> pd.DataFrame:
    """Reads the log and answers, family of weights by family of weights."""
    intervals, trust = asked.intervals or Intervals(), asked.trust or Trust()
    if intervals.method in BOUNDED_METHODS:
        raise UserError(
            f"intervals of method {intervals.method!r} do not exist for slates; choose 'analytic' or "
            "'bootstrap'"
        )
    log, chances, logged = read_question(frame, policies, behavior, asked.columns)
    predictions = {
        name: _read_predictions((asked.predictions or {}).get(name), log, len(frame), policy=name)
        for name in policies
    }
    chosen = _choose(asked.estimators, list(chances.values()), logged, model=all(predictions.values()))
    labels = cast(dict[str, SlateEstimator], label_estimators(cast(Sequence[Estimator], chosen)))
    tables = []
    for family in dict.fromkeys(each.family for each in labels.values()):
        mine = {label: each for label, each in labels.items() if each.family == family}
        extracted = {
            name: _extract(family, chances[name], logged, log, predictions[name], wanted_by=", ".join(mine))
            for name in policies
        }
        question = Question(
            policies=list(policies),
            objectives=list(log.rewards),
            # The engine hands an estimator what the source made for it, and looks no further.
            estimators=cast(Mapping[str, Estimator], mine),
            utilities=asked.utilities or {},
            intervals=intervals,
            trust=trust,
            baseline=asked.baseline,
        )
        tables.append(_answer_family(log, extracted, question))
    table = pd.concat(tables, ignore_index=True)
    return _in_order(table, list(policies), [*log.rewards, *(asked.utilities or {})], list(labels))


def read_question(
    frame: pd.DataFrame,
    policies: Mapping[str, SlateProbabilities],
    behavior: SlateProbabilities,
    columns: SlateColumns,
) -> tuple[SlateLog, dict[str, PolicyChances], PolicyChances]:
    """The checked log, the chances of each policy, and those of the policy that logged."""
    for name, each in {**policies, "behavior": behavior}.items():
        if not isinstance(each, SlateProbabilities):
            raise UserError(
                f"the probabilities of policy {name!r} are a {type(each).__name__}; give "
                "SlateProbabilities, which "
                "say of what they are the chance: SlateProbabilities(marginal=...), for instance"
            )
    log = read_slates(frame, columns)
    chances = {
        name: read_probabilities(each, frame, log, policy=name, logged=False)
        for name, each in policies.items()
    }
    return log, chances, read_probabilities(behavior, frame, log, policy="behavior", logged=True)


Predicted = dict[str, tuple[Floats, Floats]]
"""By objective, at the logged item and expected, ``[K, Q]`` each."""


def _read_predictions(given: Any, log: SlateLog, num_rows: int, *, policy: str) -> Predicted:
    if given is None:
        return {}
    names = list(log.rewards)
    if isinstance(given, PredictedRewards):
        given = dict.fromkeys(names, given) if len(names) == 1 else {}
    missing = [name for name in names if name not in given]
    if missing:
        raise UserError(
            f"predictions of {missing} for policy {policy!r} are missing; give PredictedRewards for each "
            "objective"
        )
    read: Predicted = {}
    for name in names:
        logged, expected = given[name].logged, given[name].expected
        if logged.shape != (num_rows,) or not (np.isfinite(logged) & np.isfinite(expected)).all():
            raise UserError(
                f"predictions of {name!r} for policy {policy!r} have shape {logged.shape} or hold missing "
                "or infinite "
                f"values; they need one number for each of the {num_rows} rows"
            )
        # A slot that a slate does not have brings in nothing, and a model knows that.
        read[name] = (log.by_slot(logged, fill=0.0), log.by_slot(expected, fill=0.0))
    return read


def _choose(
    estimators: Sequence[SlateEstimator] | None,
    policies: Sequence[PolicyChances],
    behavior: PolicyChances,
    *,
    model: bool,
) -> list[SlateEstimator]:
    if estimators is not None:
        lacking = [each.name for each in estimators if each.needs == "model" and not model]
        if lacking:
            raise UserError(
                f"estimators {lacking} need predictions for every policy; give predictions=, for instance "
                "from "
                "fit_cascade_model"
            )
        return list(estimators)
    everything: list[SlateEstimator] = [
        SlateInversePropensity(),
        SelfNormalizedSlateInversePropensity(),
        IndependentInversePropensity(),
        SelfNormalizedIndependentInversePropensity(),
        RewardInteractionInversePropensity(),
        SelfNormalizedRewardInteraction(),
        CascadeDoublyRobust(),
        SelfNormalizedCascadeDoublyRobust(),
    ]
    chosen = [
        each
        for each in everything
        if all(FAMILIES[each.family] in side.kinds for side in (*policies, behavior))
        and (model or each.needs != "model")
    ]
    if not chosen:
        kinds = {side.policy: sorted(side.kinds) for side in (*policies, behavior)}
        raise UserError(
            f"the policies have no kind of probability in common: {kinds}. An estimator divides the "
            "evaluation "
            "policy's by the behavior policy's of the same kind; give one kind for both"
        )
    return chosen


def _extract(
    family: str,
    chances: PolicyChances,
    logged: PolicyChances,
    log: SlateLog,
    predictions: Predicted,
    *,
    wanted_by: str,
) -> tuple[PolicySlates, pd.DataFrame]:
    """The slates of one policy, and how far the log reaches."""
    weights = slate_weights(family, chances, logged, log, wanted_by=wanted_by)
    reach = slot_table(weights, log.keys)
    slates = PolicySlates(
        weights=weights,
        weakest_slot=int(reach["effective_sample_size"].argmin()),
        predicted={name: both[0] for name, both in predictions.items()},
        expected={name: both[1] for name, both in predictions.items()},
    )
    return slates, reach


def _answer_family(
    log: SlateLog, extracted: Mapping[str, tuple[PolicySlates, pd.DataFrame]], question: Question
) -> pd.DataFrame:
    source = SlateSource(log.rewards, log.keys, {name: slates for name, (slates, _) in extracted.items()})
    table = answer(
        source,
        question,
        overlaps=lambda: {name: overlap_of_slates(reach) for name, (_, reach) in extracted.items()},
        clustered=log.clustered,
    )
    for name, (_, reach) in extracted.items():
        # A difference stands on both of its policies.
        mine = (table["policy"] == name) | (name == question.baseline)
        largest = float(reach["largest_weight"].max())
        table.loc[mine, "largest_weight"] = np.maximum(
            table.loc[mine, "largest_weight"].to_numpy(dtype=np.float64), largest
        )
        doubt = slots_with_wrong_weights(reach, question.trust)
        table.loc[mine, "status"] = [_status(status, doubt) for status in table.loc[mine, "status"]]
    return table


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
