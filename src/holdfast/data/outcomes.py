"""Labels: the questions that an experiment asks of a log, as of a moment.

N rows of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.protocols import Population
from holdfast.data.card import Objective
from holdfast.data.log import Log, local_day, local_days
from holdfast.data.splits import Window

SHORTEST_OPENED_SECONDS = 1e-3
"""Where dwell is defined over all rows, 0 says 'not opened': an opened row counts at least so much."""


@dataclass(frozen=True)
class OutcomeColumns:
    """One objective's outcome in every row of a window; ``core.batch.Outcome`` explains the three arrays.

    Attributes:
        value: float32 ``[N]``; 0 where not known.
        event: bool ``[N]``.
        known: bool ``[N]``.
        spread: what the row counts of its fact, float32 ``[N]``. 1 where a fact is one row's; a return is a
            fact of a user's day, so its rows share a weight of 1.
    """

    value: Floats
    event: Bools
    known: Bools
    spread: Floats


def outcome_columns(
    view: Log, objective: Objective, *, horizon_days: int, dwell_population: Population = "opened"
) -> OutcomeColumns:
    """The labels of one objective, as far as ``view`` knows them.

    Args:
        view: a log as of some moment, cut to the rows of a window.
        objective: click, dwell or retention.
        horizon_days: how many days of absence are told apart; for retention only.
        dwell_population: rows on which dwell is defined: those opened, or all, where a row that was not
            opened is a complete dwell of 0 seconds, and an opened one is longer than that.
    """
    if objective == "click":
        return _click(view)
    if objective == "dwell":
        return _dwell(view) if dwell_population == "opened" else _dwell_of_all_rows(view)
    return _retention(view, horizon_days=horizon_days)


def _click(view: Log) -> OutcomeColumns:
    click = view.frame["click"].astype("boolean")
    known = click.notna().to_numpy(dtype=bool)
    value = np.asarray(click.fillna(False), dtype=np.float32)
    return OutcomeColumns(value, np.ones(len(known), dtype=bool), known, np.ones_like(value))


def _dwell(view: Log) -> OutcomeColumns:
    """Seconds on the opened content: at least so many where the content ended, or time did."""
    frame = view.frame
    dwell = frame["dwell_seconds"].to_numpy(dtype=np.float64)
    opened = frame["click"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    known = opened & ~np.isnan(dwell)
    cut = frame["dwell_cut"].to_numpy(dtype=bool) if "dwell_cut" in frame else np.zeros_like(known)
    if "content_seconds" in frame:
        content = frame["content_seconds"].to_numpy(dtype=np.float64)
        with np.errstate(invalid="ignore"):
            at_the_end = dwell >= content
            dwell = np.where(dwell > content, content, dwell)
        cut = cut | at_the_end
    value = np.where(known, dwell, 0.0).astype(np.float32)
    return OutcomeColumns(value, ~cut, known, np.ones_like(value))


def _dwell_of_all_rows(view: Log) -> OutcomeColumns:
    """Seconds an impression: 0 where nothing was opened; not known where nobody says whether it was."""
    opened = _dwell(view)
    click = view.frame["click"].astype("boolean")
    # A null click is neither opened nor closed.
    closed = (~click.fillna(True)).to_numpy(dtype=bool)
    value = np.where(opened.known, np.maximum(opened.value, SHORTEST_OPENED_SECONDS), 0.0)
    return OutcomeColumns(
        value.astype(np.float32), opened.event | closed, opened.known | closed, opened.spread
    )


def check_dwell_ends(dwell: OutcomeColumns, window: Window, *, population: Population) -> None:
    """Refuse a window in which no stay was seen to end; over all rows, 0 seconds is no stay.

    Raises:
        UserError: all known dwells are cut off.
    """
    stays = dwell.known & (dwell.value > 0.0) if population == "all" else dwell.known
    if not (stays & dwell.event).any():
        raise UserError(
            f"all {int(stays.sum())} known dwells of the {window.name} window, {window.start} to "
            f"{window.end}, are cut off: nothing says when somebody leaves. Leave dwell out "
            "(~model/heads/dwell), or bring a log whose content_seconds are longer"
        )


def _retention(view: Log, *, horizon_days: int) -> OutcomeColumns:
    """Days until the user was back, from 1 to ``horizon_days``, or for how many they surely were not.

    Only whole days count as observed. On the day in which the view ends, returns so far could be seen but
    absences could not: counting the former alone would make everybody look loyal.
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days is {horizon_days}; it must be at least 1")
    frame, zone = view.frame, view.card.time_zone
    shown = view.local_days()
    follow_up = follow_up_days(view, horizon_days=horizon_days)
    back_at = frame["next_visit_at"]
    gap = np.where(back_at.notna(), local_days(back_at, zone) - shown, np.iinfo(np.int64).max)
    event = gap <= follow_up
    value = np.where(event, gap, follow_up).astype(np.float32)
    return OutcomeColumns(value, event, follow_up >= 1, share_of_user_day(frame["user_id"], shown))


def share_of_user_day(user_id: pd.Series, day: Ints) -> Floats:
    """One over the number of rows that the row's user has on the row's day, float32 ``[N]``."""
    if len(user_id) == 0:
        return np.zeros(0, dtype=np.float32)
    code = user_day_codes(user_id, day)
    return (1.0 / np.bincount(code)[code]).astype(np.float32)


def user_day_codes(user_id: pd.Series, day: Ints) -> Ints:
    """An integer from 0 that is the same for the rows of one user on one day, int64 ``[N]``."""
    if len(user_id) == 0:
        return np.zeros(0, dtype=np.int64)
    user = pd.factorize(user_id)[0].astype(np.int64)
    first = int(day.min())
    _, code = np.unique(user * (int(day.max()) - first + 1) + (day - first), return_inverse=True)
    return np.asarray(code.astype(np.int64))


def follow_up_days(view: Log, *, horizon_days: int) -> Ints:
    """Whole days after the row's own whose visits the view knows, 0 to ``horizon_days``, ``[N]``."""
    days = local_day(view.observed_until, view.card.time_zone) - view.local_days() - 1
    return np.asarray(np.clip(days, 0, horizon_days))


def returned_within(value: Floats, event: Bools, follow_up: Ints, *, days: int) -> tuple[Floats, Bools]:
    """The binary question 'back within so many days?', asked only where the answer can no longer change.

    A return is seen at once, an absence only when the horizon is over. So a row counts only when its whole
    horizon has been observed; otherwise recent rows would count only where they are positive.

    Args:
        value: gap or censoring time in days, ``[N]``; see ``OutcomeColumns``.
        event: False where ``value`` is only a lower bound, ``[N]``.
        follow_up: days observed, ``[N]``; see ``follow_up_days``.
        days: the horizon, at least 1.

    Returns:
        The label, 0 or 1, ``[N]``, and where it has matured, ``[N]``.
    """
    return (event & (value <= days)).astype(np.float64), follow_up >= days
