"""Numeric columns with a fault in some rows.

N rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.drift.changed import told
from holdfast.drift.injector import Drifted
from holdfast.drift.rows import DriftRows


def faulty(
    rows: DriftRows,
    columns: dict[str, tuple[Floats, Bools]],
    *,
    asked: Sequence[str] = (),
    notes: tuple[str, ...] = (),
) -> Drifted:
    """The rows with new values in columns.

    Args:
        rows: clean, ``[N]``.
        columns: of each column what the fault shows ``[N]``, and in which rows ``[N]``; the other rows keep
            what they have, bit for bit.
        asked: columns that the user named.
        notes: see ``Drifted``.
    """
    changed = np.logical_or.reduce([where for _, where in columns.values()])
    share = float(np.mean([where.mean() for _, where in columns.values()]))
    values = {name: shown for name, (shown, _) in columns.items()}
    drifted = Drifted(rows.with_columns(values), tuple(columns), changed, notes, {"share_of_cells": share})
    return told(rows, drifted, asked=asked)
