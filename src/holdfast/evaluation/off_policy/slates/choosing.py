"""Which estimators a log of slates allows, and predictions for those that need them.

N rows, Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.extraction import PredictedRewards
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
from holdfast.evaluation.off_policy.slates.probabilities import PolicyChances
from holdfast.evaluation.off_policy.slates.slate_log import SlateLog
from holdfast.evaluation.off_policy.slates.weights import FAMILIES

Predicted = dict[str, tuple[Floats, Floats]]
"""By objective, at the logged item and expected, ``[K, Q]`` each."""

_WITHOUT_SETTINGS: tuple[SlateEstimator, ...] = (
    SlateInversePropensity(),
    SelfNormalizedSlateInversePropensity(),
    IndependentInversePropensity(),
    SelfNormalizedIndependentInversePropensity(),
    RewardInteractionInversePropensity(),
    SelfNormalizedRewardInteraction(),
    CascadeDoublyRobust(),
    SelfNormalizedCascadeDoublyRobust(),
)
ESTIMATORS: Mapping[str, SlateEstimator] = {each.name: each for each in _WITHOUT_SETTINGS}
"""By name; the pseudo-inverse is not among them, because it has to be told how the log was made."""


def read_predictions(given: Any, log: SlateLog, num_rows: int, *, policy: str) -> Predicted:
    """Predictions of the N rows for one policy, put into slots; empty where there are none."""
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


def choose_estimators(
    estimators: Sequence[SlateEstimator] | None,
    policies: Sequence[PolicyChances],
    behavior: PolicyChances,
    *,
    model: bool,
) -> list[SlateEstimator]:
    """The estimators asked for, or all whose probabilities (and model) are there.

    Raises:
        UserError: an estimator lacks its model, or no kind of probability is there on both sides.
    """
    if estimators is not None:
        lacking = [each.name for each in estimators if each.needs == "model" and not model]
        if lacking:
            raise UserError(
                f"estimators {lacking} need predictions for every policy; give predictions=, for instance "
                "from "
                "fit_cascade_model"
            )
        return list(estimators)
    chosen = [
        each
        for each in ESTIMATORS.values()
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
