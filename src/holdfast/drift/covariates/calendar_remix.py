"""Other hours of the day, or days of the week, have the traffic.

N rows, Q requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Ints
from holdfast.core.random import generator
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, remix_shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.thinning import favour, favoured_gain, first_of_request

HOURS = 24
DAYS = 7


@dataclass(frozen=True, kw_only=True)
class HourRemix:
    """Requests of some neighbouring hours of the day stay, and of the others a share is lost.

    Attributes:
        strengths: share of the other requests that is lost, in (0, 1].
        num_hours: how many hours are favoured, 1 to 23; chance chooses the first of them, such that they
            have requests.
    """

    strengths: list[float] = field(default_factory=remix_shares)
    num_hours: int = 6

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        if not 1 <= self.num_hours < HOURS:
            raise ValueError(f"num_hours is {self.num_hours}; it must be from 1 to {HOURS - 1}")

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        if self._starts(first_of_request(rows, _local_hours(rows))):
            return None
        return f"all requests are of hours of which any {self.num_hours} in a row are all there are"

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        lost = strength_at(self, rows, severity)
        if lost is None:
            return unchanged(rows)
        hour = first_of_request(rows, _local_hours(rows))
        start = int(generator(seed, "drift", "hours").choice(self._starts(hour)))
        favoured = (hour - start) % HOURS < self.num_hours
        note = (
            f"requests from {start}:00 on for {self.num_hours} hours, in {rows.card.time_zone}, are favoured"
        )
        return favour(rows, favoured, lost=lost, seed=seed, name="hour_remix", note=note)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """By how much the share of the rows in the favoured hours grew."""
        return favoured_gain(drifted)

    def _starts(self, hours: Ints) -> list[int]:
        """First hours of blocks that have requests and leave some out."""
        there = np.unique(hours)
        return [int(hour) for hour in there if ((there - hour) % HOURS >= self.num_hours).any()]


@dataclass(frozen=True, kw_only=True)
class SeasonRemix:
    """Requests of some days of the week stay, and of the others a share is lost.

    Attributes:
        strengths: share of the other requests that is lost, in (0, 1].
        weekdays: favoured days, 0 for Monday; if empty, chance chooses one that has requests.
    """

    strengths: list[float] = field(default_factory=remix_shares)
    weekdays: list[int] = field(default_factory=list)

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        if not all(0 <= day < DAYS for day in self.weekdays):
            raise ValueError(f"weekdays is {self.weekdays}; give days from 0 (Monday) to 6, or [] for any")

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        days = np.unique(first_of_request(rows, _weekdays(rows)))
        if len(days) < 2:
            return "all requests are of one day of the week"
        if self.weekdays and np.isin(days, self.weekdays).all():
            return f"all requests are of the weekdays {self.weekdays}: there is nothing to thin"
        if self.weekdays and not np.isin(days, self.weekdays).any():
            return f"no request is of the weekdays {self.weekdays}; there are {days.tolist()}"
        return None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        lost = strength_at(self, rows, severity)
        if lost is None:
            return unchanged(rows)
        day = first_of_request(rows, _weekdays(rows))
        chosen = self.weekdays or [int(generator(seed, "drift", "weekdays").choice(np.unique(day)))]
        note = f"requests of the weekdays {chosen} (0 is Monday), in {rows.card.time_zone}, are favoured"
        favoured = np.isin(day, chosen)
        return favour(rows, favoured, lost=lost, seed=seed, name="season_remix", note=note)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """By how much the share of the rows on the favoured days grew."""
        return favoured_gain(drifted)


def _local_hours(rows: DriftRows) -> Ints:
    def hours() -> Ints:
        local = rows.rows["shown_at"].dt.tz_convert(rows.card.time_zone)
        return np.asarray(local.dt.hour.to_numpy(dtype=np.int64))

    return rows.derived("local hours", hours)


def _weekdays(rows: DriftRows) -> Ints:
    # 1970-01-01 was a Thursday.
    return rows.derived("weekdays", lambda: np.asarray((rows.view().local_days() + 3) % DAYS))
