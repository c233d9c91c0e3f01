"""A log taken apart at random into the logs of two policies that differ as two given ones do.

N rows, A actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats

HALVINGS = 60
"""Of an interval of logarithms; what is left is below the rounding of the probabilities."""

MOST_STRETCHED = 1.25
"""By which weights of the pseudo pair may exceed those of the real one."""


@dataclass(frozen=True)
class PseudoPolicies:
    """How a row is given to the pseudo evaluation log, and which policies the two logs are then of.

    Attributes:
        chosen: chance that a row goes to the pseudo evaluation log, were its action this one, ``[N, A]``.
        evaluation: probabilities of the policy that the pseudo evaluation log is of, ``[N, A]``.
        behavior: of the policy that the pseudo behavior log is of, ``[N, A]``.
        share: expected chance of a row of this context, whatever its action, ``[N]``.
    """

    chosen: Floats
    evaluation: Floats
    behavior: Floats
    share: Floats


def pseudo_policies(evaluation: Floats, behavior: Floats, *, share: float) -> PseudoPolicies:
    r"""Chances of rows such that the two logs differ as the two policies do.

    With ``w = pi_e / pi_b``, a row goes to the evaluation log with chance

    .. math:: \rho(x, a) = \frac{c(x) w}{1 + c(x) w}, \qquad
        \bar\rho(x) = \sum_a \pi_b(a \mid x) \rho(x, a).

    The logs are then of :math:`\tilde\pi_e = \pi_b \rho / \bar\rho` and :math:`\tilde\pi_b = \pi_b (1 - \rho)
    / (1 - \bar\rho)`, whose weights are, in every context, those of the real pair times a number:

    .. math:: \tilde w = f(x) \, w, \qquad f(x) = c(x) \frac{1 - \bar\rho(x)}{\bar\rho(x)}.

    It is near 1 for a small c. So c is the largest for which :math:`\bar\rho \le s P_b(w > 0 \mid x)` and
    :math:`f E_b[w \mid x] \le 1.25`, solved for context by context: where the evaluation policy wants what
    was hardly logged, few rows go to its log.

    Args:
        evaluation: rows that sum to 1, ``[N, A]``.
        behavior: rows that sum to 1, ``[N, A]``; each shares an action with that of ``evaluation``.
        share: s, of the rows that both policies could have made, in (0, 1).

    Source: Udagawa, Kiyohara, Narita, Saito and Tateno (2023) for the idea, with a rule learned by gradient;
    the closed form is this project's.
    """
    supported = (behavior > 0.0) & (evaluation > 0.0)
    weight = np.divide(evaluation, behavior, out=np.zeros_like(evaluation), where=supported)
    wanted = share * np.where(supported, behavior, 0.0).sum(axis=1)
    kept = np.where(supported, evaluation, 0.0).sum(axis=1)
    # The solution lies where the largest, or the smallest, weight alone would put it.
    odds = np.log(share / (1.0 - share))
    low = min(odds, np.log(MOST_STRETCHED - 1.0)) - np.log(weight.max(axis=1))
    high = odds - np.log(np.where(supported, weight, np.inf).min(axis=1))
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        scale = np.exp(middle)
        scaled = scale[:, None] * weight
        mean = (behavior * (scaled / (1.0 + scaled))).sum(axis=1)
        too_many = (mean > wanted) | (scale * (1.0 - mean) * kept > MOST_STRETCHED * mean)
        low, high = np.where(too_many, low, middle), np.where(too_many, middle, high)
    scaled = np.exp(0.5 * (low + high))[:, None] * weight
    chosen = scaled / (1.0 + scaled)
    mean = (behavior * chosen).sum(axis=1)
    return PseudoPolicies(
        chosen=chosen,
        evaluation=behavior * chosen / mean[:, None],
        # A sum of probabilities may exceed 1 by rounding.
        behavior=np.minimum(behavior * (1.0 - chosen) / (1.0 - mean)[:, None], 1.0),
        share=mean,
    )
