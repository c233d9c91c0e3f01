"""Logs without propensities: estimate them explicitly, or estimate weights without them.

N rows, D features, A actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.asking import read_log
from holdfast.evaluation.off_policy.context_features import learn_encoding
from holdfast.evaluation.off_policy.cross_fitting import fold_of_key
from holdfast.evaluation.off_policy.extraction import row_slices
from holdfast.evaluation.off_policy.feedback import Feedback, FeedbackColumns, read_feedback
from holdfast.evaluation.off_policy.multinomial_logit import fit_logit
from holdfast.evaluation.off_policy.reward_predictions import NUM_FOLDS

_STAND_IN = "_no propensity is read_"
NEWTON_STEPS = 50
LARGEST_LOG_WEIGHT = 30.0


def estimate_propensities(
    feedback: pd.DataFrame,
    *,
    context: Sequence[str],
    action: str = "action",
    user: str | None = "user_id",
    slot: str | None = "slot",
    actions: Sequence[object] | None = None,
    shrinkage: float = 1.0,
    seed: int = 0,
) -> pd.Series:
    """The chance of each logged action given the context, by cross-fitted multinomial logistic regression.

    An estimate stands on what the context leaves out: if the behavior policy looked at something that is not
    in it, no later step can notice. Where nothing was randomised there is nothing to estimate, whatever comes
    out. Check the result with ``diagnose(...).propensities``.

    Args:
        feedback: N logged choices.
        context: columns that the behavior policy looked at; empty for a policy that looked at nothing (but
            the slot, where there is one).
        action: column of the logged action.
        user: column of the user, who is in one fold with all rows; ignored where there is none.
        slot: column of the slot, which joins the context; ignored where there is none.
        actions: labels of all actions; None for those that occur.
        shrinkage: of the slopes, in rows, > 0.
        seed: of the folds.

    Returns:
        A column to be assigned as ``propensity``, in (0, 1), with the index of the feedback.

    Raises:
        UserError: columns are missing, or one user has all rows.
    """
    if not shrinkage > 0.0:
        raise ValueError(f"shrinkage is {shrinkage}; it must be above 0, and counts rows")
    labels = list(actions) if actions is not None else sorted(pd.unique(feedback[action]), key=str)
    log, features = _read(feedback, context, action=action, user=user, slot=slot, actions=labels)
    if (log.actions < 0).any():
        raise UserError(f"column {action!r} has an action that actions does not name")
    propensity = np.empty(log.num_rows)
    for inside, outside in _folds(log, seed=seed):
        model = fit_logit(features[inside], log.actions[inside], num_actions=len(labels), shrinkage=shrinkage)
        chances = model.predict(features[outside])
        propensity[outside] = chances[np.arange(outside.size), log.actions[outside]]
    return pd.Series(propensity, index=feedback.index, name="propensity")


def estimate_balanced_weights(
    feedback: pd.DataFrame,
    policy_probabilities: Any,
    *,
    context: Sequence[str],
    action: str = "action",
    user: str | None = "user_id",
    slot: str | None = "slot",
    actions: Sequence[object] | None = None,
    shrinkage: float = 1.0,
    seed: int = 0,
) -> Floats:
    r"""Weights for ``BalancedInversePropensity``, from classifiers that tell the policies apart.

    For each action a, a logistic model tells rows in which it was logged from rows weighted by how much the
    evaluation policy wants it; its odds are the weight, and no propensity is looked at:

    .. math:: \max_z \sum_n \pi_e(a | x_n) \ln \sigma(z(x_n)) + 1[a_n = a] \ln(1 - \sigma(z(x_n))),
        \quad w = e^z

    Args:
        feedback: N logged choices.
        policy_probabilities: of the evaluation policy, for all actions, as in ``evaluate``.
        context: columns that either policy looks at.
        action: as in ``estimate_propensities``.
        user: as in ``estimate_propensities``.
        slot: as in ``estimate_propensities``.
        actions: labels of the A actions in the order of the policy's columns, as in ``evaluate``.
        shrinkage: of the slopes, in rows, > 0.
        seed: of the folds.

    Returns:
        ``[N]``, out of fold.

    Source: Arbour, Dimmery and Sondhi (2021).
    """
    if not shrinkage > 0.0:
        raise ValueError(f"shrinkage is {shrinkage}; it must be above 0, and counts rows")
    frame = feedback.assign(**{_STAND_IN: 1.0})
    columns = FeedbackColumns(
        action=action,
        propensity=_STAND_IN,
        rewards=(_STAND_IN,),
        user=user,
        slot=slot,
        context=tuple(context),
    )
    log, policies = read_log(frame, {"evaluation": policy_probabilities}, columns, actions=actions)
    policy = policies["evaluation"]
    if policy.num_actions is None:
        raise UserError("balanced weights need the policy's probabilities of all actions, [rows, actions]")
    features = _features(frame, context, slot=slot if log.slots is not None else None)
    wanted = np.concatenate(
        [
            np.asarray(_dense(policy.block(rows, log.actions[rows]).table), dtype=np.float64)
            for rows in row_slices(log.num_rows)
        ]
    )
    weight = np.empty(log.num_rows)
    for inside, outside in _folds(log, seed=seed):
        for code in np.unique(log.actions[outside]):
            here = outside[log.actions[outside] == code]
            logged = (log.actions[inside] == code).astype(np.float64)
            slopes, center, scale = _density_ratio(features[inside], wanted[inside, code], logged, shrinkage)
            scores = np.column_stack([np.ones(here.size), (features[here] - center) / scale]) @ slopes
            weight[here] = np.exp(np.clip(scores, -LARGEST_LOG_WEIGHT, LARGEST_LOG_WEIGHT))
    return weight


def _density_ratio(
    features: Floats, wanted: Floats, logged: Floats, shrinkage: float
) -> tuple[Floats, Floats, Floats]:
    """Slopes of the log of the ratio, with the center and scale of the features, by Newton's method."""
    center, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    design = np.column_stack([np.ones(len(features)), (features - center) / scale])
    penalty = np.full(design.shape[1], shrinkage)
    # The prior of the intercept is a ratio of 1, worth far less than a row.
    penalty[0] = shrinkage / 1000.0
    slopes = np.zeros(design.shape[1])
    total = wanted + logged
    for _ in range(NEWTON_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ slopes, -LARGEST_LOG_WEIGHT, LARGEST_LOG_WEIGHT)))
        gradient = design.T @ (total * chance - wanted) + penalty * slopes
        curvature = (design * (total * chance * (1.0 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        # Far from the optimum a full step overshoots; at the optimum this bound is never met.
        slopes = slopes - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-9:
            break
    return slopes, center, scale


def _dense(table: Any) -> Any:
    return table.toarray() if hasattr(table, "toarray") else table


def _read(
    feedback: pd.DataFrame,
    context: Sequence[str],
    *,
    action: str,
    user: str | None,
    slot: str | None,
    actions: Sequence[object],
) -> tuple[Feedback, Floats]:
    frame = feedback.assign(**{_STAND_IN: 1.0})
    columns = FeedbackColumns(
        action=action,
        propensity=_STAND_IN,
        rewards=(_STAND_IN,),
        user=user,
        slot=slot,
        context=tuple(context),
    )
    log = read_feedback(frame, columns, actions=actions)
    return log, _features(frame, context, slot=slot if log.slots is not None else None)


def _features(frame: pd.DataFrame, context: Sequence[str], *, slot: str | None) -> Floats:
    return learn_encoding([frame], context, slot=slot).encode(frame)


def _folds(log: Feedback, *, seed: int) -> list[tuple[Ints, Ints]]:
    """Rows to fit on and rows to predict."""
    folds = fold_of_key(log.keys, num_folds=NUM_FOLDS, seed=seed)
    pairs: list[tuple[Ints, Ints]] = [
        (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(NUM_FOLDS)
    ]
    if any(outside.size and not inside.size for inside, outside in pairs):
        raise UserError("one user (or one fold) has all rows, so nothing is left to fit on; give more rows")
    return pairs
