"""How the days of a world become its log: moments, requests, and visits that were seen to follow.

N rows, Q requests, K slots, U users.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.data.canonical import CANDIDATES
from holdfast.data.card import DatasetCard
from holdfast.data.contract import accept
from holdfast.data.log import Log, local_midnight
from holdfast.data.readers.tables import to_frame
from holdfast.simulation.calendar import DAY_SECONDS, first_date
from holdfast.simulation.draws import draws
from holdfast.simulation.log_columns import (
    FEATURES,
    NEVER,
    candidate_column,
    moments,
    request_columns,
    row_columns,
)
from holdfast.simulation.mechanisms import Mechanisms, observed_items
from holdfast.simulation.record import Day, reordered

NO_CANDIDATES = "which the log does not hold."


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What turns days into rows.

    Attributes:
        parts: what the world is made of; only what may be observed is published.
        start: date of day 0, ``YYYY-MM-DD``.
        time_zone: IANA name; the days of the world are days in it.
        missing_share: share of the visits without a known device, in [0, 1).
        description: for the card.
        log_candidates: whether the rows say what else their request could have shown.
    """

    parts: Mechanisms
    start: str
    time_zone: str
    missing_share: float
    description: str
    log_candidates: bool = False

    def midnight(self, day: int) -> int:
        """Start of a day in microseconds since 1970."""
        date = first_date(self.start) + day
        return round(local_midnight(date, self.time_zone).timestamp()) * 1_000_000

    def moments(self, day: int, seconds: Floats) -> Ints:
        """Moments of a day in microseconds since 1970, ``[Q]``, from seconds after local midnight ``[Q]``.

        Where the clocks go back, the day is stretched to its end. Where they go forward it is not squeezed,
        or a request would begin before what the one before it showed was read: on such a day the world itself
        ends earlier, see ``Mechanisms.short_days``.
        """
        midnight, next_midnight = self.midnight(day), self.midnight(day + 1)
        stretched = seconds * max((next_midnight - midnight) / 1e6, DAY_SECONDS) / DAY_SECONDS
        return np.asarray(midnight + np.round(stretched * 1e6).astype(np.int64))

    def until(self, day: int) -> pd.Timestamp:
        """Start of a day, which is the end of a log of the days before it."""
        return pd.Timestamp(self.midnight(day), unit="us", tz="UTC").as_unit("us")

    def in_order(self, day: Day) -> Day:
        """The same day, its requests sorted by time."""
        order = np.lexsort((day.requests.user, self._rounded_moments(day)))
        return replace(day, requests=reordered(day.requests, order))

    def shown(self, day: Day) -> Ints:
        """Moments of requests in order, in microseconds since 1970, all different, ``[Q]``."""
        steps = np.arange(len(day.requests.user))
        return np.asarray(np.maximum.accumulate(self._rounded_moments(day) - steps) + steps)

    def tables(self, days: Sequence[Day]) -> Iterator[tuple[int, pa.Table]]:
        """Rows of the log day by day, the last day first: only it knows who did not come back.

        Args:
            days: in order, each ``in_order``. A visit after the last of them has not been seen.

        Yields:
            The day and its rows.
        """
        next_visit = np.full(len(self.parts.users.arrival_day), NEVER, dtype=np.int64)
        for place in reversed(range(len(days))):
            day = days[place]
            shown = self.shown(day)
            yield day.day, self._table(day, shown, next_visit[day.requests.user])
            # The first request is the visit: written last, it is what stays.
            next_visit[day.requests.user[::-1]] = shown[::-1]

    def device_lost(self, user: Ints, day: int) -> Bools:
        """Whether the device of the visits of users ``[Q]`` on a day is not known, ``[Q]``."""
        chance = draws(self.parts.seed, "device lost", day).uniform(user, 1)[:, 0]
        return np.asarray(chance < self.missing_share)

    def card(self) -> DatasetCard:
        """What the columns mean."""
        return DatasetCard(
            name="world",
            description=self.description,
            source="made up by holdfast.simulation; see docs/world.md",
            licence="Apache-2.0",
            time_zone=self.time_zone,
            propensity_of="item_in_slot",
            features=FEATURES,
            dwell_tolerance_seconds=0.0,
            notes=(
                "The rows of a request share shown_at: a slate is shown at once.",
                "The propensity is that of the item in the slot given the request's candidates, "
                + ("which are in the column candidates." if self.log_candidates else NO_CANDIDATES),
            ),
        )

    def log(self, days: Sequence[Day], *, until_day: int) -> Log:
        """The days as a log in memory that knows what happened before ``until_day``.

        Raises:
            LogError: the log would break the contract (a mistake in the world).
        """
        tables = [table for _, table in self.tables(days)]
        frame = _frame(_without_dictionaries(pa.concat_tables(tables[::-1])), times=self.parts.num_slots)
        until = self.until(until_day)
        return accept(frame, self.card(), observed_until=until, where="the log of a world")

    def _rounded_moments(self, day: Day) -> Ints:
        return self.moments(day.day, day.requests.seconds)

    def _table(self, day: Day, shown: Ints, next_visit: Ints) -> pa.Table:
        num_requests, num_slots = day.requests.item.shape
        users = self.parts.observed_users
        local = pd.Series(pd.to_datetime(shown, unit="us", utc=True)).dt.tz_convert(self.time_zone).dt
        by_request = {
            "request_id": pa.array(day.first_request + np.arange(num_requests)),
            "shown_at": moments(shown),
            "next_visit_at": moments(next_visit),
            "hour": pa.array(local.hour.to_numpy(dtype=np.int64)),
            "day_of_week": pa.array(local.day_of_week.to_numpy(dtype=np.int64)),
            **request_columns(day.requests, users, device_lost=self.device_lost(day.requests.user, day.day)),
        }
        if self.log_candidates:
            by_request[CANDIDATES] = candidate_column(day.requests.candidates)
        spread = pa.table(by_request).take(pa.array(np.repeat(np.arange(num_requests), num_slots)))
        items = observed_items(self.parts, day.day)
        rows = row_columns(day, items, num_topics=users.declared.shape[1])
        return pa.table({**dict(zip(spread.column_names, spread.columns, strict=True)), **rows})


def _frame(table: pa.Table, *, times: int) -> pd.DataFrame:
    """The table as a frame in which the rows of a request, ``times`` each, share one object a list."""
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    frame = to_frame(table.drop_columns(lists))
    of_requests = to_frame(table.select(lists).take(pa.array(range(0, len(table), times))))
    for name in lists:
        cells = of_requests[name].to_numpy(dtype=object)
        frame[name] = pd.Series(np.repeat(cells, times), index=frame.index, dtype=object)
    in_order: pd.DataFrame = frame[table.column_names]
    return in_order


def _without_dictionaries(table: pa.Table) -> pa.Table:
    fields = []
    for field in table.schema:
        kind = field.type
        if pa.types.is_dictionary(kind):
            field = field.with_type(kind.value_type)
        elif pa.types.is_list(kind) and pa.types.is_dictionary(kind.value_type):
            field = field.with_type(pa.list_(kind.value_type.value_type))
        fields.append(field)
    return table.cast(pa.schema(fields))
