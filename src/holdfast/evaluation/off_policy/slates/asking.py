"""From what a user asks of a log of slates to results.

N rows, Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.intervals import BOUNDED_METHODS, Intervals
from holdfast.evaluation.off_policy.question import Question, label_estimators
from holdfast.evaluation.off_policy.slates.choosing import Predicted, choose_estimators, read_predictions
from holdfast.evaluation.off_policy.slates.estimators import SlateEstimator
from holdfast.evaluation.off_policy.slates.probabilities import (
    PolicyChances,
    SlateProbabilities,
    read_probabilities,
)
from holdfast.evaluation.off_policy.slates.reach import (
    overlap_of_slates,
    sizes_with_exploration,
    slot_table,
    slots_with_wrong_weights,
)
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns, SlateLog, read_slates
from holdfast.evaluation.off_policy.slates.slate_rounds import PolicySlates, SlateSource
from holdfast.evaluation.off_policy.slates.weights import slate_weights
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
    num_candidates: int | None = None


@dataclass(frozen=True)
class Extracted:
    """One policy's slates under one family of weights.

    Attributes:
        slates: what estimators see.
        reach: how far the log reaches, a row per slot.
        explored: effective sample size by share of exploration; empty where it cannot be told.
    """

    slates: PolicySlates
    reach: pd.DataFrame
    explored: Mapping[float, float]


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
    if asked.num_candidates is not None and asked.num_candidates < log.num_slots:
        raise UserError(
            f"num_candidates is {asked.num_candidates}, and slates have {log.num_slots} slots; give the "
            "number of "
            "items that slots are filled from, or None"
        )
    unknown = [name for name in asked.predictions or {} if name not in policies]
    if unknown:
        raise UserError(
            f"predictions are given for {unknown}, which are none of the policies {list(policies)}"
        )
    predictions = {
        name: read_predictions((asked.predictions or {}).get(name), log, len(frame), policy=name)
        for name in policies
    }
    chosen = choose_estimators(
        asked.estimators, list(chances.values()), logged, model=all(predictions.values())
    )
    labels = cast(dict[str, SlateEstimator], label_estimators(cast(Sequence[Estimator], chosen)))
    tables = []
    for family in dict.fromkeys(each.family for each in labels.values()):
        mine = {label: each for label, each in labels.items() if each.family == family}
        extracted = {
            name: _extract(
                family, chances[name], logged, log, predictions[name], asked, wanted_by=", ".join(mine)
            )
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


def _extract(
    family: str,
    chances: PolicyChances,
    logged: PolicyChances,
    log: SlateLog,
    predictions: Predicted,
    asked: SlateQuestion,
    *,
    wanted_by: str,
) -> Extracted:
    """The slates of one policy, and how far the log reaches."""
    weights = slate_weights(family, chances, logged, log, wanted_by=wanted_by)
    reach = slot_table(weights, log.keys)
    slates = PolicySlates(
        weights=weights,
        weakest_slot=int(reach["effective_sample_size"].argmin()),
        predicted={name: both[0] for name, both in predictions.items()},
        expected={name: both[1] for name, both in predictions.items()},
    )
    explored: dict[float, float] = {}
    if asked.num_candidates is not None and family in ("slate", "head", "marginal"):
        explored = sizes_with_exploration(
            family, chances.kinds[family], logged.kinds[family], num_candidates=asked.num_candidates
        )
    return Extracted(slates, reach, explored)


def _answer_family(log: SlateLog, extracted: Mapping[str, Extracted], question: Question) -> pd.DataFrame:
    source = SlateSource(log.rewards, log.keys, {name: each.slates for name, each in extracted.items()})
    table = answer(
        source,
        question,
        overlaps=lambda: {
            name: overlap_of_slates(each.reach, each.explored) for name, each in extracted.items()
        },
        clustered=log.clustered,
    )
    for name, each in extracted.items():
        # A difference stands on both of its policies.
        mine = (table["policy"] == name) | (name == question.baseline)
        largest = float(each.reach["largest_weight"].max())
        table.loc[mine, "largest_weight"] = np.maximum(
            table.loc[mine, "largest_weight"].to_numpy(dtype=np.float64), largest
        )
        doubt = slots_with_wrong_weights(each.reach, question.trust)
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
