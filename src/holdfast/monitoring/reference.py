"""A reference to compare windows with: what is remembered of every column, and a sample of rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from holdfast.core.errors import UserError
from holdfast.core.random import generator
from holdfast.monitoring.column_kinds import (
    category_counts,
    family_of,
    is_coded,
    kind_of,
    numbers_of,
)
from holdfast.monitoring.column_reference import CategoricalReference, ColumnReference, NumericReference
from holdfast.monitoring.summaries import (
    NUM_CATEGORIES,
    NUM_KNOTS,
    summarise_categories,
    summarise_numbers,
)

Form = Literal["exact", "sketch"]

SAMPLE_ROWS = 5000
"""Rows that are kept for detectors that look at several columns at once."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a window is compared with.

    Attributes:
        columns: what is remembered of each column, by name.
        num_rows: rows that it was built from.
        form: ``exact`` keeps every value, ``sketch`` about 8 KB a column.
        start: first moment of the reference; None if it has no time.
        end: its last moment.
        time_column: the column that says when, which is not compared.
        sample: some of its rows, drawn without replacement, columns as in ``columns``.
    """

    columns: Mapping[str, ColumnReference]
    num_rows: int
    form: Form
    sample: pd.DataFrame
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    time_column: str | None = None

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        categorical: Collection[str] = (),
        time_column: str | None = None,
        form: Form = "exact",
        num_knots: int = NUM_KNOTS,
        num_sampled: int = SAMPLE_ROWS,
    ) -> Reference:
        """Remember the columns of a frame.

        Args:
            frame: rows of the reference; columns of any type.
            categorical: columns of numbers that are categories (ids, codes).
            time_column: the column that says when; it gives ``start`` and ``end`` and is not compared.
            form: exact, or a sketch that is small enough to travel.
            num_knots: cells between the quantiles of a sketch: its Kolmogorov-Smirnov distances err by at
            most
                one over it.
            num_sampled: rows of the sample, at most.

        Raises:
            UserError: no rows, two columns of one name, or a named column that the frame lacks.
        """
        check_columns(frame.columns, [*categorical, *([time_column] if time_column else [])])
        if form not in ("exact", "sketch"):
            raise ValueError(f"form must be 'exact' or 'sketch', got {form!r}")
        if num_knots < 2:
            raise ValueError(f"num_knots must be 2 or more, got {num_knots}")
        if len(frame) == 0:
            raise UserError(
                "the reference has no rows: nothing can be compared with it; give it a longer window"
            )
        columns = {
            str(name): summarise_column(
                frame[name], is_categorical=name in categorical, form=form, num_knots=num_knots
            )
            for name in frame.columns
            if name != time_column
        }
        moments = frame[time_column] if time_column else None
        return cls(
            columns=columns,
            num_rows=len(frame),
            form=form,
            sample=sampled_rows(frame.drop(columns=[time_column] if time_column else []), num_sampled),
            start=None if moments is None else moments.min(),
            end=None if moments is None else moments.max(),
            time_column=time_column,
        )

    def sketched(self, *, num_sampled: int = 1000) -> Reference:
        """The same reference in the form that travels: knots without values, the most frequent categories.

        The distances of a numeric column then err by the width of its cells, ``num_knots`` of which were
        chosen when the reference was built.
        """
        return replace(
            self,
            form="sketch",
            columns={name: _without_values(column) for name, column in self.columns.items()},
            sample=self.sample.iloc[:num_sampled],
        )


def summarise_column(
    column: pd.Series, *, is_categorical: bool, form: Form = "exact", num_knots: int = NUM_KNOTS
) -> ColumnReference:
    """Remember one column, by what it holds."""
    family = family_of(column)
    kind = kind_of(family, is_categorical=is_categorical or is_coded(column))
    if kind == "numeric":
        return summarise_numbers(
            numbers_of(column), family=family, num_knots=num_knots, keep_values=form == "exact"
        )
    if kind == "categorical":
        counts, num_missing = category_counts(column)
        kept = None if form == "exact" else NUM_CATEGORIES
        return summarise_categories(counts, num_missing=num_missing, family=family, num_kept=kept)
    return ColumnReference(
        family=family, kind=kind, num_rows=len(column), num_missing=int(column.isna().sum())
    )


def _without_values(column: ColumnReference) -> ColumnReference:
    if isinstance(column, NumericReference):
        return replace(column, values=None)
    if isinstance(column, CategoricalReference):
        counts = dict(zip(column.labels, column.counts.tolist(), strict=True))
        return summarise_categories(
            counts,
            num_missing=column.num_missing,
            family=column.family,
            num_kept=NUM_CATEGORIES,
            num_other=column.num_other,
            num_distinct=column.num_distinct,
        )
    return column


def sampled_rows(frame: pd.DataFrame, num_rows: int) -> pd.DataFrame:
    """Up to ``num_rows`` rows drawn without replacement, in random order, the same ones each time."""
    draws = generator(0, "monitoring", "sample")
    chosen = (
        draws.permutation(len(frame))[:num_rows]
        if len(frame) <= 10 * num_rows
        else _few(draws, len(frame), num_rows)
    )
    return frame.iloc[chosen].reset_index(drop=True)


def _few(draws: np.random.Generator, num_all: int, num_rows: int) -> np.ndarray:
    """A few of many rows, without a permutation of all."""
    return draws.choice(num_all, size=num_rows, replace=False, shuffle=True)


def check_columns(present: Collection[object], wanted: Collection[str]) -> None:
    """Refuse columns of one name, and names that are not there.

    Raises:
        UserError: naming all of them.
    """
    names = [str(name) for name in present]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"several columns are called {', '.join(twice)}; give each column a name of its own")
    absent = sorted(set(wanted) - set(names))
    if absent:
        raise UserError(f"no column {', '.join(absent)}; the columns are {', '.join(names[:50])}")
