"""Aligned-MTL: gradients made orthogonal and equally long before they are added.

T objectives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.objectives.balancing.by_gradient import GradientBalance
from holdfast.objectives.balancing.gramian import Gradients, weights_of

CUT = 1e-12
"""Principal components with a smaller share of the largest one's square count as absent."""


def aligned_mtl_weights(gramian: Tensor, *, preference: Tensor | None = None) -> Tensor:
    r"""Weights after all principal components of the gradients were shrunk to the smallest.

    .. math:: G = V \Lambda V^\top, \qquad w = \sqrt{\lambda_{\min}} \, V \Lambda^{-1/2} V^\top p

    with preferences p of sum 1. Weights may be negative. They do not change with a common scale of the
    gradients.

    Args:
        gramian: G, inner products of the gradients, ``[T, T]``.
        preference: >= 0, ``[T]``; equal when None.

    Returns:
        Float64 ``[T]``; see ``weights_of`` for objectives without a gradient.

    Source: Senushkin et al. (2023).
    """
    return weights_of(gramian, preference, _solve)


def _solve(gradients: Gradients) -> Floats:
    cosines, lengths, liking, *_ = gradients
    scaled = lengths / lengths.max()
    squares, vectors = np.linalg.eigh(cosines * scaled[:, None] * scaled[None, :])
    kept = squares > CUT * squares.max()
    squares, vectors = squares[kept], vectors[:, kept]
    found: Floats = vectors @ ((vectors.T @ liking) * np.sqrt(squares.min() / squares))
    return found


@dataclass(frozen=True, kw_only=True)
class AlignedMTL(GradientBalance):
    """Gradients made orthogonal and equally long before they are added, so that none hides another."""

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """See ``aligned_mtl_weights``."""
        return aligned_mtl_weights(gramian, preference=preference)
