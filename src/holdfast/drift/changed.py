"""How much a drift changed, in rows and cells.

N rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools
from holdfast.drift.injector import Drifted
from holdfast.drift.rows import DriftRows


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
    else:
        left, right = np.asarray(before), np.asarray(after)
        if before.dtype != after.dtype:
            # Values of two types are compared as they are, with the missing ones out of the way.
            left = before.astype(object).where(~missing, None).to_numpy()
            right = after.astype(object).where(~missing_after, None).to_numpy()
        differ = np.asarray(left != right, dtype=np.bool_)
    return np.asarray((differ & ~(missing & missing_after)) | (missing != missing_after))


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
