"""A policy that serves, and is trained again and again on what it itself has logged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.data.log import Log
from holdfast.simulation.day_figures import DayFigures, day_figures
from holdfast.simulation.loop import PolicyOn, Run
from holdfast.simulation.observing import tell
from holdfast.simulation.policy import Policy
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day
from holdfast.simulation.state import State

Retrain = Callable[[Log, int], Policy]
"""From a log as of the midnight before a day, and that day, to the policy that serves from then on.

It sees what a data team would see that night. Whether it starts from the weights of before or from none is
its own business.
"""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a policy serves and when it is trained again.

    Attributes:
        first_day: of serving, at least 0.
        num_days: of serving, at least 1.
        every_days: between two trainings, the first so many days after ``first_day``; 0 for never.
        window_days: how many days before it a training sees, days before ``first_day`` included; 0 for all.
    """

    first_day: int
    num_days: int = 30
    every_days: int = 7
    window_days: int = 28

    def __post_init__(self) -> None:
        for name, least in {"first_day": 0, "num_days": 1, "every_days": 0, "window_days": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")

    def trains_on(self, day: int) -> bool:
        """Whether there is a training in the night before a day."""
        since = day - self.first_day
        return self.every_days > 0 and since > 0 and since % self.every_days == 0

    def first_seen(self, day: int) -> int:
        """The first day that a training in the night before ``day`` sees."""
        return max(0, day - self.window_days) if self.window_days else 0


@dataclass(frozen=True, kw_only=True)
class Morning:
    """A world between two days: several policies can start from the same one, and a run can go on from it.

    Attributes:
        day: the day that comes.
        state: of the world.
        logged: days of the log so far that may still be looked at, each in the order of the log.
        num_requests: on all days of the log so far.
        yesterday: who visited the day before.
    """

    day: int
    state: State
    logged: tuple[Day, ...]
    num_requests: int
    yesterday: Ints


class ClosedLoop:
    """Serves day after day, trains on schedule, and writes down what happened.

    Two loops that start from the same morning meet the same users, candidates and luck.

    Attributes:
        policy: what serves now.
        logged: days of the log that a training may still look at.
        served: the day that was just served, in the order of the log, for whoever keeps them all; None before
            the first and where nobody came.
    """

    def __init__(
        self,
        publication: Publication,
        morning: Morning,
        policy: Policy,
        *,
        schedule: Schedule,
        retrain: Retrain | None = None,
        threads: int = 1,
    ) -> None:
        if schedule.every_days and retrain is None:
            raise ValueError(
                f"every_days is {schedule.every_days} and there is nothing to train with; "
                "give retrain, or set every_days=0"
            )
        last = schedule.first_day + schedule.num_days
        if last > publication.parts.end_day:
            raise ValueError(
                f"serving ends with day {last}, and the world with day {publication.parts.end_day}; "
                "raise later_days of the world"
            )
        self.policy = policy
        self.logged = _since(schedule.first_seen(morning.day), morning.logged)
        self.served: Day | None = None
        self._publication, self._schedule, self._retrain = publication, schedule, retrain
        self._yesterday = morning.yesterday
        self._run = Run(publication.parts, threads=threads, state=copy.deepcopy(morning.state))
        self._run.day = morning.day
        self._run.num_requests = morning.num_requests

    @property
    def day(self) -> int:
        """The day that the next step serves."""
        return self._run.day

    @property
    def done(self) -> bool:
        """Whether the last day was served."""
        return self._run.day >= self._schedule.first_day + self._schedule.num_days

    def morning(self) -> Morning:
        """A copy of where the loop is; with ``policy`` all that is needed to go on."""
        return _morning(self._run, self.logged, self._yesterday)

    def step(self) -> DayFigures:
        """Train if it is due, then serve one day, and tell the policy of it if it is an ``ObservingPolicy``.

        Raises:
            ValueError: the policy chose what it may not; names the policy and the day.
        """
        number = self._run.day
        if self._retrain is not None and self._schedule.trains_on(number):
            seen = [day for day in self.logged if day.day >= self._schedule.first_seen(number)]
            if seen:
                self.policy = self._retrain(self._publication.log(seen, until_day=number), number)
        day = self._run.step(self.policy)
        tell(self.policy, self._publication, number=number, day=day)
        self.served = None if day is None else self._publication.in_order(day)
        if self.served is not None:
            self.logged = (*self.logged, self.served)
        self.logged = _since(self._schedule.first_seen(number + 1), self.logged)
        figures = day_figures(
            self._publication.parts,
            self._run.state,
            day,
            number=number,
            policy=self.policy.name,
            yesterday=self._yesterday,
        )
        self._yesterday = _visitors(day)
        return figures

    def finish(self) -> pd.DataFrame:
        """Serve all days that are left: a row a day, with the columns of ``DayFigures``."""
        rows: list[DayFigures] = []
        while not self.done:
            rows.append(self.step())
        return pd.DataFrame([vars(row) for row in rows])


def morning_after(
    publication: Publication, behavior: Policy | PolicyOn, *, day: int, threads: int = 1
) -> Morning:
    """Run a world under a behavior policy until the morning of a day.

    The days of the log so far, ``Morning.logged``, are what the first models are trained on:
    ``publication.log(morning.logged, until_day=day)``.

    Args:
        publication: of the world.
        behavior: one policy, or what says which policy serves a day.
        day: before which to stop, at least 0.
        threads: that the world may use.

    Raises:
        ValueError: the behavior policy chose what it may not; names the policy and the day.
    """
    run = Run(publication.parts, threads=threads)
    logged: list[Day] = []
    yesterday = _visitors(None)
    while run.day < day:
        recorded = run.day >= 0
        served = run.step(behavior(run.day) if callable(behavior) else behavior)
        yesterday = _visitors(served)
        if recorded and served is not None:
            logged.append(publication.in_order(served))
    return _morning(run, tuple(logged), yesterday)


def _since(first_day: int, days: tuple[Day, ...]) -> tuple[Day, ...]:
    return tuple(each for each in days if each.day >= first_day)


def _visitors(day: Day | None) -> Ints:
    return np.zeros(0, dtype=np.int64) if day is None else np.asarray(day.visits.user)


def _morning(run: Run, logged: tuple[Day, ...], yesterday: Ints) -> Morning:
    return Morning(
        day=run.day,
        state=copy.deepcopy(run.state),
        logged=logged,
        num_requests=run.num_requests,
        yesterday=yesterday,
    )
