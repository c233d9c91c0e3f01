"""What can be encoded, and what is told of columns that cannot.

N rows, L values of a list input.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from holdfast.core.errors import UserError
from holdfast.core.features import MISSING_ROW, Feature, ListField


@contextlib.contextmanager
def readable(features: Sequence[Feature]) -> Iterator[None]:
    """Say which column it was if values cannot be told apart."""
    try:
        yield
    except TypeError as error:
        names = [feature.name for feature in features]
        raise UserError(
            f"the values of {names} cannot be told apart ({error}); a feature that holds several values a "
            "row is multi_valued or a sequence on the dataset card, and holds no lists inside lists"
        ) from error


def check_columns(frame: pd.DataFrame, features: Sequence[Feature]) -> None:
    """Refuse features without a column, or with one that has neither a vocabulary nor a scale."""
    missing = [feature.name for feature in features if feature.name not in frame]
    if missing:
        raise UserError(
            f"there is no column for the features {missing}; give every row a value, null where it is not "
            "known, or take them off the dataset card and train again"
        )
    dtypes = frame.dtypes
    moments = [
        feature.name
        for feature in features
        if types.is_datetime64_any_dtype(dtypes[feature.name])
        or types.is_timedelta64_dtype(dtypes[feature.name])
    ]
    if moments:
        raise UserError(
            f"the features {moments} are timestamps, which have no vocabulary and no scale; "
            "declare what matters about them instead, such as the hour of the day or an age in days"
        )


def check_aligned(fields: Sequence[ListField], lists: Sequence[NDArray[np.int32]]) -> None:
    """Refuse gaps that cannot be told which event they belong to.

    Events without any gaps are fine: it is not known how long ago they were. So are gaps without any events.

    Args:
        fields: of the lists.
        lists: encoded, ``[N, L]`` each.

    Raises:
        UserError: in some row, gaps and events differ in number.
    """
    by_name = {field.name: values != MISSING_ROW for field, values in zip(fields, lists, strict=True)}
    for field in fields:
        if not field.gap_of:
            continue
        gaps, events = by_name[field.name], by_name[field.gap_of]
        torn = gaps.any(axis=1) & events.any(axis=1) & (gaps != events).any(axis=1)
        if torn.any():
            row = int(np.flatnonzero(torn)[0])
            raise UserError(
                f"in {int(torn.sum())} rows, the first of them row {row}, {field.name} holds "
                f"{gaps[row].sum()} values and {field.gap_of} {events[row].sum()}; give as many gaps as "
                "events, without nulls among them, or no gaps at all"
            )
