"""UPGrad: each gradient made to oppose none of the others, then their sum.

T objectives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.objectives.balancing.by_gradient import GradientBalance
from holdfast.objectives.balancing.gramian import Gradients, weights_of
from holdfast.objectives.balancing.small_problems import Cone


def upgrad_weights(gramian: Tensor, *, preference: Tensor | None = None) -> Tensor:
    r"""Weights of the mean of the gradients, each projected onto the vectors that oppose no gradient.

    .. math:: d = \sum_k p_k \, \pi(g_k), \qquad
              \pi(x) = \arg\min_y \|y - x\| \text{ s.t. } g_j \cdot y \ge 0 \text{ for all } j

    with preferences p of sum 1; without conflict they are the weights. Weights do not change with a common
    scale of the gradients.

    Args:
        gramian: inner products of the gradients, ``[T, T]``.
        preference: >= 0, ``[T]``; equal when None.

    Returns:
        Float64 ``[T]``, >= 0; see ``weights_of`` for objectives without a gradient.

    Source: Quinton and Rey (2024).
    """
    return weights_of(gramian, preference, _solve)


def _solve(gradients: Gradients) -> Floats:
    cosines, lengths, liking, *_ = gradients
    if (cosines >= 0.0).all():
        return liking
    cone = Cone(cosines)
    found = np.zeros(len(cosines))
    for which, each in enumerate(liking * lengths):
        if (cosines[which] < 0.0).any():
            found += each * cone.agreeing(which) / lengths
        else:
            found[which] += liking[which]
    return found


@dataclass(frozen=True, kw_only=True)
class UPGrad(GradientBalance):
    """Each gradient made to oppose none of the others, then their mean: no objective gets worse."""

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """See ``upgrad_weights``."""
        return upgrad_weights(gramian, preference=preference)
