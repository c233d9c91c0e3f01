"""How much a drift changed, in rows and cells.

N rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from pandas.api import types

from holdfast.core.arrays import Bools
from holdfast.drift.injector import Drifted
from holdfast.drift.rows import DriftRows

NOTHING_CHANGED = "nothing changed in these rows at this severity"
_FEW_ROWS = 64


def told(clean: DriftRows, drifted: Drifted, *, asked: Sequence[str] = ()) -> Drifted:
    """The drifted rows, with a note where nothing came of the drift, or of one of its columns.

    On few rows chance may fall on none of them, or on values that stay as they are: that is said, so that
    nobody takes a model for robust which was not stressed.

    Args:
        clean: before.
        drifted: after a severity above 0.
        asked: columns that were named by the user, and must not be passed over in silence.
    """
    notes = []
    if drifted.changed_columns is not None:
        passed_over = [name for name in asked if name not in drifted.changed_columns]
        if passed_over:
            notes.append(f"left alone, because nothing in them can change: {', '.join(passed_over)}")
    if not anything_changed(clean, drifted):
        notes.append(NOTHING_CHANGED)
    return replace(drifted, notes=(*drifted.notes, *notes)) if notes else drifted


def anything_changed(clean: DriftRows, drifted: Drifted) -> bool:
    """Whether drifted rows differ from the clean ones: in number or order, in a cell, or in what is known."""
    rows = drifted.rows
    if len(rows) != len(clean) or rows.observed_until != clean.observed_until:
        return True
    if not np.array_equal(rows.source, clean.source):
        return True
    every = drifted.changed_columns is None
    columns = [str(name) for name in rows.rows] if every else list(drifted.changed_columns or ())
    where = np.arange(len(rows))
    if drifted.changed_rows is not None and not every:
        where = np.flatnonzero(drifted.changed_rows)
    # Where something changed, the first rows mostly say so, and the others need not be looked at.
    for part in (where[:_FEW_ROWS], where[_FEW_ROWS:]):
        for name in columns:
            before, after = clean.rows[name].take(part), rows.rows[name].take(part)
            if len(part) and changed_cells(before, after).any():
                return True
    return False


def changed_rows_share(drifted: Drifted) -> float:
    """Share of the rows that changed, in [0, 1]; 0 where there are none."""
    changed = drifted.changed_rows
    return float(changed.mean()) if changed is not None and len(changed) else 0.0


def changed_cells(before: pd.Series, after: pd.Series) -> Bools:
    """Where two columns of equal length differ, bool ``[N]``; two missing values do not."""
    missing, missing_after = before.isna().to_numpy(), after.isna().to_numpy()
    if before.dtype == object or after.dtype == object:
        differ = np.fromiter(
            (one is not other for one, other in zip(before, after, strict=True)), np.bool_, len(before)
        )
    elif isinstance(before.dtype, pd.StringDtype) and before.dtype == after.dtype:
        differ = before.ne(after).fillna(True).to_numpy(dtype=np.bool_)
    elif before.dtype == after.dtype and _compares_at_once(before):
        differ = np.asarray(before.array != after.array, dtype=np.bool_)
    else:
        # Values of two types are compared as they are, with the missing ones out of the way.
        left = before.astype(object).where(~missing, None).to_numpy()
        right = after.astype(object).where(~missing_after, None).to_numpy()
        differ = np.asarray(left != right, dtype=np.bool_)
    return np.asarray((differ & ~(missing & missing_after)) | (missing != missing_after))


def _compares_at_once(column: pd.Series) -> bool:
    """Whether a missing value does not make a comparison missing too."""
    return isinstance(column.dtype, np.dtype) or types.is_datetime64_any_dtype(column.dtype)


def changed_share(clean: DriftRows, drifted: Drifted, columns: Sequence[str]) -> float:
    """Share of the cells of some columns that changed, in [0, 1]; 0 where there are none."""
    if not columns or len(clean) == 0:
        return 0.0
    share = [changed_cells(clean.rows[name], drifted.rows.rows[name]).mean() for name in columns]
    return float(np.mean(share))


def lost_share(clean: DriftRows, drifted: Drifted, columns: Sequence[str]) -> float:
    """Share of the cells of some columns that had a value and have none, in [0, 1]; 0 without cells."""
    if not columns or len(clean) == 0:
        return 0.0
    lost = [drifted.rows.rows[name].isna().mean() - clean.rows[name].isna().mean() for name in columns]
    return float(np.mean(lost))
