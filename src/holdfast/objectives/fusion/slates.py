"""Logged requests, reranked by many sets of weights at once.

N rows of a window, Q requests, K rows of a request, T objectives that are scored, G gains, P sets of weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.random import generator


@dataclass(frozen=True)
class Slates:
    """Requests sorted by how many rows they have, so that those of one size are one array.

    Attributes:
        rows: for each size the rows of its requests, ``[Q_K, K]``.
        num_left_out: requests that hold a row of unknown worth, or were too many.
    """

    rows: tuple[Ints, ...]
    num_left_out: int = 0

    @property
    def num_requests(self) -> int:
        """Q."""
        return sum(len(each) for each in self.rows)

    @property
    def first_row(self) -> Ints:
        """Some row of each request, in the order in which functions here give requests, ``[Q]``."""
        return np.concatenate([each[:, 0] for each in self.rows] or [np.zeros(0, dtype=np.int64)])

    def constant(self, column: Ints) -> bool:
        """Whether a column ``[N]`` has one value in each request."""
        return all(bool((column[each] == column[each[:, :1]]).all()) for each in self.rows)


def group_slates(request: Ints, known: Bools, *, most: int, seed: int) -> Slates:
    """Group the rows of a window by request, once for all that is asked of them.

    Args:
        request: code of each row's request, ``[N]``.
        known: False for rows of unknown worth; their requests are left out, ``[N]``.
        most: requests kept at most, drawn at random with ``seed`` where there are more.

    Returns:
        The requests; within one, rows are in the order of the window.
    """
    code = np.unique(request, return_inverse=True)[1] if len(request) else np.zeros(0, dtype=np.int64)
    num_all = int(code.max(initial=-1)) + 1
    usable = np.flatnonzero(np.bincount(code, ~known, minlength=num_all) == 0)
    if usable.size > most:
        usable = np.sort(generator(seed, "requests of a fusion").choice(usable, most, replace=False))
    size = np.bincount(code, minlength=num_all)
    order = np.argsort(code, kind="stable")
    start = np.concatenate([[0], np.cumsum(size)])
    groups = []
    for length in np.unique(size[usable]):
        chosen = usable[size[usable] == length]
        groups.append(order[start[chosen][:, None] + np.arange(length)])
    return Slates(tuple(groups), num_all - len(usable))


def discounted_gains(slates: Slates, terms: Floats, gains: Floats, weights: Floats) -> Floats:
    r"""Discounted gain of every request, ranked by each set of weights: :math:`\sum_r g_r / \log_2(r + 1)`.

    Rows of equal score share the discounts of their places equally, which is the mean over their orders.

    Args:
        slates: the requests.
        terms: what the score adds up, ``[T, N]``: a row's score is ``weights @ terms``.
        gains: what a row is worth, ``[G, N]``.
        weights: ``[P, T]``.

    Returns:
        ``[P, Q, G]``; requests in the order of ``slates.first_row``.

    Source: Järvelin and Kekäläinen (2002); McSherry and Najork (2008) for ties.
    """
    gathered = _gathered(slates, terms, gains)
    found = np.empty((len(weights), slates.num_requests, len(gains)))
    for point, weight_T in enumerate(weights):
        _fill(found[point], gathered, weight_T)
    return found


def mean_gains(slates: Slates, terms: Floats, gains: Floats, weights: Floats) -> Floats:
    """The mean of ``discounted_gains`` over requests, ``[P, G]``, a set of weights at a time in memory."""
    gathered = _gathered(slates, terms, gains)
    found_QG = np.empty((slates.num_requests, len(gains)))
    means = np.empty((len(weights), len(gains)))
    for point, weight_T in enumerate(weights):
        _fill(found_QG, gathered, weight_T)
        means[point] = found_QG.mean(axis=0)
    return means


def _gathered(slates: Slates, terms: Floats, gains: Floats) -> list[tuple[Floats, Floats]]:
    """Terms ``[T, Q, K]`` and gains ``[G, Q, K]`` of the requests of each size."""
    return [(terms[:, rows_QK], gains[:, rows_QK]) for rows_QK in slates.rows]


def _fill(found_QG: Floats, gathered: list[tuple[Floats, Floats]], weight_T: Floats) -> None:
    """Write the discounted gain of every request, ranked by one set of weights."""
    done = 0
    for terms_TQK, gains_GQK in gathered:
        discount_QK = expected_discounts(np.tensordot(weight_T, terms_TQK, axes=1))
        here = slice(done, done + len(discount_QK))
        found_QG[here] = np.einsum("qk,gqk->qg", discount_QK, gains_GQK)
        done = here.stop


def expected_discounts(score_QK: Floats) -> Floats:
    """The discount of each row's place by falling score, ``[Q, K]``; equal scores share theirs."""
    num_requests, length = score_QK.shape
    discount_K = 1.0 / np.log2(np.arange(length) + 2.0)
    order_QK = np.argsort(-score_QK, axis=1, kind="stable")
    sorted_QK = np.take_along_axis(score_QK, order_QK, axis=1)
    first_QK = np.ones((num_requests, length), dtype=bool)
    first_QK[:, 1:] = sorted_QK[:, 1:] != sorted_QK[:, :-1]
    by_place_QK = np.broadcast_to(discount_K, score_QK.shape)
    if not first_QK.all():
        place_K = np.arange(length)
        start_QK = np.maximum.accumulate(np.where(first_QK, place_K, 0), axis=1)
        next_QK = np.full((num_requests, length), length)
        next_QK[:, :-1] = np.where(first_QK[:, 1:], place_K[1:], length)
        end_QK = np.minimum.accumulate(next_QK[:, ::-1], axis=1)[:, ::-1]
        summed = np.concatenate([[0.0], np.cumsum(discount_K)])
        by_place_QK = (summed[end_QK] - summed[start_QK]) / (end_QK - start_QK)
    found_QK = np.empty_like(score_QK)
    np.put_along_axis(found_QK, order_QK, by_place_QK, axis=1)
    return found_QK
