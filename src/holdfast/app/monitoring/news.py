"""How many new categories a day brings by nature: new items and users are no alarm where they always come.

N rows of the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from holdfast.app.monitoring.windows import Days
from holdfast.core.arrays import Ints
from holdfast.monitoring.column_reference import CategoricalReference
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.reference import Reference

KIND = "new_categories"


def natural_news(
    columns: Reference, features: pd.DataFrame, day: Ints, windows: Sequence[Days]
) -> Iterator[Finding]:
    """Findings of new categories on the reference's later days, each day beside the first half alone.

    A day of the reference holds nothing that the whole reference does not know. So its second half is held
    against the first; the share of rows that are new there is what a later day brings if nothing changes,
    or more, since half a reference knows less than a whole one.

    Args:
        columns: of the reference.
        features: its rows, ``[N, ...]``.
        day: local day of each row, ``[N]``.
        windows: its days.
    """
    middle = windows[len(windows) // 2].first
    for name, column in columns.columns.items():
        if name not in features or not isinstance(column, CategoricalReference) or not column.is_complete:
            continue
        values = features[name]
        codes = pd.factorize(values)[0]
        known = np.unique(codes[(day < middle) & (codes >= 0)])
        is_new = (codes >= 0) & ~np.isin(codes, known)
        for window in windows[len(windows) // 2 :]:
            here = window.holds(day) & (codes >= 0)
            if here.any():
                share = float(is_new[here].mean())
                yield Finding(
                    where=name,
                    kind=KIND,
                    effect_unit="share",
                    effect=share,
                    statistic=share,
                    start=window.window.start,
                    end=window.window.end,
                    n_reference=column.num_rows,
                    n_current=int(here.sum()),
                )
