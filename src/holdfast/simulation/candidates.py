"""Which items a request may choose from.

Q requests, C candidates, I items.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.simulation.draws import Draws


def candidate_weights(birth_day: Ints, *, day: int, half_life_days: float) -> Floats:
    r"""Chance of an item to become a candidate, up to a constant: fresh items more often, unborn ones never.

    .. math:: w_i = \mathbb{1}[b_i \le t] \, 2^{-(t - b_i) / h}

    Args:
        birth_day: b, ``[I]``.
        day: t.
        half_life_days: h > 0.

    Returns:
        Weights >= 0, ``[I]``.
    """
    age = np.maximum(day - birth_day, 0)
    return np.where(birth_day <= day, np.exp2(-age / half_life_days), 0.0)


def draw_candidates(user: Ints, weights: Floats, *, num_candidates: int, chance: Draws, day: int) -> Ints:
    """Draw sets of different items, one after the other in proportion to the weights of those left.

    Drawing with replacement and passing over what is already there is the same thing, and costs
    log(I) a draw instead of I.

    Args:
        user: whose request, ``[Q]``.
        weights: of the items, >= 0, ``[I]``.
        num_candidates: C.
        chance: the numbers that belong to these requests; its units are users.
        day: for the message of an error.

    Returns:
        Items in the order in which they were drawn, ``[Q, C]``.

    Raises:
        ValueError: fewer than C items have a weight above 0.
    """
    alive = np.flatnonzero(weights > 0)
    if len(alive) < num_candidates:
        raise ValueError(
            f"only {len(alive)} items are alive on day {day}, and a request needs "
            f"candidates={num_candidates}; raise num_items or lower candidates"
        )
    steps = np.cumsum(weights[alive])
    steps /= steps[-1]
    chosen = np.empty((len(user), num_candidates), dtype=np.int64)
    open_rows = np.arange(len(user))
    width = 2 * num_candidates
    while len(open_rows):
        uniform = chance.uniform(user[open_rows], width)
        drawn = np.searchsorted(steps, uniform.ravel(), side="right").reshape(uniform.shape)
        first = _is_first(drawn)
        done = first.sum(axis=1) >= num_candidates
        first &= np.cumsum(first, axis=1) <= num_candidates
        chosen[open_rows[done]] = alive[drawn[done][first[done]]].reshape(-1, num_candidates)
        open_rows = open_rows[~done]
        # The first columns of a longer row are the same numbers: the draw goes on where it stopped.
        width *= 2
    return chosen


def _is_first(values: Ints) -> Bools:
    """Whether each value is the first of its kind in its row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    new = np.ones(values.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.empty_like(new)
    np.put_along_axis(first, order, new, axis=1)
    return first
