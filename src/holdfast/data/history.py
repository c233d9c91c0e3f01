"""What was known of a user and an item just before a row was shown: trailing counts, rates and recency.

N rows of a view.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.features import Feature, FeatureOwner
from holdfast.data.known_events import (
    DAY,
    MICROSECONDS,
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
from holdfast.data.recent_items import Lists, RecentItems, check_card, recent_features
from holdfast.data.sorted_events import SortedEvents, codes_of, running_sum

RECENCY = "user_days_since_active"
"""Column: days since the last earlier local day on which the user was seen; NaN if there was none."""
FREQUENCY = "user_active_days_7"
"""Column: of the seven local days before the row's own, those on which the user was seen, 0 to 7."""

OWNERS: tuple[FeatureOwner, FeatureOwner] = ("user", "item")
"""Whose history is kept."""

_Numbers = TypeVar("_Numbers", Ints, Floats)


@dataclass(frozen=True, kw_only=True)
class TrailingHistory:
    """Counts and rates over trailing windows, from strictly earlier events that were already known.

    An impression and its click are known at ``shown_at``, a dwell when it has ended. A row sees what was
    known before its request began, less the lag, and so never sees itself or another row of its request. Sums
    are kept in integers, so a value does not depend, not even in the last bit, on what else is in the log.

    The windows of the first days reach back beyond the start of the log and find nothing there.

    With ``refresh: nightly`` a row sees what was known before the local midnight that begins the day of its
    request, less the lag: what a feature store serves that is filled once a night. Training on anything
    fresher than what is served is skew, and ``NightlyStore`` serves exactly this.

    Attributes:
        refresh: ``at_once``, or ``nightly`` at midnight in the card's time zone.
        window_days: lengths of the trailing windows, each at least 1.
        lag_seconds: how long it takes until an event reaches the feature store, >= 0.
        smoothing: impressions' worth of the overall click rate that are added to each click rate, >= 0; the
            overall rate is that of everything the row may see.
        recent_items: how many of the items that the user clicked last are listed, by the same rule of what is
            known, with how long ago that was; 0 for no such lists. See ``data.recent_items``.
    """

    refresh: Literal["at_once", "nightly"] = "at_once"
    window_days: list[int] = field(default_factory=lambda: [1, 7])
    lag_seconds: float = 0.0
    smoothing: float = 20.0
    recent_items: int = 0

    def __post_init__(self) -> None:
        if self.refresh not in ("at_once", "nightly"):
            raise ValueError(f"history.refresh is {self.refresh!r}; choose at_once or nightly")
        if any(days < 1 for days in self.window_days) or len(set(self.window_days)) < len(self.window_days):
            raise ValueError(
                f"history.window_days is {self.window_days}; give different whole numbers of at least 1"
            )
        for name in ("lag_seconds", "smoothing"):
            value = getattr(self, name)
            if not 0.0 <= value < np.inf:
                raise ValueError(f"history.{name} is {value}; it must be a finite number >= 0")
        if self.recent_items < 0:
            raise ValueError(
                f"history.recent_items is {self.recent_items}; it must be at least 0 (no list of items)"
            )

    def features(self) -> list[Feature]:
        """The columns that ``compute`` can make; a log without users or dwell yields fewer."""
        features: list[Feature] = []
        for owner in OWNERS:
            for days in self.window_days:
                kinds = ("impressions", "clicks", "dwell_mean")
                features += [
                    Feature(name=f"{owner}_{kind}_{days}d", kind="numeric", owner=owner, scale="log")
                    for kind in kinds
                ]
                features.append(Feature(name=f"{owner}_click_rate_{days}d", kind="numeric", owner=owner))
        features.append(Feature(name=FREQUENCY, kind="numeric", owner="user"))
        features.append(Feature(name=RECENCY, kind="numeric", owner="user", scale="log"))
        return features + (recent_features(self.recent_items) if self.recent_items else [])

    def compute(self, view: Log, *, before: tuple[int, int] = (0, 0)) -> pd.DataFrame:
        """The history of every row of ``view``, in its order, ``[N, columns]``.

        Args:
            view: a log as of some moment, with all its earlier rows, not only those of a window.
            before: of earlier rows that were left out, how many it is known of whether they were clicked, and
                how many were: they count for the overall click rate.

        Returns:
            Counts as int64, rates and means as float64. A click rate is NaN where nothing is known that could
            be counted and no smoothing fills in; a mean dwell is NaN where no opened row's dwell is known.
            Dwell columns are absent if the log has no ``dwell_seconds`` or its card does not name dwell as an
            outcome, a user's or item's columns if it has no such ids.

        Raises:
            UserError: ``recent_items`` of a log without users, or whose card does not declare the items.
        """
        frame = view.frame
        times = microseconds(frame["shown_at"])
        cutoff, day = self._asked(view, request_start(frame, times))
        with_dwell = "dwell_seconds" in frame and "dwell" in view.card.outcomes
        columns: dict[str, Ints | Floats | NDArray[Any]] = {}
        for owner in OWNERS:
            if f"{owner}_id" in frame:
                entity = codes_of(frame[f"{owner}_id"])
                columns |= self._trailing(
                    owner, entity, entity, frame, times, cutoff, with_dwell=with_dwell, before=before
                )
        if "user_id" in frame:
            columns |= _activity(*_visits(view, times), day=day, cutoff=cutoff)
        if self.recent_items:
            columns |= self._recent(view, times, cutoff)
        return pd.DataFrame(columns, index=frame.index)

    def of_items(self, view: Log, item_id: pd.Series, start: Ints) -> pd.DataFrame:
        """Columns of items at moments at which they need not have been shown, ``[N, columns]``.

        Args:
            view: as in ``compute``.
            item_id: of any items, known or not, ``[N]``.
            start: when the requests began that it is asked for, microseconds since 1970, ``[N]``.
        """
        frame = view.frame
        both = codes_of(pd.concat([frame["item_id"], item_id], ignore_index=True))
        seen, asked = both[: len(frame)], both[len(frame) :]
        cutoff, _ = self._asked(view, start)
        with_dwell = "dwell_seconds" in frame and "dwell" in view.card.outcomes
        times = microseconds(frame["shown_at"])
        made = self._trailing("item", seen, asked, frame, times, cutoff, with_dwell=with_dwell)
        return pd.DataFrame(made, index=item_id.index)

    def _recent(self, view: Log, times: Ints, cutoff: Ints) -> Lists:
        check_card(view.card)
        if "user_id" not in view.frame:
            raise UserError("the log has no user_id, and so no past of users; set history.recent_items=0")
        user, recent = codes_of(view.frame["user_id"]), RecentItems(self.recent_items)
        recent.add(view.frame, user, times)
        return recent.lists(user, cutoff, lag=self.lag)

    @property
    def lag(self) -> int:
        """``lag_seconds`` in microseconds."""
        return round(self.lag_seconds * MICROSECONDS)

    def _asked(self, view: Log, start: Ints) -> tuple[Ints, Ints]:
        """What happened at or after it a row does not see ``[N]``, and the local day that it counts from."""
        if self.refresh == "at_once":
            return start - self.lag, view.local_days()
        # A request that goes on past midnight was made, and served, on the day before.
        day = local_days(moments_of(start), view.card.time_zone)
        return nightly_cutoff(day, view.card.time_zone) - self.lag, day

    def _trailing(
        self,
        owner: str,
        seen: Ints,
        entity: Ints,
        frame: pd.DataFrame,
        times: Ints,
        cutoff: Ints,
        *,
        with_dwell: bool,
        before: tuple[int, int] = (0, 0),
    ) -> dict[str, Ints | Floats]:
        judged, clicked = judged_and_clicked(frame)
        shown = SortedEvents.of(seen, times, judged, clicked)
        overall = _rate_before(times, judged, clicked, cutoff, before)
        read = _read(frame, seen, times, clicked) if with_dwell else None

        order = np.argsort(entity, kind="stable")
        prior = overall[order]
        last = shown.before(entity, cutoff, order)
        last_read = read.before(entity, cutoff, order) if read else None
        columns: dict[str, Ints | Floats] = {}
        for days in self.window_days:
            start = cutoff - days * DAY
            impressions, judged_sum, clicks = shown.sums(shown.before(entity, start, order), last)
            rate = smoothed_rate(clicks, judged_sum, prior=prior, smoothing=self.smoothing)
            columns[f"{owner}_impressions_{days}d"] = _put_back(impressions, order)
            columns[f"{owner}_clicks_{days}d"] = _put_back(clicks, order)
            columns[f"{owner}_click_rate_{days}d"] = _put_back(rate, order)
            if read is not None and last_read is not None:
                num_read, milliseconds = read.sums(read.before(entity, start, order), last_read)
                mean = mean_dwell_seconds(milliseconds, num_read)
                columns[f"{owner}_dwell_mean_{days}d"] = _put_back(mean, order)
        return columns


