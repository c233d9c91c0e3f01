"""Where a value stands among the values of its column.

N rows.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.core.random import generator
from holdfast.drift.columns import numbers_of
from holdfast.drift.rows import DriftRows

MOST_RANKED = 100_000
"""Of more values than this, places are told by a sample."""
SAMPLE_SIZE = 20_000


def column_quantiles(rows: DriftRows, name: str) -> Floats:
    """Where each value of a numeric column stands; see ``quantile_of``."""
    return rows.derived(("quantiles", name), lambda: quantile_of(numbers_of(rows, name)))


def quantile_of(values: Floats) -> Floats:
    """Share of the finite values below each value, ties in the middle, in [0, 1], ``[N]``; NaN if missing.

    Exact for at most 100,000 values. Of more, 20,000 that chance draws are looked at, always the same ones:
    exact to about a hundredth. (Evenly spaced ones would not do: rows come by request and slot, so that every
    tenth row may be the first slot.)
    """
    finite = np.isfinite(values)
    known = values[finite]
    ranks = np.full(len(values), np.nan)
    if len(known) == 0:
        return ranks
    some = known
    if len(known) > MOST_RANKED:
        some = known[generator(0, "drift", "quantiles").integers(0, len(known), SAMPLE_SIZE)]
    some = np.sort(some)
    below = np.searchsorted(some, known, side="left") + np.searchsorted(some, known, side="right")
    ranks[finite] = below / (2.0 * len(some))
    return ranks
