"""All changes of a world, and how they are written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from holdfast.simulation.changes.behavior import BehaviorChange
from holdfast.simulation.changes.churn import Churn
from holdfast.simulation.changes.clickbait_fatigue import ClickbaitFatigue
from holdfast.simulation.changes.interests import RotatingInterests
from holdfast.simulation.changes.new_market import NewMarket
from holdfast.simulation.changes.seasons import Holiday, Season
from holdfast.simulation.changes.sensors import MissingSensor, NoisySensor, StuckSensor, UnitChange
from holdfast.simulation.changes.turnover import CatalogueTurnover
from holdfast.simulation.items import ObservedItems


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What changes in a world; each change is documented in its own file, and off by default."""

    new_market: NewMarket = field(default_factory=NewMarket)
    rotating_interests: RotatingInterests = field(default_factory=RotatingInterests)
    clickbait_fatigue: ClickbaitFatigue = field(default_factory=ClickbaitFatigue)
    season: Season = field(default_factory=Season)
    holiday: Holiday = field(default_factory=Holiday)
    catalogue_turnover: CatalogueTurnover = field(default_factory=CatalogueTurnover)
    churn: Churn = field(default_factory=Churn)
    missing_sensor: MissingSensor = field(default_factory=MissingSensor)
    stuck_sensor: StuckSensor = field(default_factory=StuckSensor)
    unit_change: UnitChange = field(default_factory=UnitChange)
    noisy_sensor: NoisySensor = field(default_factory=NoisySensor)
    behavior_change: BehaviorChange = field(default_factory=BehaviorChange)

    def seen(self, items: ObservedItems, day: int, *, seed: int) -> ObservedItems:
        """What the sensors say of the items on a day; of two faults in a feature the later one is on top."""
        for fault in (self.missing_sensor, self.stuck_sensor, self.unit_change, self.noisy_sensor):
            items = fault.seen(items, day, seed=seed)
        return items

    def return_log_odds(self, day: int) -> float:
        """What season and holiday add to everybody's log odds of return on a day."""
        return self.season.log_odds(day) + self.holiday.log_odds(day)


def changes_as_written() -> dict[str, dict[str, Any]]:
    """Every change with its settings at their defaults, in plain containers."""
    return asdict(Changes())


def changes_from(written: Mapping[str, Mapping[str, Any]]) -> Changes:
    """Changes from plain containers; what is not written stays at its default.

    Raises:
        ValueError: a change or a setting is unknown, or a value out of range; the message names it.
    """
    known = {each.name: type(getattr(Changes(), each.name)) for each in fields(Changes)}
    made: dict[str, Any] = {}
    if not isinstance(written, Mapping):
        raise ValueError(f"changes is {written!r}; give changes by name, or {{}} for none")
    for name, settings in written.items():
        if name not in known:
            raise ValueError(f"changes.{name} is unknown; there are {', '.join(known)}")
        if not isinstance(settings, Mapping):
            raise ValueError(
                f"changes.{name} is {settings!r}; give settings, such as {{strength: 0.5}}, or leave it out"
            )
        allowed = [each.name for each in fields(known[name])]
        for key, value in settings.items():
            if key not in allowed:
                raise ValueError(f"changes.{name}.{key} is unknown; it has {', '.join(allowed)}")
            _check_type(f"changes.{name}.{key}", value, wanted=type(getattr(known[name](), key)))
        try:
            made[name] = known[name](**settings)
        except ValueError as error:
            raise ValueError(f"changes.{name}: {error}") from error
    return Changes(**made)


def _check_type(name: str, value: Any, *, wanted: type) -> None:
    fits = isinstance(value, wanted) or (wanted is float and isinstance(value, int))
    if not fits or isinstance(value, bool):
        words = {int: "a whole number", float: "a number", str: "a name"}
        raise ValueError(f"{name} is {value!r}; it must be {words[wanted]}")
