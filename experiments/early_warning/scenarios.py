"""What happens in the worlds that are watched: all of it settled before the first figure was seen.

Days are counted from the first watched one, unless they are said to be days of the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from holdfast.core.random import generator
from holdfast.simulation.world import DefaultWorld

STABLE = "stable"
HORIZON_DAYS = 7
"""After which a return is no return."""
NEWCOMERS = 0.25
"""Share of users who belong to a market that comes on the onset day, or never."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A change of the world.

    Attributes:
        kind: covariate, concept, season or sensor.
        change: its name in ``data.changes``.
        settings: strength, and of sensors the feature.
    """

    kind: str
    change: str
    settings: Mapping[str, Any]


SCHEDULES: Mapping[str, Schedule] = {
    "new_market": Schedule(kind="covariate", change="new_market", settings={"strength": NEWCOMERS}),
    "catalogue_turnover": Schedule(kind="covariate", change="catalogue_turnover", settings={"strength": 0.8}),
    "clickbait_fatigue": Schedule(kind="concept", change="clickbait_fatigue", settings={"strength": 1.0}),
    "rotating_interests": Schedule(kind="concept", change="rotating_interests", settings={"strength": 1.0}),
    "season": Schedule(kind="season", change="season", settings={"strength": 1.0}),
    "holiday": Schedule(kind="season", change="holiday", settings={"strength": -1.5}),
    "missing": Schedule(
        kind="sensor", change="missing_sensor", settings={"strength": 1.0, "feature": "editor_score"}
    ),
    "stuck": Schedule(
        kind="sensor", change="stuck_sensor", settings={"strength": 1.0, "feature": "content_length"}
    ),
    "unit_change": Schedule(
        kind="sensor",
        change="unit_change",
        settings={"strength": 0.5, "feature": "content_length", "factor": 1000.0},
    ),
    "noisy": Schedule(
        kind="sensor", change="noisy_sensor", settings={"strength": 2.0, "feature": "headline_score"}
    ),
}
RAMPS: Mapping[str, int] = {"abrupt": 1, "gradual": 7}
"""Days until all of a change is there."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A schedule, and how fast it comes; neither in a stable world."""

    schedule: str = STABLE
    ramp: str = ""

    def __post_init__(self) -> None:
        if self.schedule == STABLE:
            return
        for name, value, known in (("schedule", self.schedule, SCHEDULES), ("ramp", self.ramp, RAMPS)):
            if value not in known:
                raise ValueError(f"{name} is {value!r}; choose from {', '.join(known)}")

    @property
    def name(self) -> str:
        """For files and tables."""
        return f"{self.schedule}-{self.ramp}" if self.ramp else self.schedule


@dataclass(frozen=True, kw_only=True)
class Study:
    """Sizes of the study.

    Attributes:
        users: of each world; a quarter of them comes with the new market, or never.
        items: of each world.
        epochs: most passes over the train window; the best on validation is kept.
        train_days: days 1 to R of the log: training, a day's gap, and validation.
        validation_days: see ``train_days``.
        watched_days: days after them; a week more is simulated, for their returns to mature.
        first_onset: the earliest day on which a change may begin.
        last_onset: the latest.
        harm_rows: rows on which the monitor estimates harm; fewer than its default of 500, for cost.
        schedules: names; all where there are none.
    """

    users: int = 1000
    items: int = 8000
    epochs: int = 8
    train_days: int = 20
    validation_days: int = 7
    watched_days: int = 28
    first_onset: int = 5
    last_onset: int = 9
    harm_rows: int = 150
    schedules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.first_onset <= self.last_onset < self.watched_days:
            raise ValueError(
                f"first_onset is {self.first_onset} and last_onset {self.last_onset}; they must be in order, "
                f"and before watched_days, {self.watched_days}"
            )

    @property
    def reference_days(self) -> int:
        """Days of the log before the first watched one."""
        return self.train_days + 1 + self.validation_days

    @property
    def num_days(self) -> int:
        """Days of the log."""
        return self.reference_days + self.watched_days + HORIZON_DAYS

    @property
    def judged_days(self) -> int:
        """Days from the onset on that every scenario has."""
        return self.watched_days - self.last_onset

    def scenarios(self) -> list[Scenario]:
        """The stable world first: the others are held beside it."""
        names = self.schedules or tuple(SCHEDULES)
        return [Scenario(), *(Scenario(schedule=name, ramp=ramp) for name in names for ramp in RAMPS)]

    def onset(self, seed: int, schedule: str) -> int:
        """Day on which a schedule begins in a seed's world, one for both ramps."""
        draw = generator(seed, "early warning", schedule)
        return int(draw.integers(self.first_onset, self.last_onset + 1))

    def words(self, seed: int) -> list[str]:
        """What would stand after ``holdfast run`` for the model of a seed's world."""
        return [
            "data=world",
            f"data.num_users={self.users}",
            f"data.num_items={self.items}",
            f"data.num_days={self.num_days}",
            # A young, large catalogue: what is shown is of one kind all the time, so that stable is stable.
            "data.half_life_days=7.0",
            f"data.changes.new_market.strength={NEWCOMERS}",
            f"data.changes.new_market.start_day={self.num_days}",
            f"data.seed={seed}",
            f"seed={seed}",
            f"split.train_days={self.train_days}",
            "split.gap_days=1",
            f"split.validation_days={self.validation_days}",
            f"split.test_days={self.watched_days}",
            f"split.maturity_days={HORIZON_DAYS}",
            f"horizon_days={HORIZON_DAYS}",
            # It ranks by expected seconds, which is what the world's truth judges it by.
            "fusion.weights={click:1.0,dwell:1.0,retention:0.0}",
            f"trainer.max_epochs={self.epochs}",
            "trainer.batch_size=1024",
            "trainer.accelerator=cpu",
            "stages=[prepare,fit,export]",
            "tracking=local",
        ]


def changed(world: DefaultWorld, scenario: Scenario, *, start_day: int) -> DefaultWorld:
    """The same world with a scenario that begins on a day of the log."""
    if scenario.schedule == STABLE:
        return world
    schedule = SCHEDULES[scenario.schedule]
    changes = {name: dict(settings) for name, settings in world.changes.items()}
    changes[schedule.change] |= {
        "start_day": start_day,
        "ramp_days": RAMPS[scenario.ramp],
        **schedule.settings,
    }
    return replace(world, changes=changes)
