"""Off-policy evaluation of data frames that several policies logged.

N rows, A actions, L loggers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.answering import answer
from holdfast.evaluation.off_policy.asking import labels_of, read_log
from holdfast.evaluation.off_policy.estimator_names import resolve_estimators
from holdfast.evaluation.off_policy.estimators import (
    DoublyRobust,
    InversePropensity,
    SelfNormalizedInversePropensity,
)
from holdfast.evaluation.off_policy.extraction import MemorySource, extract_columns
from holdfast.evaluation.off_policy.feedback import Feedback, FeedbackColumns
from holdfast.evaluation.off_policy.intervals import BOUNDED_METHODS, Intervals
from holdfast.evaluation.off_policy.keywords import Keywords, shared_options
from holdfast.evaluation.off_policy.loggers.estimators import BalancedLoggers, NaiveLoggers, WeightedLoggers
from holdfast.evaluation.off_policy.loggers.logger_rounds import LoggerSource
from holdfast.evaluation.off_policy.loggers.propensities import (
    mixture_propensity,
    own_propensity,
    propensities_of_loggers,
    read_loggers,
)
from holdfast.evaluation.off_policy.policy_probabilities import PolicyProbabilities
from holdfast.evaluation.off_policy.question import Question, label_estimators
from holdfast.evaluation.off_policy.reward_predictions import NUM_FOLDS, ModelPlan, plan_models
from holdfast.evaluation.off_policy.trust import ABSTAINS

EVALUATION = "evaluation"
LoggersEstimator = NaiveLoggers | BalancedLoggers | WeightedLoggers
_PROPENSITY = "propensity_of_logger"
_EVERYTHING: tuple[LoggersEstimator, ...] = (
    NaiveLoggers(InversePropensity()),
    NaiveLoggers(SelfNormalizedInversePropensity()),
    NaiveLoggers(DoublyRobust()),
    BalancedLoggers(InversePropensity()),
    BalancedLoggers(SelfNormalizedInversePropensity()),
    BalancedLoggers(DoublyRobust()),
    WeightedLoggers(InversePropensity()),
    WeightedLoggers(DoublyRobust()),
)
ESTIMATORS: Mapping[str, LoggersEstimator] = {each.name: each for each in _EVERYTHING}
"""By name."""


def evaluate_several_loggers(
    feedback: pd.DataFrame,
    policy_probabilities: Any,
    reward_model: Any = None,
    estimators: Sequence[LoggersEstimator | str] | None = None,
    *,
    logger: str = "policy",
    propensities: Mapping[object, Any] | None = None,
    **asked: Unpack[Keywords],
) -> pd.DataFrame:
    """What the rewards would have been under another policy, from rows that several policies logged.

    Args:
        feedback: logged choices of all loggers, one row each, N in all.
        policy_probabilities: as in ``evaluate``.
        reward_model: as in ``evaluate``; fitted on the rows of all loggers.
        estimators: ``NaiveLoggers``, ``BalancedLoggers`` or ``WeightedLoggers`` around another estimator;
            or names such as ``"ips_naive"``; None for all three around IPS and (with a model) DR, and the
            first two around SNIPS; the balanced ones only with ``propensities``.
        logger: column with the name of the policy that logged a row.
        propensities: by logger, its chance of the logged action in *every* row, whoever logged it: a column
            or an array ``[N]``. Needed for the balanced estimators; None if unknown.
        asked: whatever is not named here, as in ``evaluate``. The column ``propensity`` is that of the row's
            own logger; it may be missing where ``propensities`` are given, and must agree with them
            otherwise. Intervals are ``analytic`` or ``bootstrap``.

    Returns:
        As ``evaluate``. Loggers' shares of the rows are taken as drawn, not as planned.

    Raises:
        UserError: as in ``evaluate``; or a logger's propensities are missing, impossible or contradictory.
    """
    options = shared_options(asked, function="evaluate_several_loggers")
    intervals: Intervals = options["intervals"]
    if intervals.method in BOUNDED_METHODS:
        raise UserError(
            f"intervals of method {intervals.method!r} do not exist for several loggers; choose 'analytic' "
            "or 'bootstrap'"
        )
    names, codes = read_loggers(feedback, logger)
    chances = propensities_of_loggers(feedback, propensities, names)
    stated: FeedbackColumns = options["columns"]
    frame = feedback.assign(**{_PROPENSITY: own_propensity(feedback, chances, codes, stated.propensity)})
    columns = replace(stated, propensity=_PROPENSITY)
    read_from = {EVALUATION: policy_probabilities}
    log, read = read_log(frame, read_from, columns, actions=options["actions"])
    policy = read[EVALUATION]
    wanted = resolve_estimators(estimators, ESTIMATORS)
    actions = labels_of(read_from, options["actions"])
    plan = _plan(frame, log, columns, policy, reward_model, wanted, actions, seed=intervals.seed)
    labels = label_estimators(_choose(wanted, model=plan.has_model, mixture=chances is not None))
    logs = {"own": log}
    if chances is not None:
        logs["mixture"] = replace(log, propensity=mixture_propensity(chances, codes))
    tables = []
    for kind, mine in _by_propensities(labels).items():
        question = Question(
            policies=[EVALUATION],
            objectives=list(columns.rewards),
            estimators=mine,
            utilities=options["utilities"],
            intervals=intervals,
            trust=options["trust"],
        )
        tables.append(_answer(logs[kind], policy, plan, question, codes, names))
    table = pd.concat(tables, ignore_index=True)
    return _in_order(table, [*columns.rewards, *options["utilities"]], list(labels))


def _by_propensities(labels: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Estimators by whose chance they divide by: the row's own logger's, or the mixture's."""
    found: dict[str, dict[str, Any]] = {}
    for label, each in labels.items():
        found.setdefault(each.propensities, {})[label] = each
    return found


