"""A distribution of seconds known at the edges of bins, and even within each of them.

B rows, M bins, G moments. Edges rise strictly from 0, ``[M + 1]`` for all rows or ``[B, M + 1]`` for each.
Survival at the edges, ``[B, M + 1]``, falls from at most 1; beyond the last edge nobody stays.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.models.kaplan_meier import kaplan_meier_quantiles

SMALLEST_BIN = 1e-3
"""Seconds that a bin is wide at least: narrower ones would divide by what float32 cannot tell from 0."""


def capped_mean(survival: Tensor, edges: Tensor, cap: Tensor) -> Tensor:
    r"""Mean of :math:`\min(T, c)`: the area under the survival curve up to c, ``[B]``; exportable to ONNX.

    .. math:: \sum_m \left(S_m w_m - \frac{S_m - S_{m+1}}{2 (e_{m+1} - e_m)} w_m^2\right),
              \quad w_m = \min(\max(c - e_m, 0), e_{m+1} - e_m)
    """
    start, width = edges[..., :-1], edges[..., 1:] - edges[..., :-1]
    inside_BM = torch.minimum((cap[:, None] - start).clamp(min=0.0), width)
    drop_BM = survival[:, :-1] - survival[:, 1:]
    # As a share of the bin first: the square of a wide bin would lose digits.
    area_BM = inside_BM * (survival[:, :-1] - 0.5 * drop_BM * (inside_BM / width))
    return area_BM.sum(1)


def survival_at(survival: Tensor, edges: Tensor, seconds: Tensor) -> Tensor:
    """Chance of more than ``seconds`` ``[B, G]``, straight between edges, ``[B, G]``; not for ONNX."""
    edges_BM = edges.expand(seconds.shape[0], -1).contiguous()
    last = edges_BM.shape[1] - 1
    bin_BG = (torch.searchsorted(edges_BM, seconds.contiguous(), right=False) - 1).clamp(0, last - 1)
    left, right = edges_BM.gather(1, bin_BG), edges_BM.gather(1, bin_BG + 1)
    share = ((seconds - left) / (right - left)).clamp(0.0, 1.0)
    above, below = survival.gather(1, bin_BG), survival.gather(1, bin_BG + 1)
    return (above + (below - above) * share).masked_fill(seconds > edges_BM[:, -1:], 0.0)


def quantile(survival: Tensor, edges: Tensor, level: float) -> Tensor:
    """First moment by which a share ``level`` has left, straight between edges, ``[B]``."""
    edges_BM = edges.expand(survival.shape[0], -1)
    left_BM = 1.0 - survival
    last = edges_BM.shape[1] - 1
    above_B = ((left_BM < level).sum(1)).clamp(1, last)[:, None]
    low, high = left_BM.gather(1, above_B - 1), left_BM.gather(1, above_B)
    start, stop = edges_BM.gather(1, above_B - 1), edges_BM.gather(1, above_B)
    share = ((level - low) / (high - low).clamp(min=1e-12)).clamp(0.0, 1.0)
    return (start + (stop - start) * share)[:, 0]


def edges_at(value: Floats, levels: Floats, *, weight: Floats) -> tuple[tuple[float, ...], int]:
    """Edges of bins from the outcomes seen, cut dwells as long as they were seen.

    Ties leave fewer distinct quantiles than levels; those that fall together are set apart by a sliver.

    Args:
        value: seconds, ``[N]``.
        levels: of the inner edges, rising in (0, 1), ``[M - 1]``.
        weight: what a row counts, >= 0, ``[N]``.

    Returns:
        The M + 1 edges, from 0 to where the middle of the last bin is the mean of its rows; and how many
        inner edges had to be set apart.
    """
    inner, _ = kaplan_meier_quantiles(value, np.ones(value.size, dtype=bool), levels, weight=weight)
    apart, number_apart = strictly_rising(np.concatenate([[0.0], inner]))
    last = apart[-1]
    rows = value > last
    mean = float(np.average(value[rows], weights=weight[rows])) if rows.any() else last
    top, _ = strictly_rising(np.array([last, 2.0 * mean - last]))
    return (*(float(each) for each in apart), float(top[1])), number_apart


def strictly_rising(values: Floats) -> tuple[Floats, int]:
    """Values moved up where they do not rise by what float32 can tell, and how many were moved."""
    rising = np.array(values, dtype=np.float64)
    moved = 0
    for index in range(1, rising.size):
        least = rising[index - 1] + max(SMALLEST_BIN, 1e-5 * rising[index - 1])
        if rising[index] < least:
            rising[index], moved = least, moved + 1
    return rising, moved
