"""PCGrad: each gradient gives up what opposes another.

T objectives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.objectives.balancing.by_gradient import GradientBalance
from holdfast.objectives.balancing.gramian import Gradients, weights_of


def pcgrad_weights(
    gramian: Tensor, *, orders: Sequence[Sequence[int]], preference: Tensor | None = None
) -> Tensor:
    r"""Weights of the sum of gradients of which each was projected away from those that it opposes.

    .. math:: g_i \leftarrow g_i - \frac{\min(g_i \cdot g_j, 0)}{\|g_j\|^2} g_j
              \quad \text{for } j \ne i \text{ in the order of } i, \qquad d = \sum_i p_i \, g_i

    with preferences p of mean 1. Without conflict, weights are the preferences. They do not change with a
    common scale of the gradients.

    Args:
        gramian: inner products of the gradients, ``[T, T]``.
        orders: for each gradient, the order in which it meets the others: T permutations of 0 to T - 1. With
            three or more objectives the result depends on it.
        preference: >= 0, ``[T]``; equal when None.

    Returns:
        Float64 ``[T]``, >= 0; see ``weights_of`` for objectives without a gradient.

    Raises:
        ValueError: ``orders`` are not T permutations.

    Source: Yu et al. (2020).
    """
    count = len(gramian)
    if [sorted(order) for order in orders] != [list(range(count))] * count:
        raise ValueError(f"orders must be {count} permutations of 0 to {count - 1}")
    return weights_of(gramian, preference, partial(_solve, orders=orders))


def random_orders(count: int, *, seed: int) -> list[list[int]]:
    """So many random permutations of 0 to ``count`` - 1."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randperm(count, generator=rng).tolist() for _ in range(count)]


def _solve(gradients: Gradients, *, orders: Sequence[Sequence[int]]) -> Floats:
    rows = gradients.cosines.tolist()
    place_of = {int(which): place for place, which in enumerate(gradients.which)}
    found = np.zeros(len(rows))
    for which, place in place_of.items():
        # Coefficients of unit gradients.
        kept = [float(index == place) for index in range(len(rows))]
        for other in (place_of[each] for each in orders[which] if each in place_of):
            opposing = sum(each * cosine for each, cosine in zip(kept, rows[other], strict=True))
            if other != place and opposing < 0.0:
                kept[other] -= opposing
        found += gradients.liking[place] * gradients.lengths[place] * np.array(kept) / gradients.lengths
    return found * gradients.num_objectives


@dataclass(frozen=True, kw_only=True)
class PCGrad(GradientBalance):
    """Each gradient gives up what opposes another, in a random order that the run's seed decides."""

    def weights(self, gramian: Tensor, *, preference: Tensor, seed: int) -> Tensor:
        """See ``pcgrad_weights``."""
        return pcgrad_weights(gramian, orders=random_orders(len(gramian), seed=seed), preference=preference)