def _answer(
    log: Feedback,
    policy: PolicyProbabilities,
    plan: ModelPlan,
    question: Question,
    codes: Ints,
    names: list[object],
) -> pd.DataFrame:
    extracted = extract_columns(log, policy, predictions=plan.predictions)
    source = LoggerSource(MemorySource(log.rewards, log.keys, {EVALUATION: extracted}), codes, len(names))
    table = answer(
        source,
        question,
        overlaps=lambda: {EVALUATION: extracted.overlap.overlap()},
        clustered=log.clustered,
    )
    # An undefined weighted value has a reason of its own, which the table cannot know.
    undefined = table["value"].isna() & table["estimator"].str.endswith("_weighted")
    if undefined.any():
        table.loc[undefined, "status"] = (
            f"{ABSTAINS}all rows of one of the loggers {names} bring in the same, so that nothing tells how "
            "much it "
            "counts (it would with more rows of that logger, or with the balanced estimator)"
        )
    return table


def _plan(
    frame: pd.DataFrame,
    log: Feedback,
    columns: FeedbackColumns,
    policy: PolicyProbabilities,
    reward_model: Any,
    estimators: Sequence[LoggersEstimator] | None,
    labels: Sequence[object] | None,
    *,
    seed: int,
) -> ModelPlan:
    """The reward model: where an estimator that needs one was asked for, or where there can be one."""
    possible = reward_model is not False and (policy.num_actions is not None or reward_model is not None)
    wanted = possible and log.num_rows >= 2 * NUM_FOLDS
    needed = {"weights", "model"}
    if estimators is not None:
        needed = {each.needs for each in estimators}
        wanted = "model" in needed
    if not wanted:
        return ModelPlan(None, None, None, log)
    return plan_models(
        frame,
        log,
        columns,
        reward_model=reward_model,
        mrdr_reward_model=None,
        needed=needed,
        all_actions_known=policy.num_actions is not None,
        num_actions=policy.num_actions or 0,
        labels=labels,
        seed=seed,
    )


def _choose(
    estimators: Sequence[LoggersEstimator] | None, *, model: bool, mixture: bool
) -> list[LoggersEstimator]:
    if estimators is None:
        chosen: list[LoggersEstimator] = [
            NaiveLoggers(InversePropensity()),
            NaiveLoggers(SelfNormalizedInversePropensity()),
            WeightedLoggers(InversePropensity()),
        ]
        if mixture:
            chosen += [
                BalancedLoggers(InversePropensity()),
                BalancedLoggers(SelfNormalizedInversePropensity()),
            ]
        if model:
            chosen += [NaiveLoggers(DoublyRobust()), WeightedLoggers(DoublyRobust())]
        if model and mixture:
            chosen.append(BalancedLoggers(DoublyRobust()))
        return chosen
    lacking = [each.name for each in estimators if each.needs not in ("weights", "model")]
    if lacking:
        raise UserError(f"estimators {lacking} need weights of their own; several loggers do not have them")
    for each in estimators:
        if each.propensities == "mixture" and not mixture:
            raise UserError(
                f"estimator {each.name!r} needs propensities=, each logger's chance of the logged action in "
                "every row"
            )
        if each.needs == "model" and not model:
            raise UserError(f"estimator {each.name!r} needs a reward model; give one, or leave it out")
    return list(estimators)


def _in_order(table: pd.DataFrame, objectives: list[str], names: list[str]) -> pd.DataFrame:
    places = {"objective": objectives, "estimator": names}
    return table.sort_values(
        list(places), key=lambda column: column.map(places[str(column.name)].index), ignore_index=True
    )
