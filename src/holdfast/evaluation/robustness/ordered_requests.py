"""NDCG of many scores on the same requests: what does not depend on the score is worked out once.

N rows, M rows of requests that count, Q of those requests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints


@dataclass(frozen=True)
class OrderedRequests:
    """Requests with something relevant among at least two rows, none of unknown worth.

    Attributes:
        rows: rows of them, request by request, ``[M]``.
        request: 0 to Q - 1, ascending, of each of those rows, ``[M]``.
        position: place of each of those rows within its request, from 0, ``[M]``.
        gain: worth of each of those rows, >= 0, ``[M]``.
        discount: of a place, 0 beyond the cutoff, ``[M]``.
        best: discounted gain of the best order, ``[Q]``.
        chance: expected NDCG of a random order, ``[Q]``.
        first_row: some row of each request, ``[Q]``.
        num_left_out: requests that do not count.
    """

    rows: Ints
    request: Ints
    position: Ints
    gain: Floats
    discount: Floats
    best: Floats
    chance: Floats
    first_row: Ints
    num_left_out: int

    def ndcg(self, score: Floats) -> Floats:
        """NDCG of each request when rows are in falling order of ``score`` ``[N]``, ``[Q]``.

        Equal scores share the discounts of their places, as in ``evaluation.ranking.ndcg_per_request``.
        """
        of_row = score[self.rows]
        # By request and then by falling score, as one whole number: faster than sorting by two keys.
        place = np.empty(of_row.size, dtype=np.int64)
        place[np.argsort(of_row)[::-1]] = np.arange(of_row.size)
        order = np.argsort(self.request * of_row.size + place)
        ordered = of_row[order]
        discount = self.discount
        tied = np.zeros(ordered.size, dtype=bool)
        tied[1:] = (ordered[1:] == ordered[:-1]) & (self.position[1:] > 0)
        if tied.any():
            tie = np.cumsum(~tied) - 1
            discount = (np.bincount(tie, discount) / np.bincount(tie))[tie]
        # Sorted by request first: the request of a place is that of the row that was there before.
        found = np.bincount(self.request, self.gain[order] * discount, minlength=self.best.size)
        return np.asarray(found / self.best)


def order_requests(gain: Floats, requests: Ints, *, cutoff: int) -> OrderedRequests:
    """Find the requests that count, as ``evaluation.ranking_metrics`` does.

    Args:
        gain: what a row is worth, >= 0, NaN where not known, ``[N]``.
        requests: integer code of each row's request, ``[N]``.
        cutoff: k, at least 1.
    """
    _, code = np.unique(requests, return_inverse=True)
    num = int(code.max(initial=-1)) + 1
    unknown = np.isnan(gain)
    known_gain = np.where(unknown, 0.0, gain)
    size = np.bincount(code, minlength=num)
    kept = np.bincount(code, known_gain, minlength=num) > 0.0
    kept &= (size > 1) & (np.bincount(code, unknown, minlength=num) == 0)
    rows = np.argsort(code, kind="stable")
    rows = rows[kept[code[rows]]]
    request = (np.cumsum(kept) - 1)[code[rows]]
    num_kept = int(kept.sum())
    start = np.searchsorted(request, np.arange(num_kept))
    position = np.arange(rows.size) - start[request]
    discount = np.where(position < cutoff, 1.0 / np.log2(position + 2.0), 0.0)
    gains = known_gain[rows]
    best_first = gains[np.lexsort((-gains, request))]
    best = np.bincount(request, best_first * discount, minlength=num_kept).astype(np.float64)
    mean_discount = np.bincount(request, discount, minlength=num_kept) / np.maximum(size[kept], 1)
    total = np.bincount(request, gains, minlength=num_kept)
    return OrderedRequests(
        rows=rows,
        request=request,
        position=position,
        gain=gains,
        discount=discount,
        best=best,
        chance=mean_discount * total / np.where(best > 0.0, best, 1.0),
        first_row=rows[start],
        num_left_out=num - num_kept,
    )
