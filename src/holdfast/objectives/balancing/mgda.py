"""MGDA: the shortest vector between the gradients.

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


def mgda_weights(gramian: Tensor, *, preference: Tensor | None = None) -> Tensor:
    r"""Weights of the point nearest to zero in the convex hull of the gradients.

    .. math:: \min_{\alpha \ge 0, \, \sum \alpha = 1} \Big\| \sum_k \alpha_k \, g_k / p_k \Big\|^2,
              \qquad w_k = \alpha_k / p_k

    with preferences p of mean 1. Along the result d every objective falls:
    :math:`g_k \cdot d \ge p_k \|d\|^2`, so a preference is how fast it falls. Weights sum to 1 where
    preferences are equal, and do not change with a common scale of the gradients.

    Args:
        gramian: inner products of the gradients, ``[T, T]``.
        preference: >= 0, ``[T]``; equal when None.

    Returns:
        Float64 ``[T]``, >= 0; see ``weights_of`` for objectives without a gradient.

    Source: Désidéri (2012); Sener and Koltun (2018), whose bound takes the gradients at the representation.
    The preference is ours.
    """
    return weights_of(gramian, preference, _solve)


def _solve(gradients: Gradients) -> Floats:
    liking = gradients.liking * gradients.num_objectives
    scaled = gradients.lengths / liking
    scaled = scaled / scaled.min()
    # The nearest point of a hull lies in the direction of the highest point of a parabola over the cone.
    alpha = Cone(gradients.cosines).highest(1.0 / scaled) / scaled
    found: Floats = alpha / alpha.sum() / liking
    return np.asarray(found)


@dataclass(frozen=True, kw_only=True)
class MGDA(GradientBalance):
    """The shortest vector between the gradients: no objective gets worse, and none is told to stand back."""

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """See ``mgda_weights``."""
        return mgda_weights(gramian, preference=preference)
