"""The log contract: every rule, and the one door through which a log comes in.

Bad rows would train a model without complaint, so a log is checked whole before anything is done with it,
and every fault is told at once.

N rows of the log.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.core.errors import UserError
from holdfast.data.canonical import canonical_form
from holdfast.data.card import DatasetCard
from holdfast.data.faults import Fault, LogError, raise_or_quarantine
from holdfast.data.log import Log
from holdfast.data.rules import NOT_SORTED, has, microseconds, value_faults

__all__ = ["NOT_SORTED", "Fault", "LogError", "accept", "check", "raise_or_quarantine"]


def check(frame: pd.DataFrame, card: DatasetCard, *, observed_until: pd.Timestamp) -> list[Fault]:
    """Every way in which a table breaks the contract.

    Args:
        frame: contract columns and features, ``[N]``, in any type; other columns are not looked at.
        card: what the columns mean.
        observed_until: the log knows what happened strictly before this moment; with a time zone.

    Returns:
        The faults: those of types first, then those of values. A column whose type is wrong is not looked at
        any further. Empty for a log that keeps the contract.
    """
    table, faults = canonical_form(frame, card)
    return [*faults, *value_faults(table, card, observed_until)]


def accept(
    frame: pd.DataFrame,
    card: DatasetCard,
    *,
    observed_until: pd.Timestamp,
    on_bad_rows: str = "refuse",
    where: str = "",
    visits: pd.DataFrame | None = None,
) -> Log:
    """Turn a table into a log, or refuse it; every reader ends here.

    Types are converted where nothing is lost, dwell within the card's tolerance above the content's length is
    cut, rows are sorted by ``shown_at``, then request, then slot. Row numbers in faults count the rows of
    ``frame`` as given.

    Args:
        frame: contract columns and features in any order of rows, ``[N]``; other columns are left out.
        card: what the columns mean.
        observed_until: the log knows what happened strictly before this moment; with a time zone.
        on_bad_rows: ``refuse``, or ``quarantine`` to set rows aside that break a rule of rows.
        where: the log's origin, for messages.
        visits: ``user_id`` and ``visited_at`` of visits that left no row; see ``Log``.

    Raises:
        LogError: the log breaks the contract.
    """
    table, faults = canonical_form(frame, card)
    table = _cut_rounding(table, card)
    found = (*faults, *value_faults(table, card, observed_until))
    clean, quarantined = raise_or_quarantine(
        table, [fault for fault in found if fault.rule != NOT_SORTED], on_bad_rows, where=where
    )
    if len(quarantined):
        # Without its bad rows a column may lose its last null, and the log its last event.
        clean, _ = canonical_form(clean, card)
        left = [
            fault for fault in check(clean, card, observed_until=observed_until) if fault.rule != NOT_SORTED
        ]
        raise_or_quarantine(clean, left, where=f"{where} without its quarantined rows".strip())
    until = observed_until.tz_convert("UTC").as_unit("us")
    return Log(
        _sorted(clean),
        card,
        until,
        quarantined if len(quarantined) else None,
        None if visits is None else _checked_visits(visits, clean, where=where),
    )


def _checked_visits(visits: pd.DataFrame, table: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """Visits with users written as the rows write them, in order of time."""
    wanted = ["user_id", "visited_at"]
    missing = [name for name in wanted if name not in visits]
    if missing:
        raise UserError(f"the visits {where} have no column {missing}; write {wanted}".replace("  ", " "))
    if not isinstance(visits["visited_at"].dtype, pd.DatetimeTZDtype) or visits[wanted].isna().any(axis=None):
        raise UserError(f"the visits {where} need timestamps in UTC and no nulls".replace("  ", " "))
    try:
        users = visits["user_id"].astype(table["user_id"].dtype)
    except (TypeError, ValueError) as error:
        raise UserError(f"the visits {where} write user_id differently from the log: {error}") from error
    moments = visits["visited_at"].dt.tz_convert("UTC").dt.as_unit("us")
    found = pd.DataFrame({"user_id": users, "visited_at": moments})
    return found.sort_values(["visited_at", "user_id"], ignore_index=True)


def _cut_rounding(table: pd.DataFrame, card: DatasetCard) -> pd.DataFrame:
    if not has(table, "dwell_seconds", "content_seconds"):
        return table
    dwell, content = table["dwell_seconds"].to_numpy(), table["content_seconds"].to_numpy()
    above = (dwell > content) & (dwell <= content + card.dwell_tolerance_seconds)
    return table.assign(dwell_seconds=np.where(above, content, dwell))


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    request = table["request_id"]
    if request.dtype != np.int64:
        request = pd.Series(pd.factorize(request, sort=True)[0])
    slot = table["slot"].to_numpy(dtype=np.int64, na_value=-1)
    order = np.lexsort((slot, request.to_numpy(), microseconds(table["shown_at"])))
    if (order[1:] > order[:-1]).all():
        return table
    return table.take(order).reset_index(drop=True)
