"""Re-mixes: whole requests are kept or dropped, so that every row that is left is a copy with its outcomes.

Dropping instead of drawing with replacement keeps the ladder nested and every request single: a request that
was drawn twice would count as two when an interval is made, and say no more than one.

N rows, Q requests.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.random import generator
from holdfast.drift.changed import told
from holdfast.drift.injector import Drifted
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import first_rows, num_units, unit_codes


def thin_requests(rows: DriftRows, keep: Floats, *, seed: int, name: str) -> Drifted:
    """Each request stays with a chance of its own; ``figures`` tell how many did.

    Args:
        rows: clean, ``[N]``.
        keep: chance to stay, of each request in order of first appearance, ``[Q]``.
        seed: of the draws, which are the same for every ``keep``.
        name: of the injector; another one draws other numbers.
    """
    request = unit_codes(rows, "request")
    stays = generator(seed, "drift", name).random(len(keep)) < keep
    index = np.flatnonzero(stays[request])
    figures = {
        "rows": float(len(index)),
        "share_of_requests": float(stays.mean()),
        "effective_sample_size": float(stays.sum()),
    }
    # Rows are copies: no column changed, and so no row did.
    return told(rows, Drifted(rows.take(index), (), np.zeros(len(index), dtype=np.bool_), (), figures))


def favour(rows: DriftRows, favoured: Bools, *, lost: float, seed: int, name: str, note: str) -> Drifted:
    """All favoured requests stay, and of the others a share is lost.

    Args:
        rows: clean, ``[N]``.
        favoured: of each request in order of first appearance, at least one, ``[Q]``.
        lost: share of the other requests, in [0, 1].
        seed: of the draws.
        name: of the injector.
        note: who was favoured.
    """
    drifted = thin_requests(rows, np.where(favoured, 1.0, 1.0 - lost), seed=seed, name=name)
    favoured_rows = int(favoured[unit_codes(rows, "request")].sum())
    figures = {
        **drifted.figures,
        "favoured_share_before": favoured_rows / len(rows),
        "favoured_share": favoured_rows / len(drifted.rows),
    }
    return replace(drifted, notes=(note, *drifted.notes), figures=figures)


def favoured_gain(drifted: Drifted) -> float:
    """By how much the share of favoured rows grew; 0 at severity 0."""
    figures = drifted.figures
    return figures["favoured_share"] - figures["favoured_share_before"] if figures else 0.0


def by_request(rows: DriftRows, of_row: Bools) -> Bools:
    """Whether any row of a request is marked, bool ``[Q]``."""
    request = unit_codes(rows, "request")
    marked = np.zeros(num_units(request), dtype=np.bool_)
    marked[request[of_row]] = True
    return marked


def first_of_request(rows: DriftRows, values: Ints) -> Ints:
    """The value of each request's first row, ``[Q]``."""
    return np.asarray(values[first_rows(unit_codes(rows, "request"))])
