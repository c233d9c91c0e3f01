"""Which items a request may choose from.

Q requests, C candidates, I items, A items alive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.simulation.draws import Draws

BUCKETS_PER_ITEM = 8
MOST_DRAWS = 1024
"""After so many draws with replacement the rest of a request is drawn by clocks; see ``draw_candidates``."""
MOST_CLOCKS = 1 << 22


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


@dataclass(frozen=True)
class Lottery:
    r"""Draws an item with probability :math:`w_i / \sum w`, at a cost that does not grow with the catalogue.

    The unit interval is cut into items by the cumulated weights and, beside that, into equal buckets. Most
    buckets lie within one item: there a look into the bucket is the answer. In the others the item is
    searched for, so what is drawn is exactly what a search through all items would find.

    Attributes:
        alive: items with a weight above 0, ``[A]``.
        weights: theirs, ``[A]``.
        steps: cumulated weights, the last one 1, ``[A]``.
        bucket: first item that reaches beyond the start of each of M buckets, ``[M + 1]``.

    Source: Chen and Asau (1974), the guide table.
    """

    alive: Ints
    weights: Floats
    steps: Floats
    bucket: Ints

    def draw(self, uniform: Floats) -> Ints:
        """Rows of ``alive`` for numbers in (0, 1), of the shape of ``uniform``."""
        # M is a power of two, so the product is exact, and so is the comparison that it stands for.
        place = (uniform * (len(self.bucket) - 1)).astype(np.int32)
        drawn = self.bucket.take(place)
        place += 1
        unsure = np.flatnonzero(drawn != self.bucket.take(place))
        drawn.ravel()[unsure] = np.searchsorted(self.steps, uniform.ravel()[unsure], side="right")
        return drawn


def lottery(weights: Floats, *, num_candidates: int, day: int) -> Lottery:
    """Prepare a day's draws.

    Args:
        weights: of the items, >= 0, ``[I]``.
        num_candidates: C.
        day: for the message of an error.

    Raises:
        ValueError: fewer than C items have a weight above 0.
    """
    alive = np.flatnonzero(weights > 0).astype(np.int32)
    if len(alive) < num_candidates:
        raise ValueError(
            f"only {len(alive)} items are alive on day {day}, and a request needs "
            f"candidates={num_candidates}; raise num_items, lower candidates, or withdraw fewer items"
        )
    steps = np.cumsum(weights[alive])
    steps /= steps[-1]
    num_buckets = 1 << int(BUCKETS_PER_ITEM * len(alive)).bit_length()
    starts = np.arange(num_buckets + 1) / num_buckets
    bucket = np.searchsorted(steps, starts, side="right").astype(np.int32)
    return Lottery(alive, weights[alive], steps, bucket)


def draw_candidates(user: Ints, items: Lottery, *, num_candidates: int, chance: Draws) -> Ints:
    """Draw sets of different items, one after the other in proportion to the weights of those left.

    Drawing with replacement and passing over what is already there is the same thing, and costs
    the same for a catalogue of any size. Where almost all weight is on fewer than C items that could go on
    for ever: after 1,024 draws the items left over are taken in the order of exponential clocks with their
    weights as rates, which is once more the same thing.

    Args:
        user: whose request, ``[Q]``.
        items: to draw from.
        num_candidates: C.
        chance: the numbers that belong to these requests; its units are users.

    Returns:
        Items in the order in which they were drawn, ``[Q, C]``.

    Source: Efraimidis and Spirakis (2006) for the clocks.
    """
    drawn = items.draw(chance.uniform(user, num_candidates))
    again = np.flatnonzero(_repeats(drawn))
    width, most = num_candidates, max(MOST_DRAWS, num_candidates)
    while len(again) and width < most:
        # The first columns of a longer row are the same numbers: the draw goes on where it stopped.
        width = min(2 * width, most)
        longer = items.draw(chance.uniform(user[again], width))
        first = _is_first(longer)
        done = first.sum(axis=1) >= num_candidates
        first &= np.cumsum(first, axis=1) <= num_candidates
        drawn[again[done]] = longer[done][first[done]].reshape(-1, num_candidates)
        again = again[~done]
    # Few rows at a time: the clocks of all items that are alive stand beside each other.
    rows = max(1, MOST_CLOCKS // len(items.alive))
    for start in range(0, len(again), rows):
        some = again[start : start + rows]
        drawn[some] = _drawn_by_clocks(user[some], items, num_candidates=num_candidates, chance=chance)
    return items.alive.take(drawn)


def _drawn_by_clocks(user: Ints, items: Lottery, *, num_candidates: int, chance: Draws) -> Ints:
    """Rows of ``items.alive`` for users ``[R]`` whom ``MOST_DRAWS`` draws did not do for, ``[R, C]``."""
    width = max(MOST_DRAWS, num_candidates)
    uniform = chance.uniform(user, width + len(items.alive))
    drawn = items.draw(uniform[:, :width])
    # In logarithms: a weight may be so small that no time is long enough.
    rings_at = np.log(-np.log(uniform[:, width:])) - np.log(items.weights)
    # What was drawn before has a clock too, and is passed over like any repetition.
    joined = np.concatenate([drawn, np.argsort(rings_at, axis=1, kind="stable")], axis=1)
    first = _is_first(joined)
    first &= np.cumsum(first, axis=1) <= num_candidates
    return np.asarray(joined[first].reshape(-1, num_candidates))


def _repeats(values: Ints) -> Bools:
    """Whether a row holds a value twice, ``[Q]``."""
    ordered = np.sort(values, axis=1)
    return np.asarray((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))


def _is_first(values: Ints) -> Bools:
    """Whether each value is the first of its kind in its row."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    new = np.ones(values.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.empty_like(new)
    np.put_along_axis(first, order, new, axis=1)
    return first