def _visits(view: Log, times: Ints) -> tuple[Ints, Ints, Ints]:
    """Codes of users and moments at which they were seen, the rows' own ``[N]`` first, and local days.

    A log that holds a part of what users did knows of visits that left no row.
    """
    ids, zone = view.frame["user_id"], view.card.time_zone
    if view.visits is None:
        return codes_of(ids), times, view.local_days()
    moments = view.visits["visited_at"]
    return (
        codes_of(pd.concat([ids, view.visits["user_id"]], ignore_index=True)),
        np.concatenate([times, microseconds(moments)]),
        np.concatenate([view.local_days(), local_days(moments, zone)]),
    )


def _activity(
    seen_user: Ints, seen_at: Ints, seen_day: Ints, *, day: Ints, cutoff: Ints
) -> dict[str, Ints | Floats]:
    """Recency and frequency of each row's user in whole local days before the row's own.

    Args:
        seen_user: user of each time that somebody was seen, the N rows first, ``[N + M]``; -1 for nobody.
        seen_at: when, ``[N + M]``.
        seen_day: in which local day, ``[N + M]``.
        day: local day of each row, ``[N]``.
        cutoff: what happened at or after it is not known for the row, ``[N]``.
    """
    user = seen_user[: len(day)]
    by_time = np.lexsort((seen_at, seen_user))
    user_sorted, day_sorted = seen_user[by_time], seen_day[by_time]
    starts = np.ones(len(by_time), dtype=bool)
    starts[1:] = (user_sorted[1:] != user_sorted[:-1]) | (day_sorted[1:] != day_sorted[:-1])
    starts &= user_sorted >= 0
    active_user, active_day, first_seen = (each[by_time][starts] for each in (seen_user, seen_day, seen_at))

    order = np.lexsort((cutoff, user))
    by_day, by_moment = SortedEvents.of(active_user, active_day), SortedEvents.of(active_user, first_seen)
    known = np.minimum(by_day.before(user, day, order), by_moment.before(user, cutoff, order))
    week = np.maximum(known - by_day.before(user, day - 7, order), 0)
    recency = np.full(len(user), np.nan)
    seen = known > by_day.before(user, np.full_like(day, np.iinfo(np.int64).min), order)
    recency[seen] = day[order][seen] - active_day[known[seen] - 1]
    return {FREQUENCY: _put_back(week, order), RECENCY: _put_back(recency, order)}


def _read(frame: pd.DataFrame, entity: Ints, times: Ints, clicked: Bools) -> SortedEvents:
    """Dwell on opened rows, in milliseconds, at the moment at which it ended."""
    ended, end, milliseconds = ended_dwell(frame, times, clicked)
    return SortedEvents.of(entity[ended], end, milliseconds)


def _rate_before(times: Ints, judged: Bools, clicked: Bools, cutoff: Ints, before: tuple[int, int]) -> Floats:
    """Click rate of all the rows shown before each cutoff, and of the judged and clicked ones ``before``,
    ``[N]``; NaN where there are none.
    """
    order = np.argsort(times, kind="stable")
    index = np.searchsorted(times[order], cutoff)
    with np.errstate(invalid="ignore"):
        rate = (before[1] + running_sum(clicked[order])[index]) / (
            before[0] + running_sum(judged[order])[index]
        )
    return np.asarray(rate)


def _put_back(values: _Numbers, order: Ints) -> _Numbers:
    """Undo a sort: ``values[i]`` belongs to row ``order[i]``."""
    result = np.empty_like(values)
    result[order] = values
    return result
