"""Isotonic regression as a strictly increasing, piecewise linear map.

N rows to fit on, M knots, B rows.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import isotonic_regression
from torch import Tensor

from holdfast.core.arrays import Floats

MAX_BINS = 100
"""Rows are first gathered in so many bins of equal weight: a graph holds no thousands of knots."""
STEEPEST = 50.0
"""Times the relative error of a prediction that a map may make of it: a float32 has seven digits to lose."""


def fit_isotonic(
    predicted: Floats, observed: Floats, weight: Floats, *, upper: float | None
) -> tuple[Floats, Floats]:
    """Knots and what they are mapped to, ``[M]`` each, both strictly increasing.

    The blocks of the isotonic regression are joined by straight lines between their centres, and to (0, 0)
    and, for probabilities, (1, 1). So predictions of one block stay in order, where the regression itself
    would tie them. A first block in which nothing, or a last one in which everything, was observed is drawn
    inside, because no finite sample shows that something never happens. Blocks whose predictions are so near
    each other that their line would be steeper than ``STEEPEST`` are pooled, and a last line is no steeper.

    Args:
        predicted: >= 0, ``[N]``.
        observed: outcome in the same unit, >= 0, not all 0, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``.
        upper: 1 for probabilities; None for seconds, which go on in proportion beyond the last block.

    Source: Zadrozny and Elkan (2002) for isotonic regression of probabilities.
    """
    x, y, mass = _gathered(predicted, observed, weight)
    fitted = isotonic_regression(y, weights=mass).x
    block = np.concatenate([[0], np.cumsum(np.diff(fitted) > 0.0)])
    total: Floats = np.asarray(np.bincount(block, mass), dtype=np.float64)
    centre: Floats = np.asarray(np.bincount(block, mass * x) / total)
    value: Floats = np.asarray(np.bincount(block, mass * y) / total)
    centre, value = _carried(centre, _drawn_inside(value, total, upper=upper), total)
    if upper is None:
        centre, value = np.append(centre, 2.0 * centre[-1]), np.append(value, 2.0 * value[-1])
    else:
        end = min(upper, value[-1] * (1.0 + STEEPEST * (upper - centre[-1]) / upper))
        centre, value = np.append(centre, upper), np.append(value, end)
    centre, value = np.concatenate([[0.0], centre]), np.concatenate([[0.0], value])
    return _distinct(centre, value)


def isotonic_at(knots: Floats, own_knots: Floats, own_values: Floats) -> Floats:
    """The map of other knots at these, ``[M]``; in proportion beyond its last one."""
    beyond = knots * (own_values[-1] / own_knots[-1])
    return np.where(knots > own_knots[-1], beyond, np.interp(knots, own_knots, own_values))


def apply_isotonic(predicted: Tensor, parameters: Tensor, knots: Tensor) -> Tensor:
    """Linear between the knots and beyond the last one, ``[B]``.

    Args:
        predicted: ``[B]``.
        parameters: what the knots are mapped to, ``[B, M]``.
        knots: strictly increasing, ``[M]``.
    """
    piece_B = (predicted[:, None] >= knots[1:-1]).to(torch.int64).sum(1)
    low_B, high_B = knots[piece_B], knots[piece_B + 1]
    from_B = torch.gather(parameters, 1, piece_B[:, None])[:, 0]
    to_B = torch.gather(parameters, 1, piece_B[:, None] + 1)[:, 0]
    return from_B + (predicted - low_B) * ((to_B - from_B) / (high_B - low_B))


def _gathered(predicted: Floats, observed: Floats, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean prediction, mean outcome and mass of rows that go together, in order of the prediction."""
    counted = weight > 0.0
    values, place = np.unique(predicted[counted], return_inverse=True)
    mass = np.bincount(place, weight[counted])
    if values.size > MAX_BINS:
        middle = (np.cumsum(mass) - mass / 2.0) / mass.sum()
        place = np.unique((middle * MAX_BINS).astype(np.int64), return_inverse=True)[1][place]
        mass = np.bincount(place, weight[counted])
    x = np.bincount(place, weight[counted] * predicted[counted]) / mass
    y = np.bincount(place, weight[counted] * observed[counted]) / mass
    return x, y, np.asarray(mass, dtype=np.float64)


def _drawn_inside(value: Floats, mass: Floats, *, upper: float | None) -> Floats:
    """Values of blocks, none of them 0 or the upper end, still strictly increasing."""
    value = value.copy()
    if value[0] <= 0.0:
        after = value[1] if value.size > 1 else 1.0
        value[0] = min(0.5 / (mass[0] + 1.0), after / 2.0)
    if upper is not None and value[-1] >= upper:
        before = value[-2] if value.size > 1 else 0.0
        value[-1] = upper - min(0.5 / (mass[-1] + 1.0), (upper - before) / 2.0)
    return value


def _carried(centre: Floats, value: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Blocks of which the steepest neighbours were pooled until single precision can carry every line."""
    mass = mass.copy()
    while centre.size > 1:
        steepness = (np.diff(value) / value[1:]) / np.maximum(np.diff(centre) / centre[1:], 1e-12)
        place = int(steepness.argmax())
        if steepness[place] <= STEEPEST:
            break
        pair, both = slice(place, place + 2), mass[place : place + 2].sum()
        for each in (centre, value):
            each[place] = mass[pair] @ each[pair] / both
        mass[place] = both
        centre, value, mass = (np.delete(each, place + 1) for each in (centre, value, mass))
    return centre, value


def _distinct(knots: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Without knots that single precision cannot tell from the one before; the last one stays."""
    kept = [0]
    for place in range(1, knots.size):
        before = kept[-1]
        apart = np.float32(knots[place]) > np.float32(knots[before])
        if apart and np.float32(values[place]) > np.float32(values[before]):
            kept.append(place)
    if kept[-1] != knots.size - 1:
        kept[-1] = knots.size - 1
    return knots[kept], values[kept]
