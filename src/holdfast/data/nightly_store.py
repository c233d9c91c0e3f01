"""A feature store that is filled once a night: the trailing history of rows that are yet to be shown.

N rows, I identities (users or items), E events.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.data.card import DatasetCard
from holdfast.data.history import FREQUENCY, OWNERS, RECENCY, TrailingHistory
from holdfast.data.identities import Identities
from holdfast.data.known_events import (
    DAY,
    ended_dwell,
    judged_and_clicked,
    mean_dwell_seconds,
    microseconds,
    moments_of,
    nightly_cutoff,
    request_start,
    smoothed_rate,
)
from holdfast.data.log import Log, local_days
from holdfast.data.recent_events import ActiveDays, RecentEvents
from holdfast.data.recent_items import RecentItems, check_card

_Table = tuple[str, str, Ints | Floats]
"""A column of the history, whose it is, and the value of each identity ``[I + 1]``, strangers last."""


class NightlyStore:
    """Serves the columns of ``TrailingHistory(refresh="nightly")``, bit for bit, without the log.

    Every night it observes the log of the day that ended; all the next day it serves. A day's columns are
    computed once, for every user and item, and looked up from then on; lists of recent items are made for the
    users that are asked about. Memory grows with the users and items seen and with the events of the longest
    window (and the lag), not with the number of days.

    Args:
        history: what to serve.
        card: of the log; its time zone says when it is midnight.

    Raises:
        UserError: ``history.refresh`` is ``at_once``, or ``history.recent_items`` asks for items that the
            card does not declare.
    """

    def __init__(self, history: TrailingHistory, card: DatasetCard) -> None:
        if history.refresh != "nightly":
            raise UserError(
                f"history.refresh is {history.refresh!r}, and a store that is filled at night cannot serve "
                "what happened since; train with history.refresh=nightly"
            )
        self.history, self.card = history, card
        self._identities: dict[str, Identities] = {owner: Identities(f"{owner}_id") for owner in OWNERS}
        codes: dict[str, type[np.generic]] = dict.fromkeys(OWNERS, np.int32)
        self._shown = RecentEvents({**codes, "judged": np.bool_, "clicked": np.bool_})
        self._read = RecentEvents({**codes, "milliseconds": np.int64})
        self._active = ActiveDays()
        self._recent = RecentItems(history.recent_items) if history.recent_items else None
        if self._recent is not None:
            check_card(card)
        self._forgotten = np.zeros(2, dtype=np.int64)
        """Rows judged and rows clicked of the events that were dropped."""
        self._last_day: int | None = None
        self._known_until: int | None = None
        self._last_served: int | None = None
        self._served: tuple[int, list[_Table]] | None = None

    @property
    def has_observed(self) -> bool:
        """Whether it has observed anything yet, and be it a day on which nobody came."""
        return self._known_until is not None

    def observe(self, log: Log) -> None:
        """Take in the log of one or more days that ended, every day once and in order.

        A dwell is kept back until it has ended, so the log is the log itself and not a view as of some
        midnight that cuts it off. A day on which nobody came is observed as a log without rows, whose
        ``observed_until`` says that nothing is missing.

        Raises:
            UserError: columns are missing, a day was observed or served before, dwell is cut off, or ids are
                of another type than before.
        """
        frame = log.frame
        self._refuse_incomplete(frame)
        days = local_days(frame["shown_at"], self.card.time_zone)
        self._refuse_out_of_order(days)
        codes: dict[str, Ints] = {
            owner: each.added(frame[f"{owner}_id"]) for owner, each in self._identities.items()
        }
        times = microseconds(frame["shown_at"])
        self._add_events(frame, times, codes)
        self._active.add(codes["user"], days, times)
        if log.visits is not None:
            moments = log.visits["visited_at"]
            visitor = self._identities["user"].added(log.visits["user_id"])
            self._active.add(visitor, local_days(moments, self.card.time_zone), microseconds(moments))
        until = round(log.observed_until.timestamp() * 1e6)
        self._known_until = until if self._known_until is None else max(until, self._known_until)
        if len(days):
            self._last_day = int(days.max())
            self._forget(self._last_day + 1)
        self._served = None

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of one local day with the columns of the history at their end, in the same order ``[N]``.

        A store that has observed nothing serves one day, the first of a log, and no other. A user or item
        that was never seen is no error: its history is empty.

        Args:
            rows: ``user_id``, ``item_id`` and ``shown_at``; ``request_id`` where a request may go on past
                midnight.

        Raises:
            UserError: the rows are of several days, of a day that was observed already, or of one before
                which a day was not observed, be it the one that was just served; or they lack a column or
                already have one of the history.
        """
        self._refuse_rows(rows)
        columns: dict[str, Ints | Floats | NDArray[Any]] = {}
        # The code of a stranger is -1, the last place of each table.
        code = {owner: each.found(rows[f"{owner}_id"]) for owner, each in self._identities.items()}
        day = self._day_of(rows)
        for name, owner, table in self._tables(day):
            columns[name] = table[code[owner]]
        if self._recent is not None:
            cutoff = np.full(len(rows), self._cutoff(day))
            columns |= self._recent.lists(code["user"], cutoff, lag=self.history.lag)
        if len(rows):
            self._last_served = day
        return pd.concat([rows, pd.DataFrame(columns, index=rows.index)], axis=1)

    def _add_events(self, frame: pd.DataFrame, times: Ints, codes: dict[str, Ints]) -> None:
        judged, clicked = judged_and_clicked(frame)
        self._shown.add(times, judged=judged, clicked=clicked, **codes)
        if "dwell" in self.card.outcomes:
            ended, end, milliseconds = ended_dwell(frame, times, clicked)
            read = {owner: code[ended] for owner, code in codes.items()}
            self._read.add(end, milliseconds=milliseconds, **read)
        if self._recent is not None:
            self._recent.add(frame, codes["user"], times)

    def _cutoff(self, day: int) -> int:
        midnight = nightly_cutoff(np.array([day]), self.card.time_zone)
        return int(midnight[0]) - self.history.lag

    def _forget(self, next_day: int) -> None:
        """Drop what no row from ``next_day`` on will ask about."""
        cutoff = self._cutoff(next_day)
        oldest = cutoff - max(self.history.window_days, default=0) * DAY
        old = self._shown.forget(oldest)
        self._forgotten += [old["judged"].sum(), old["clicked"].sum()]
        self._read.forget(oldest)
        self._active.forget(day=next_day - 7, known=cutoff)
        if self._recent is not None:
            self._recent.forget(cutoff)

    def _tables(self, day: int) -> list[_Table]:
        if self._served is None or self._served[0] != day:
            cutoff = self._cutoff(day)
            made = [table for owner in OWNERS for table in self._trailing(owner, cutoff)]
            self._served = day, made + self._activity(day, cutoff)
        return self._served[1]

    def _trailing(self, owner: str, cutoff: int) -> list[_Table]:
        before = self._shown.between(None, cutoff)
        judged, clicked = np.array([before["judged"].sum(), before["clicked"].sum()]) + self._forgotten
        size = len(self._identities[owner])
        prior = np.full(size + 1, clicked / judged if judged else np.nan)
        tables: list[_Table] = []
        for days in self.history.window_days:
            start = cutoff - days * DAY
            shown, read = self._shown.between(start, cutoff), self._read.between(start, cutoff)
            code = shown[owner]
            clicks = _counts(code[shown["clicked"]], size)
            judged_rows = _counts(code[shown["judged"]], size)
            rate = smoothed_rate(clicks, judged_rows, prior=prior, smoothing=self.history.smoothing)
            tables += [
                (f"{owner}_impressions_{days}d", owner, _counts(code, size)),
                (f"{owner}_clicks_{days}d", owner, clicks),
                (f"{owner}_click_rate_{days}d", owner, rate),
            ]
            if "dwell" in self.card.outcomes:
                milliseconds = np.zeros(size + 1, dtype=np.int64)
                np.add.at(milliseconds, read[owner], read["milliseconds"])
                # What belongs to nobody (-1) was added to the last place, which is that of strangers.
                milliseconds[-1] = 0
                mean = mean_dwell_seconds(milliseconds, _counts(read[owner], size))
                tables.append((f"{owner}_dwell_mean_{days}d", owner, mean))
        return tables

    def _activity(self, day: int, cutoff: int) -> list[_Table]:
        size = len(self._identities["user"])
        week, last = self._active.week_and_last(day=day, known=cutoff, num_users=size)
        recency = np.where(last > np.iinfo(np.int64).min, (day - last).astype(np.float64), np.nan)
        return [
            (FREQUENCY, "user", np.append(week, 0)),
            (RECENCY, "user", np.append(recency, np.nan)),
        ]

    def _day_of(self, rows: pd.DataFrame) -> int:
        """The local day on which the requests of the rows were made."""
        if len(rows) == 0:
            return 0 if self._last_day is None else self._last_day + 1
        times = microseconds(rows["shown_at"])
        first, last = self._ends(times)
        if first != last:
            first, last = self._ends(request_start(rows, times))
        if first != last:
            raise UserError(
                f"the rows are of several days, from {_date(first)} to {_date(last)}; the store serves one "
                "day at a time, and observes it before it serves the next"
            )
        if not self.has_observed and self._last_served not in (None, first):
            raise UserError(
                f"rows of {_date(first)} need what happened before, and the store has observed nothing, not "
                f"even {_date(self._last_served or 0)}, which it served; observe every day that ended before "
                "the next one is served"
            )
        if self._last_day is not None and first <= self._last_day:
            raise UserError(
                f"rows of {_date(first)} cannot be served: the store has observed {_date(self._last_day)}, "
                "and would tell them what was not known by then"
            )
        if self._known_until is not None and self._known_until < self._cutoff(first):
            known = pd.Timestamp(self._known_until, unit="us", tz="UTC")
            raise UserError(
                f"rows of {_date(first)} need what happened until midnight, and the store has observed the "
                f"log only until {known}; observe the days between, those without rows as logs without rows"
            )
        return first

    def _ends(self, times: Ints) -> tuple[int, int]:
        ends = moments_of(np.array([times.min(), times.max()]))
        first, last = local_days(ends, self.card.time_zone)
        return int(first), int(last)

    def _refuse_incomplete(self, frame: pd.DataFrame) -> None:
        wanted = ["shown_at", "click", *(f"{owner}_id" for owner in OWNERS)]
        if "dwell" in self.card.outcomes:
            wanted.append("dwell_seconds")
        missing = [name for name in wanted if name not in frame]
        if missing:
            raise UserError(f"the log lacks the columns {missing}, of which the feature store is made")
        if "dwell_cut" in frame and frame["dwell_cut"].any():
            raise UserError(
                f"in {int(frame['dwell_cut'].sum())} rows dwell is cut off, because the log is a view as of "
                f"some moment; observe the log itself: the store keeps a dwell back until it has ended"
            )

    def _refuse_out_of_order(self, days: Ints) -> None:
        if len(days) == 0:
            return
        first = int(days.min())
        if self._last_day is not None and first <= self._last_day:
            raise UserError(
                f"the log holds rows of {_date(first)}, and the store has observed {_date(self._last_day)}; "
                "observe every day once, whole and in order"
            )
        if self._last_served is not None and first < self._last_served:
            raise UserError(
                f"the log holds rows of {_date(first)}, and the store has served {_date(self._last_served)} "
                "without them; observe a day before the next one is served"
            )

    def _refuse_rows(self, rows: pd.DataFrame) -> None:
        missing = [name for name in ("shown_at", *(f"{each}_id" for each in OWNERS)) if name not in rows]
        if missing:
            raise UserError(f"the rows lack the columns {missing}, by which the feature store looks them up")
        taken = [each.name for each in self.history.features() if each.name in rows]
        if taken:
            raise UserError(f"the rows already have the columns {taken}, which the feature store makes")


def _counts(code: Ints, size: int) -> Ints:
    """How many events each identity has, int64 ``[I + 1]``, 0 for strangers; events of -1 are nobody's."""
    return np.bincount(code[code >= 0], minlength=size + 1).astype(np.int64)


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
