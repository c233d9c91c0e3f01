"""Nash-MTL: the step that the objectives would agree on by bargaining.

T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.objectives.balancing.by_gradient import GradientBalance
from holdfast.objectives.balancing.gramian import Gradients, weights_of
from holdfast.objectives.balancing.small_problems import bargain


def nash_mtl_weights(
    gramian: Tensor, *, max_norm: float = math.inf, preference: Tensor | None = None
) -> Tensor:
    r"""Weights of the bargaining solution, in which a gradient counts by its direction and not by its length.

    .. math:: \max_{\|d\| \le 1} \sum_k p_k \ln (g_k \cdot d)
              \quad\Longleftrightarrow\quad w_k \, (G w)_k = p_k

    with preferences p of mean 1 as the bargaining powers. The combined gradient then has length
    :math:`\sqrt{\sum_k p_k}`, whatever the scale of the gradients, unless ``max_norm`` shortens it: a
    gradient that is twice as long gets half the weight.

    Args:
        gramian: G, inner products of the gradients, ``[T, T]``.
        max_norm: greatest length of the combined gradient, > 0.
        preference: >= 0, ``[T]``; equal when None.

    Returns:
        Float64 ``[T]``, >= 0; see ``weights_of`` for objectives without a gradient.

    Source: Navon et al. (2022), who take equal powers and linearise; this solves the equation itself.
    """
    return weights_of(gramian, preference, partial(_solve, max_norm=max_norm))


def _solve(gradients: Gradients, *, max_norm: float) -> Floats:
    cosines, lengths, liking, _, count = gradients
    found = bargain(cosines, liking * count)
    length = math.sqrt(max(float(found @ cosines @ found), 0.0))
    shrink = min(1.0, max_norm / length) if length > 0.0 else 1.0
    return np.asarray(found * shrink / lengths)


@dataclass(frozen=True, kw_only=True)
class NashMTL(GradientBalance):
    """The step that the objectives would agree on by bargaining.

    Attributes:
        max_norm: greatest length of the combined gradient where gradients are compared, > 0.
    """

    max_norm: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.max_norm > 0.0:
            raise ValueError(f"max_norm is {self.max_norm}; it must be above 0")

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """See ``nash_mtl_weights``."""
        return nash_mtl_weights(gramian, max_norm=self.max_norm, preference=preference)
