"""The canonical form of a log: which columns, of which types.

N rows of the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from holdfast.data.card import DatasetCard
from holdfast.data.column_forms import FORMS, FormError, feature_form, nulls
from holdfast.data.faults import Fault, log_fault


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of the contract.

    Attributes:
        name: as in the table.
        form: its type in words, a key of ``FORMS``.
        nullable: whether a row may have no value.
    """

    name: str
    form: str
    nullable: bool = True


COLUMNS = (
    Column(name="request_id", form="integers or text", nullable=False),
    Column(name="user_id", form="integers or text", nullable=False),
    Column(name="item_id", form="integers or text", nullable=False),
    Column(name="shown_at", form="timestamps in UTC", nullable=False),
    Column(name="slot", form="integers"),
    Column(name="propensity", form="numbers"),
    Column(name="policy", form="text"),
    Column(name="click", form="booleans", nullable=False),
    Column(name="dwell_seconds", form="numbers"),
    Column(name="content_seconds", form="numbers"),
    Column(name="next_visit_at", form="timestamps in UTC"),
)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
CANDIDATES = "candidates"
"""Column: ids of all items that the request could have shown, those that it did among them."""
OPTIONAL_COLUMNS = (Column(name=CANDIDATES, form="lists of integers or text"),)
"""A log that lacks them is none the worse, and does not get them."""
OUTCOME_COLUMNS = ("click", "dwell_seconds", "dwell_cut", "next_visit_at", "propensity")
"""What only the past knows: none of them may be a feature."""


def needed_columns(card: DatasetCard) -> set[str]:
    """The contract columns without which a log cannot teach what its card says."""
    needed = {column.name for column in COLUMNS if not column.nullable}
    if card.propensity_of is not None:
        needed.add("propensity")
    if "dwell" in card.outcomes:
        needed.add("dwell_seconds")
    if "retention" in card.outcomes:
        needed.add("next_visit_at")
    return needed


def canonical_form(frame: pd.DataFrame, card: DatasetCard) -> tuple[pd.DataFrame, list[Fault]]:
    """Bring every column that the contract or the card names to its type.

    Args:
        frame: the log as it was read, ``[N]``.
        card: names the features.

    Returns:
        The contract columns, those of the optional ones that are there, and the features, in this order, with
        an index from 0; other columns are left out, a contract column that the log may lack is null, and one
        with a fault is left out. And the faults.
    """
    columns: dict[str, pd.Series] = {}
    faults: list[Fault] = []
    needed = needed_columns(card)
    for column in COLUMNS:
        if column.name in frame:
            _convert(frame[column.name], FORMS[column.form], into=columns, faults=faults)
        elif column.name in needed:
            faults.append(log_fault(column.name, "missing column", remedy=_remedy_of_missing(column.name)))
        else:
            columns[column.name] = nulls(column.form, num_rows=len(frame))
    for column in OPTIONAL_COLUMNS:
        if column.name in frame and not any(feature.name == column.name for feature in card.features):
            _convert(frame[column.name], FORMS[column.form], into=columns, faults=faults)
    for feature in card.features:
        if feature.name not in frame and feature.name not in COLUMN_NAMES:
            rule = f"missing column of a {feature.kind} feature"
            faults.append(log_fault(feature.name, rule, remedy="add it, or take the feature off the card"))
        elif feature.name in COLUMN_NAMES:
            # Its type is the contract's; it only has to suit the kind of feature as well.
            if feature.name in columns:
                _convert(columns[feature.name], feature_form(feature), into={}, faults=faults)
        else:
            _convert(frame[feature.name], feature_form(feature), into=columns, faults=faults)
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame))), faults


def _convert(
    column: pd.Series,
    form: Callable[[pd.Series], pd.Series],
    *,
    into: dict[str, pd.Series],
    faults: list[Fault],
) -> None:
    name = str(column.name)
    try:
        into[name] = form(column.reset_index(drop=True))
    except FormError as error:
        faults.append(log_fault(name, error.rule, remedy=error.remedy))


def _remedy_of_missing(name: str) -> str:
    return {
        "propensity": "log it, or set propensity_of: null on the card",
        "dwell_seconds": "log it, or take dwell off the card's outcomes",
        "next_visit_at": "log it, or take retention off the card's outcomes",
    }.get(name, "every log needs it")
