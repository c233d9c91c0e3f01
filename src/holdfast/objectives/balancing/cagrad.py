"""CAGrad: near the mean gradient, the one that does most for the worst-off objective.

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
from holdfast.objectives.balancing.small_problems import Cone


def cagrad_weights(gramian: Tensor, *, conflict_aversion: float, preference: Tensor | None = None) -> Tensor:
    r"""Weights of the vector near the mean gradient along which the slowest objective falls fastest.

    .. math:: \max_d \min_k g_k \cdot d \quad \text{s.t. } \|d - g_0\| \le c \|g_0\|,
              \qquad g_0 = \sum_k p_k \, g_k

    with preferences p of sum 1, and the minimum over objectives with a preference above 0. Weights are at
    least p, and do not change with a common scale of the gradients.

    Args:
        gramian: inner products of the gradients, ``[T, T]``.
        conflict_aversion: c >= 0; at 0 the weights are the preferences.
        preference: >= 0, ``[T]``; equal when None.

    Returns:
        Float64 ``[T]``, >= 0; see ``weights_of`` for objectives without a gradient.

    Source: Liu, B. et al. (2021).
    """
    return weights_of(gramian, preference, partial(_solve, radius=conflict_aversion))


def _solve(gradients: Gradients, *, radius: float, steps: int = 100) -> Floats:
    cosines, lengths, liking, *_ = gradients
    mean = lengths * liking
    length = math.sqrt(max(float(mean @ cosines @ mean), 0.0))
    if radius == 0.0 or length <= 1e-12 * mean.max():
        return liking
    cone, scaled = Cone(cosines), lengths / lengths.min()
    along = cosines @ (mean / length)
    # The dual problem is homogeneous: its value is the level at which the highest point of the cone is as
    # far from zero as the ball is wide. That distance is convex in the level and does not fall, so Newton's
    # method from a level that is too high walks down to it.
    level = float((scaled * (radius + along)).min())
    for _ in range(steps):
        found = cone.highest(level / scaled - along)
        distance = math.sqrt(float(found @ cone.matrix @ found))
        if distance - radius <= 1e-12 * radius:
            break
        level -= (distance - radius) * distance / float((found / scaled).sum())
    return np.asarray(liking + length * found / lengths)


@dataclass(frozen=True, kw_only=True)
class CAGrad(GradientBalance):
    """Near the mean gradient, the vector that does most for the worst-off objective.

    Attributes:
        conflict_aversion: c, in [0, 1): how far it may be from the mean gradient, in lengths of that.
    """

    conflict_aversion: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.conflict_aversion < 1.0:
            raise ValueError(f"conflict_aversion is {self.conflict_aversion}; it must be in [0, 1)")

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """See ``cagrad_weights``."""
        return cagrad_weights(gramian, conflict_aversion=self.conflict_aversion, preference=preference)
