"""Importance weights of slates, each for another assumption on how slots act on each other.

Q requests, K slots, S possible slates, C candidates.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.slates.probabilities import PolicyChances
from holdfast.evaluation.off_policy.slates.slate_log import SlateLog

LARGEST_WEIGHT = 1e25
"""Above it the fourth powers that diagnostics need could overflow, and no log would bear such a weight."""
FAMILIES = {
    "slate": "slate",
    "head": "head",
    "marginal": "marginal",
    "independent_slots": "marginal",
    "uniform_rankings": "marginal",
}
"""By family of weights, the kind of probability of both policies that it needs."""


def slate_weights(
    family: str, evaluation: PolicyChances, behavior: PolicyChances, log: SlateLog, *, wanted_by: str
) -> Floats:
    """The weight of each slot of each slate, ``[K, Q]``; 1 where a slate does not have the slot.

    ``slate``: of the whole slate, in every slot. ``head``: of the slots so far. ``marginal``: of the item in
    its slot. ``independent_slots`` and ``uniform_rankings``: of the pseudo-inverse, in every slot.

    Raises:
        UserError: a policy lacks the kind of probability that the family is made of, or the weights overflow.
    """
    kind = FAMILIES[family]
    wanted = evaluation.kind(kind, wanted_by=wanted_by)
    logged = behavior.kind(kind, wanted_by=wanted_by)
    if family == "uniform_rankings":
        weights = _of_uniform_rankings(evaluation, logged, log, wanted_by=wanted_by)
    elif family == "independent_slots":
        _check_independent(behavior, logged)
        weights = np.broadcast_to(independent_slots_weights(wanted / logged, where=log.present), wanted.shape)
    else:
        with np.errstate(over="ignore"):
            weights = wanted / logged
    if not (np.abs(weights) <= LARGEST_WEIGHT).all():
        raise UserError(
            f"weights of policy {evaluation.policy!r} overflow: the log holds slates that were all but "
            "impossible"
        )
    return np.ascontiguousarray(weights) if family in ("slate", "head", "marginal") else weights


def independent_slots_weights(slot_weights: Floats, *, where: Bools) -> Floats:
    """The pseudo-inverse weight where the behavior policy filled every slot independently of the others.

    .. math:: w = 1 - K + \\sum_k \\pi_e(a_k \\mid x) / \\pi_b(a_k \\mid x)

    Args:
        slot_weights: ratio of the marginal chances, ``[K, Q]``.
        where: False where a slate does not have the slot, ``[K, Q]``.

    Returns:
        May be negative, ``[Q]``.

    Source: Swaminathan et al. (2017), Cartesian-product case.
    """
    return np.asarray(1.0 + np.where(where, slot_weights - 1.0, 0.0).sum(axis=0))


def uniform_rankings_weights(
    marginal: Floats, anywhere: Floats, num_candidates: Floats, *, where: Bools
) -> Floats:
    """The pseudo-inverse weight where the behavior policy drew rankings uniformly, without replacement.

    With C candidates, and p_k(a) and p(a) the evaluation policy's chance of item a in slot k and anywhere,

    .. math:: w = (C - 1) \\sum_k p_k(a_k) + \\frac{C - 1}{C - K} \\sum_k p(a_k) - \\frac{(K - 1) C}{C - K}

    for K < C, and ``(C - 1) sum_k p_k(a_k) - (C - 2)`` where all candidates are shown. It is the product
    ``E_e[1_s]^T (E_b[1_s 1_s^T])^+ 1_s`` of indicators of items in slots, solved by hand.

    Args:
        marginal: p_k of the logged items, ``[K, Q]``.
        anywhere: p of the logged items, ``[K, Q]``; not looked at where K = C.
        num_candidates: C, ``[Q]``.
        where: False where a slate does not have the slot, ``[K, Q]``.

    Returns:
        May be negative, ``[Q]``.

    Source: Swaminathan et al. (2017), ranking case.
    """
    num_slots = where.sum(axis=0)
    in_slot = np.where(where, marginal, 0.0).sum(axis=0)
    in_slate = np.where(where, anywhere, 0.0).sum(axis=0)
    left = num_candidates - num_slots
    partial = (num_candidates - 1.0) * (in_slot + in_slate / np.maximum(left, 1.0))
    partial -= (num_slots - 1.0) * num_candidates / np.maximum(left, 1.0)
    complete = (num_candidates - 1.0) * in_slot - (num_candidates - 2.0)
    return np.asarray(np.where(left > 0.0, partial, complete))


def pseudo_inverse_weights(
    slates: Ints, *, evaluation: Floats, behavior: Floats, num_candidates: int
) -> Floats:
    """The pseudo-inverse weight of every slate of one request, by its definition, whatever the policies are.

    .. math:: w_s = E_e[1_s]^T \\, (E_b[1_s 1_s^T])^+ \\, 1_s

    For slate spaces that can be written down; the closed forms above are for those that cannot.

    Args:
        slates: candidates by slot, ``[S, K]``.
        evaluation: chance of each slate, ``[S]``.
        behavior: chance of each slate, ``[S]``.
        num_candidates: C.

    Returns:
        ``[S]``.

    Source: Swaminathan et al. (2017).
    """
    num_slates, num_slots = slates.shape
    indicators = np.zeros((num_slates, num_slots, num_candidates))
    np.put_along_axis(indicators, slates[:, :, None], 1.0, axis=2)
    flat = indicators.reshape(num_slates, -1)
    second_moment = flat.T @ (behavior[:, None] * flat)
    return np.asarray(
        (evaluation @ flat) @ np.linalg.pinv(second_moment, rcond=1e-12, hermitian=True) @ flat.T
    )


def _of_uniform_rankings(
    evaluation: PolicyChances, logged: Floats, log: SlateLog, *, wanted_by: str
) -> Floats:
    """Checked against the log as far as it can be: equal chances, whole candidates, nothing shown twice."""
    num_candidates = np.rint(1.0 / logged[0])
    uniform = np.isclose(logged * num_candidates, 1.0, rtol=1e-4, atol=0.0) | ~log.present
    if not uniform.all() or (num_candidates <= log.last_slot).any():
        raise UserError(
            f"{wanted_by} with logging='uniform_rankings' needs a behavior policy whose marginal is 1 over "
            "the "
            f"number of candidates in every slot; {int((~uniform).sum())} rows differ. If slots were filled "
            "independently, say logging='independent_slots'; otherwise there is no closed form (rips needs "
            "none)"
        )
    if log.items is not None and _repeats(log.items):
        raise UserError(
            f"{wanted_by} with logging='uniform_rankings': slates show an item twice, so they are no "
            "rankings; say "
            "logging='independent_slots' if slots were filled independently"
        )
    marginal = evaluation.kind("marginal", wanted_by=wanted_by)
    everything_shown = (num_candidates == log.last_slot + 1).all()
    anywhere = np.ones_like(marginal)
    if not everything_shown:
        anywhere = evaluation.kind("anywhere", wanted_by=wanted_by)
    weights = uniform_rankings_weights(marginal, anywhere, num_candidates, where=log.present)
    return np.broadcast_to(weights, marginal.shape)


def _repeats(items: Ints) -> bool:
    ordered = np.sort(items, axis=0)
    return bool(((ordered[1:] == ordered[:-1]) & (ordered[1:] >= 0)).any())


def _check_independent(behavior: PolicyChances, logged: Floats) -> None:
    if "slate" not in behavior.kinds:
        return
    product = np.prod(logged, axis=0)
    if not np.allclose(product, behavior.kinds["slate"][-1], rtol=1e-4, atol=0.0):
        raise UserError(
            "logging='independent_slots' contradicts the log: its slate probabilities are not the products "
            "of its "
            "marginal ones. For uniform rankings say logging='uniform_rankings'; otherwise use rips or sips"
        )
