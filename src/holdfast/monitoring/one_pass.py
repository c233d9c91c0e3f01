"""A reference in sketch form from Parquet that is larger than memory, in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from holdfast.core.errors import UserError
from holdfast.monitoring.column_kinds import (
    Family,
    Kind,
    Numbers,
    category_counts,
    is_coded,
    kind_of,
    numbers_of,
)
from holdfast.monitoring.column_kinds import family_of as family_of_column
from holdfast.monitoring.column_reference import ColumnReference
from holdfast.monitoring.moments import Moments
from holdfast.monitoring.quantile_sketch import QuantileSketch
from holdfast.monitoring.reference import SAMPLE_ROWS, Reference, check_columns
from holdfast.monitoring.row_sample import RowSample
from holdfast.monitoring.summaries import NUM_CATEGORIES, Weighted, summarise_categories, summarise_weighted

MOST_CATEGORIES = 200_000
"""Distinct categories that are counted before the rarest half is put together."""


def reference_from_parquet(
    path: Path,
    *,
    categorical: Collection[str] = (),
    time_column: str | None = None,
    num_sampled: int = SAMPLE_ROWS,
    batch_rows: int = 131_072,
) -> Reference:
    """Remember the columns of a Parquet file or folder, reading each row once.

    Holds one batch of rows, and about 256 KB a numeric column for each doubling of the rows beyond 32,768.
    Ranks err by ``NumericReference.rank_error`` at most: below 0.0003 for a billion rows, 0 up to 32,768.

    Args:
        path: a file, or a folder of files with the same columns.
        categorical: columns of numbers that are categories.
        time_column: the column that says when; not compared.
        num_sampled: rows of the sample, at most.
        batch_rows: rows read at a time.

    Returns:
        A reference in sketch form.

    Raises:
        UserError: nothing there, no rows, or a named column that is not there.
    """
    if not path.exists():
        raise UserError(f"no Parquet at {path}; give a file, or a folder of files")
    dataset = ds.dataset(path, format="parquet")
    check_columns(dataset.schema.names, [*categorical, *([time_column] if time_column else [])])
    builders = {
        name: _ColumnBuilder(name in categorical) for name in dataset.schema.names if name != time_column
    }
    sample = RowSample(num_rows=num_sampled)
    moments: list[pd.Timestamp] = []
    num_rows = 0
    for batch in dataset.to_batches(batch_size=batch_rows):
        if batch.num_rows == 0:
            continue
        frame = batch.to_pandas()
        num_rows += len(frame)
        if time_column is not None:
            moments += [frame[time_column].min(), frame[time_column].max()]
            frame = frame.drop(columns=[time_column])
        for name, builder in builders.items():
            builder.add(frame[name])
        sample.add(frame)
    if num_rows == 0:
        raise UserError(f"{path} holds no rows: nothing can be compared with it")
    known = [moment for moment in moments if not pd.isna(moment)]
    return Reference(
        columns={name: builder.summary() for name, builder in builders.items()},
        num_rows=num_rows,
        form="sketch",
        sample=sample.rows(),
        start=min(known) if known else None,
        end=max(known) if known else None,
        time_column=time_column,
    )


class _ColumnBuilder:
    """One column, batch by batch. Its family is that of the first batch that says something."""

    def __init__(self, is_categorical: bool) -> None:
        self._is_categorical = is_categorical
        self._family: Family = "empty"
        self._kind: Kind | None = None
        self._num_rows = 0
        self._num_missing = 0
        self._infinite = [0, 0]
        self._sketch = QuantileSketch()
        self._moments = Moments()
        self._counts: Counter[str] = Counter()
        self._num_other = 0
        self._num_dropped = 0

    def add(self, column: pd.Series) -> None:
        """Take in one batch."""
        self._num_rows += len(column)
        if self._kind is None:
            family = family_of_column(column)
            if family == "empty":
                self._num_missing += len(column)
                return
            self._family = family
            self._kind = kind_of(family, is_categorical=self._is_categorical or is_coded(column))
        if self._kind == "numeric":
            numbers = numbers_of(column)
            self._num_missing += numbers.num_missing
            self._infinite[0] += numbers.num_positive_infinite
            self._infinite[1] += numbers.num_negative_infinite
            self._sketch.add(numbers.finite)
            self._moments.add(numbers.finite)
        elif self._kind == "categorical":
            counts, num_missing = category_counts(column)
            self._num_missing += num_missing
            self._counts.update(counts)
            self._bound_categories()
        else:
            self._num_missing += int(column.isna().sum())

    def _bound_categories(self) -> None:
        if len(self._counts) <= MOST_CATEGORIES:
            return
        kept = Counter(dict(self._counts.most_common(MOST_CATEGORIES // 2)))
        self._num_dropped += len(self._counts) - len(kept)
        self._num_other += self._counts.total() - kept.total()
        self._counts = kept

    def summary(self) -> ColumnReference:
        """What is remembered."""
        if self._kind == "numeric":
            strange = Numbers(
                finite=np.zeros(0),
                num_missing=self._num_missing,
                num_positive_infinite=self._infinite[0],
                num_negative_infinite=self._infinite[1],
            )
            values, counts = self._sketch.weighted()
            return summarise_weighted(
                strange,
                Weighted(values=values, counts=counts),
                family=self._family,
                rank_error=self._sketch.rank_error,
                moments=self._moments.shape(),
            )
        if self._kind == "categorical":
            return summarise_categories(
                self._counts,
                num_missing=self._num_missing,
                family=self._family,
                num_kept=NUM_CATEGORIES,
                num_other=self._num_other,
                num_distinct=len(self._counts) + self._num_dropped,
            )
        return ColumnReference(
            family=self._family,
            kind=self._kind or "other",
            num_rows=self._num_rows,
            num_missing=self._num_missing,
        )
