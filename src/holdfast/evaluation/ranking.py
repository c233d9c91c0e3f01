"""How good the order within a request is: NDCG at k and reciprocal rank, for all requests at once.

Equal scores are in random order: a metric is its expected value over that order. So it does not depend on
how the rows happen to lie, and a model gains nothing by giving many items the same score.

N rows, Q requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation import checks


@dataclass(frozen=True)
class RankedRequests:
    """Rows in the order of their scores, request by request; made once for all metrics.

    Attributes:
        order: row at each place of the sorted rows, ``[N]``.
        request: request at each place, 0 to Q - 1, ascending, ``[N]``.
        position: place within the request, from 0, ``[N]``.
        tie: tie group at each place: same request and same score, ascending, ``[N]``.
        first_row: some row of each request, ``[Q]``.
    """

    order: Ints
    request: Ints
    position: Ints
    tie: Ints
    first_row: Ints

    @property
    def num_requests(self) -> int:
        """Q."""
        return int(self.first_row.size)


def rank_requests(score: ArrayLike, requests: ArrayLike) -> RankedRequests:
    """Sort rows by request and, within it, by falling score.

    Args:
        score: higher comes first, ``[N]``.
        requests: integer code of each row's request, ``[N]``.
    """
    (scores,) = checks.finite_columns(score=score)
    codes = checks.codes(requests, name="requests", num_rows=scores.size)
    _, first_row, code = np.unique(codes, return_index=True, return_inverse=True)
    order = np.lexsort((-scores, code))
    request, sorted_scores = code[order], scores[order]
    new_request = np.diff(request, prepend=-1) != 0
    new_tie = new_request.copy()
    new_tie[1:] |= np.diff(sorted_scores) != 0.0
    starts = np.flatnonzero(new_request)
    position = np.arange(scores.size) - starts[request] if scores.size else np.zeros(0, dtype=np.int64)
    return RankedRequests(order, request, position, np.cumsum(new_tie) - 1, first_row)


def ndcg_per_request(ranked: RankedRequests, gain: ArrayLike, *, cutoff: int) -> tuple[Floats, Floats]:
    r"""Discounted gain of the first ``cutoff`` places over that of the best order.

    .. math:: \mathrm{DCG} = \sum_{r = 1}^{k} g_r / \log_2(r + 1)

    The gain enters as it is, without :math:`2^g - 1`. Equal scores share their places' discounts equally.

    Args:
        ranked: the rows' order.
        gain: >= 0, ``[N]``, in the rows' own order; multiply weights in beforehand.
        cutoff: k, at least 1.

    Returns:
        NDCG in [0, 1] of each request, ``[Q]``, and the best possible DCG, ``[Q]``. Where the latter is 0,
        nothing in the request is relevant, and NDCG is 0 but means nothing.

    Source: Järvelin and Kekäläinen (2002); McSherry and Najork (2008) for ties.
    """
    if cutoff < 1:
        raise ValueError(f"cutoff is {cutoff}; it must be at least 1")
    gains = _checked_gain(gain, ranked)[ranked.order]
    discount = np.where(ranked.position < cutoff, 1.0 / np.log2(ranked.position + 2.0), 0.0)
    shared = np.bincount(ranked.tie, discount) / np.bincount(ranked.tie) if gains.size else discount
    best_first = gains[np.lexsort((-gains, ranked.request))]
    found = _per_request(ranked, gains * shared[ranked.tie])
    best = _per_request(ranked, best_first * discount)
    return np.divide(found, best, out=np.zeros_like(found), where=best > 0.0), best


def reciprocal_rank_per_request(ranked: RankedRequests, gain: ArrayLike) -> tuple[Floats, Floats]:
    r"""One over the place, from 1, of the first relevant row.

    Where that row shares its score with others, the expected value over their random order: with ``m`` equal
    scores after ``s`` better ones, ``r`` of them relevant, the first relevant one is later than the j-th with
    probability :math:`\binom{m - j}{r} / \binom{m}{r}`.

    Args:
        ranked: the rows' order.
        gain: > 0 where relevant, otherwise 0, ``[N]``, in the rows' own order.

    Returns:
        Reciprocal rank in (0, 1] of each request, ``[Q]``, and its number of relevant rows, ``[Q]``. Where
        the latter is 0, the former is 0 and means nothing.
    """
    relevant = _checked_gain(gain, ranked)[ranked.order] > 0.0
    num_relevant = _per_request(ranked, relevant.astype(np.float64))
    if not relevant.any():
        return np.zeros(ranked.num_requests), num_relevant
    places = np.flatnonzero(relevant)
    _, first = np.unique(ranked.request[places], return_index=True)
    deciding = np.isin(ranked.tie, ranked.tie[places[first]])
    tie = ranked.tie[deciding]
    size = np.bincount(ranked.tie)[tie].astype(np.float64)
    hits = np.bincount(ranked.tie, relevant)[tie].astype(np.float64)
    starts = np.flatnonzero(np.diff(ranked.tie, prepend=-1))
    before = np.flatnonzero(deciding) - starts[tie] + 0.0
    # None so far, and then one of the hits among those left; a difference of two chances loses digits.
    chance = _chance_later(before, size, hits) * hits / (size - before)
    expected = np.zeros(ranked.order.size)
    expected[deciding] = chance / (ranked.position[deciding] + 1.0)
    return _per_request(ranked, expected), num_relevant


def request_weights(ranked: RankedRequests, weight: Floats) -> Floats:
    """Mean weight of each request's rows, ``[Q]``."""
    return _per_request(ranked, weight[ranked.order]) / np.bincount(
        ranked.request, minlength=ranked.num_requests
    )


def dwell_gain(seconds: ArrayLike, opened: ArrayLike) -> Floats:
    """Gain of a row by its dwell: ``log(1 + seconds)`` where it was opened, otherwise 0, ``[N]``."""
    return np.log1p(np.where(np.asarray(opened, dtype=bool), np.asarray(seconds, dtype=np.float64), 0.0))


def _chance_later(place: Floats, size: Floats, hits: Floats) -> Floats:
    """Chance that none of ``hits`` among ``size`` equal scores is at one of the first ``place`` places."""
    possible = place <= size - hits
    rest = np.where(possible, size - place, hits)
    log_chance = gammaln(rest + 1.0) - gammaln(rest - hits + 1.0)
    log_chance = log_chance - gammaln(size + 1.0) + gammaln(size - hits + 1.0)
    return np.where(possible, np.exp(log_chance), 0.0)


def _checked_gain(gain: ArrayLike, ranked: RankedRequests) -> Floats:
    (gains,) = checks.finite_columns(gain=gain)
    if gains.size != ranked.order.size:
        raise ValueError(f"gain has {gains.size} rows and score {ranked.order.size}")
    if (gains < 0.0).any():
        raise ValueError(f"gain holds {int((gains < 0.0).sum())} negative values; a gain is >= 0")
    return gains


def _per_request(ranked: RankedRequests, values: Floats) -> Floats:
    return np.asarray(np.bincount(ranked.request, values, minlength=ranked.num_requests), dtype=np.float64)
