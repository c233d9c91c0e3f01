"""Resamples of rows or users whose draws follow from a key, so that a log can be resampled while it is read.

N rows, K columns, R resamples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.core.random import derive_seed

ROWS_AT_ONCE = 4096
"""Their counts for 200 resamples still fit into a processor's cache."""

_DRAWS_PER_WORD = 4
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _poisson_table() -> Floats:
    """Poisson(1) by inversion of a 16-bit number, ``[65536]``; mean and variance are 1 within 1e-4."""
    chances = [math.exp(-1.0) / math.factorial(count) for count in range(12)]
    edges = np.floor(np.cumsum(chances) * 65536 + 0.5)
    return np.searchsorted(edges, np.arange(65536), side="right").astype(np.float64)


_TABLE = _poisson_table()


def mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of 64-bit words in which every bit depends on every bit, element by element.

    Source: Steele, Lea and Flood (2014), the finaliser of SplitMix64.
    """
    words = words ^ (words >> np.uint64(30))
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def poisson_counts(keys: NDArray[np.uint64], *, num_resamples: int, seed: int) -> Floats:
    """How often each row is drawn in each resample, ``[N, R]``; rows with the same key are drawn together.

    The counts depend on the key and the seed only: not on the order of the rows, nor on what else is there.

    Source: Hanley and MacGibbon (2006); Chamandy et al. (2012) for Poisson(1) draws.
    """
    words = -(-num_resamples // _DRAWS_PER_WORD)
    start = mix(keys ^ np.uint64(derive_seed(seed, "off-policy bootstrap")))
    offsets = np.arange(1, words + 1, dtype=np.uint64) * _GOLDEN
    drawn = mix(start[:, None] + offsets[None, :]).view(np.uint16)
    return np.asarray(np.take(_TABLE, drawn[:, :num_resamples]))


def resampled_sums(
    columns: Floats, keys: NDArray[np.uint64], *, num_resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """Sums of the columns in each resample, ``[R, K]``, and the rows drawn, ``[R]``."""
    sums = np.zeros((num_resamples, columns.shape[0]))
    drawn = np.zeros(num_resamples)
    for rows in _slices(keys.size):
        counts = poisson_counts(keys[rows], num_resamples=num_resamples, seed=seed)
        sums += counts.T @ columns[:, rows].T
        drawn += counts.sum(axis=0)
    return sums, drawn


def _slices(num_rows: int) -> Iterator[slice]:
    for start in range(0, num_rows, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, num_rows))
