"""Content by its length, and the distribution of dwell within each bucket of it.

N rows of the train window, D buckets, L + 1 levels.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.models.binned import strictly_rising
from holdfast.models.kaplan_meier import kaplan_meier_quantiles


def duration_edges(
    content_seconds: Floats, event: Bools, *, num_buckets: int, min_rows: int, weight: Floats
) -> tuple[float, ...]:
    """Lengths between buckets of about equally many rows; content without end is a bucket of its own.

    Args:
        content_seconds: length, > 0, ``inf`` where nothing caps dwell, ``[N]``.
        event: whether the dwell was seen to end, ``[N]``.
        num_buckets: most buckets, at least 1.
        min_rows: events that each bucket needs; one with fewer joins its shorter neighbour.
        weight: what a row counts, > 0, ``[N]``.

    Returns:
        Rising lengths; a row belongs to the bucket after all those that its content is longer than. None
        where all rows make one bucket.
    """
    finite = np.isfinite(content_seconds)
    edges: list[float] = []
    if num_buckets > 1 and finite.any():
        lengths = content_seconds[finite]
        order = np.argsort(lengths, kind="stable")
        mass = np.cumsum(weight[finite][order])
        levels = np.arange(1, num_buckets) / num_buckets * mass[-1]
        # A length that was seen, so that content of exactly that length stays together.
        edges = np.unique(lengths[order][np.searchsorted(mass, levels)]).tolist()
        edges = [each for each in edges if each < lengths.max()]
        if not finite.all():
            edges.append(float(lengths.max()))
    # In float32, as batches hold lengths: an edge rounded up must not swallow the next length.
    edges = np.unique(np.asarray(edges, dtype=np.float32)).tolist()
    while edges:
        counts = np.bincount(buckets_of(content_seconds, edges), event, minlength=len(edges) + 1)
        small = int(counts.argmin())
        if counts[small] >= min_rows:
            break
        edges.pop(max(small - 1, 0))
    return tuple(float(each) for each in edges)


def buckets_of(content_seconds: Floats, edges: list[float] | tuple[float, ...]) -> Ints:
    """The bucket of each row, from 0, ``[N]``."""
    lengths = np.asarray(content_seconds, dtype=np.float32)
    return np.asarray(np.searchsorted(np.asarray(edges, dtype=np.float32), lengths, side="left"))


def tables_of(
    value: Floats,
    event: Bools,
    content_seconds: Floats,
    *,
    edges: tuple[float, ...],
    num_levels: int,
    weight: Floats,
) -> tuple[tuple[tuple[float, ...], ...], int]:
    """Dwell at each level of each bucket, from 0 at level 0, strictly rising, ``D`` times ``L + 1``.

    Also in how many buckets the longest stays were all cut off, so that the highest levels are not known. A
    bucket in which no stay ended, possible where there is only one, is refused by whoever fits.
    """
    bucket = buckets_of(content_seconds, edges)
    levels = np.arange(1, num_levels + 1) / num_levels
    tables, beyond = [], 0
    for each in range(len(edges) + 1):
        rows = bucket == each
        quantiles, unknown = kaplan_meier_quantiles(value[rows], event[rows], levels, weight=weight[rows])
        rising, _ = strictly_rising(np.concatenate([[0.0], quantiles]))
        tables.append(tuple(float(seconds) for seconds in rising))
        beyond += unknown > 0
    return tuple(tables), beyond
