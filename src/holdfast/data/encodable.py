"""What can be encoded, and what is told of columns that cannot.

N rows, L values kept of a list.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.core.features import MISSING_ROW, Feature, ListField
from holdfast.data.vocabulary import flatten


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


def check_gaps(frame: pd.DataFrame, features: Sequence[Feature]) -> None:
    """Refuse to learn from gaps of which nobody can tell which event each belongs to.

    Events without any gaps are fine, it is not known how long ago they were; and so are gaps without events.

    Args:
        frame: raw rows, ``[N]``.
        features: of which some may be gaps of others.

    Raises:
        UserError: in some row, gaps and events differ in number.
    """
    names = [feature.name for feature in features]
    for feature in features:
        if feature.gap_of not in names:  # also where it holds no gaps at all
            continue
        gaps, events = (_num_values(frame[name]) for name in (feature.name, feature.gap_of))
        torn = (gaps > 0) & (events > 0) & (gaps != events)
        if torn.any():
            row = int(np.flatnonzero(torn)[0])
            raise UserError(
                f"in {int(torn.sum())} rows, the first of them row {row}, {feature.name} holds {gaps[row]} "
                f"values and {feature.gap_of} {events[row]}; give as many gaps as events, without nulls "
                "among them, or no gaps at all"
            )


def without_torn_gaps(
    fields: Sequence[ListField], lists: Sequence[NDArray[np.int32]]
) -> tuple[NDArray[np.int32], ...]:
    """The lists, without the gaps of rows that do not have as many of them as they have events.

    What is served may be broken, and how long ago something was is then not known.

    Args:
        fields: of the lists.
        lists: encoded, padded at the end, ``[N, L]`` each.
    """
    by_name = {field.name: values for field, values in zip(fields, lists, strict=True)}
    for field in fields:
        if field.gap_of:
            gaps = by_name[field.name]
            torn = ((gaps != MISSING_ROW) != (by_name[field.gap_of] != MISSING_ROW)).any(axis=1)
            by_name[field.name] = np.where(torn[:, None], np.int32(MISSING_ROW), gaps) if torn.any() else gaps
    return tuple(by_name.values())


def _num_values(lists: pd.Series) -> Ints:
    return np.bincount(flatten(lists)[0], minlength=len(lists))
