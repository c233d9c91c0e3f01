"""What is asked of a log, and which cells answer it.

C cells, E estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.estimators import (
    CressieRead,
    DirectMethod,
    DoublyRobust,
    Estimator,
    InversePropensity,
    MoreRobustDoublyRobust,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInversePropensity,
)
from holdfast.evaluation.off_policy.estimators.inverse_propensity import BalancedInversePropensity
from holdfast.evaluation.off_policy.intervals import ESTIMATORS_OF_METHOD, Intervals
from holdfast.evaluation.off_policy.trust import Trust
from holdfast.evaluation.off_policy.tuning import Tuned, describe_setting

BEHAVIOR = "behavior"
"""Name of the policy that logged, in comparisons."""

REFERENCES: dict[str, Estimator] = {
    "ips": InversePropensity(),
    "dr": DoublyRobust(),
    "snips": SelfNormalizedInversePropensity(),
}


def default_estimators(*, model: bool, mrdr: bool, balanced: bool) -> list[Estimator | Tuned]:
    """All estimators that the given columns allow; those that reduce weights choose how much by SLOPE++."""
    chosen: list[Estimator | Tuned] = [
        InversePropensity(),
        Tuned(estimator="clipped_ips"),
        SelfNormalizedInversePropensity(),
        CressieRead(),
    ]
    if balanced:
        chosen.append(BalancedInversePropensity())
    if model:
        chosen += [
            DirectMethod(),
            DoublyRobust(),
            SelfNormalizedDoublyRobust(),
            Tuned(estimator="switch_dr"),
            Tuned(estimator="dr_os"),
            Tuned(estimator="sub_gaussian_dr"),
        ]
    if mrdr:
        chosen.append(MoreRobustDoublyRobust())
    return chosen


@dataclass(frozen=True)
class Question:
    """What is asked of a log.

    Attributes:
        policies: names of the evaluation policies.
        objectives: names of the reward columns.
        estimators: by the label under which their results are listed.
        utilities: by name, the weight of each objective in a sum.
        intervals: how intervals are made.
        trust: when a result is an answer.
        baseline: None for values; or the policy (or ``behavior``) from which differences are taken.
    """

    policies: Sequence[str]
    objectives: Sequence[str]
    estimators: Mapping[str, Estimator | Tuned]
    utilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    intervals: Intervals = field(default_factory=Intervals)
    trust: Trust = field(default_factory=Trust)
    baseline: str | None = None

    def __post_init__(self) -> None:
        for name, weights in self.utilities.items():
            unknown = [objective for objective in weights if objective not in self.objectives]
            if unknown or not weights or name in self.objectives:
                raise UserError(
                    f"utility {name!r} is {dict(weights)}; give it a name of its own and a weight for at "
                    f"least one of the objectives {list(self.objectives)}"
                )
        allowed = ESTIMATORS_OF_METHOD.get(self.intervals.method)
        if allowed is not None:
            _check_bounded(self, allowed)

    def sums(self) -> dict[str, Mapping[str, float]]:
        """Objectives and utilities alike, as sums of objectives."""
        return {**{name: {name: 1.0} for name in self.objectives}, **self.utilities}


def _check_bounded(question: Question, allowed: Sequence[str]) -> None:
    method = question.intervals.method
    others = [
        label
        for label, each in question.estimators.items()
        if each.name not in allowed or describe_setting_of(each)
    ]
    if others or question.utilities or question.baseline is not None:
        raise UserError(
            f"intervals of method {method!r} exist for single values of the estimators {list(allowed)} only; "
            "give estimators=[...] of these (such as InversePropensity()), no utilities and no baseline, or "
            "another method"
        )


def describe_setting_of(estimator: Estimator | Tuned) -> str:
    """Settings in words; empty for a tuned estimator, whose setting is chosen later."""
    return "" if isinstance(estimator, Tuned) else describe_setting(estimator)


def label_estimators(estimators: Sequence[Estimator | Tuned]) -> dict[str, Estimator | Tuned]:
    """Names of estimators; settings are added where one name occurs more than once.

    Raises:
        UserError: no estimator, or the same one twice.
    """
    if not estimators:
        raise UserError("estimators is empty; give at least one, or None for all that the log allows")
    names = [each.name for each in estimators]
    labels: dict[str, Estimator | Tuned] = {}
    for each in estimators:
        setting = describe_setting_of(each)
        several = names.count(each.name) > 1 and setting
        label = f"{each.name}({setting})" if several else each.name
        if label in labels:
            raise UserError(f"estimator {label} is given twice; give each setting once")
        labels[label] = each
    return labels
