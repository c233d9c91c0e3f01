"""IMTL-G: a step with the same projection on every gradient.

T objectives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.objectives.balancing.by_gradient import GradientBalance
from holdfast.objectives.balancing.gramian import Gradients, weights_of


def imtl_g_weights(gramian: Tensor, *, preference: Tensor | None = None) -> Tensor:
    r"""Weights of the vector whose projections on the gradients' directions are as the preferences.

    .. math:: d \cdot \frac{g_k}{\|g_k\|} \propto p_k, \qquad \Big| \sum_k w_k \Big| = 1

    Weights may be negative. They do not change with a common scale of the gradients. Dividing by the sum
    itself, as published, turns the step round where the sum is negative: every loss would rise. The size of
    the sum is taken instead.

    Args:
        gramian: inner products of the gradients, ``[T, T]``.
        preference: >= 0, ``[T]``; equal when None.

    Returns:
        Float64 ``[T]``; 0 where no such direction exists, as for opposite gradients. See ``weights_of`` for
        objectives without a gradient.

    Source: Liu, L. et al. (2021), whose preferences are equal.
    """
    return weights_of(gramian, preference, _solve)


def _solve(gradients: Gradients) -> Floats:
    cosines, lengths, liking, *_ = gradients
    scaled = lengths / lengths.min()
    found = np.linalg.pinv(cosines, rcond=1e-10, hermitian=True) @ liking / scaled
    total, size = abs(found.sum()), np.abs(found).sum()
    # Weights that cancel out to nothing but rounding have no meaningful scale.
    if total <= 1e-10 * size or size <= 1e-10 * liking.sum() / scaled.max():
        return np.zeros_like(found)
    return np.asarray(found / total)


@dataclass(frozen=True, kw_only=True)
class IMTLG(GradientBalance):
    """A step with the same projection on every gradient, so that none of them leads."""

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """See ``imtl_g_weights``."""
        return imtl_g_weights(gramian, preference=preference)
