"""Sensors fail: what the log and the policies see of items goes wrong, and the items stay what they are.

I items.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.simulation.changes.schedule import Change
from holdfast.simulation.draws import draws
from holdfast.simulation.items import ObservedItems

LARGEST_FACTOR = 1e9
SENSORS = ("content_length", "editor_score", "headline_score")


@dataclass(frozen=True, kw_only=True)
class SensorFault(Change, abc.ABC):
    """A fault in one observed feature of the items; the kinds of fault are the classes below.

    An item whose sensor has failed keeps a failed sensor, and more fail as the level rises.

    Attributes:
        feature: ``content_length``, ``editor_score`` or ``headline_score``.
    """

    feature: str = "editor_score"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.feature not in SENSORS:
            raise ValueError(f"feature is {self.feature!r}; choose from {', '.join(SENSORS)}")

    def seen(self, items: ObservedItems, day: int, *, seed: int) -> ObservedItems:
        """What is seen of the items on a day."""
        level = self.level(day)
        if level == 0.0:
            return items
        values = getattr(items, self.feature)
        chance = draws(seed, "sensor", type(self).__name__, self.feature)
        failed = chance.uniform(np.arange(len(values)), 1)[:, 0] < level
        usual = values[(items.birth_day <= self.start_day) & ~np.isnan(values)]
        reading: dict[str, Any] = {
            self.feature: self._reading(values, failed, day, level=level, seed=seed, usual=usual)
        }
        return replace(items, **reading)

    @abc.abstractmethod
    def _reading(
        self, values: Floats, failed: Bools, day: int, *, level: float, seed: int, usual: Floats
    ) -> Floats:
        """What the sensors report of the values ``[I]``, those of ``failed`` items wrongly.

        ``usual`` holds the known values of the items that were there when the fault began: what is yet to be
        born has no say in it.
        """


@dataclass(frozen=True, kw_only=True)
class MissingSensor(SensorFault):
    """Values are missing.

    Attributes:
        strength: share of the items, in [0, 1].
    """

    def _reading(
        self, values: Floats, failed: Bools, day: int, *, level: float, seed: int, usual: Floats
    ) -> Floats:
        return np.where(failed, np.nan, values)


@dataclass(frozen=True, kw_only=True)
class StuckSensor(SensorFault):
    """A sensor sticks: all items that it fails report one value, the median of those there at its start.

    Attributes:
        strength: share of the items, in [0, 1].
    """

    def _reading(
        self, values: Floats, failed: Bools, day: int, *, level: float, seed: int, usual: Floats
    ) -> Floats:
        stuck_at = np.median(usual) if len(usual) else np.nan
        return np.where(failed & ~np.isnan(values), stuck_at, values)


@dataclass(frozen=True, kw_only=True)
class UnitChange(SensorFault):
    """A unit changes: seconds become milliseconds, and nobody said so.

    Attributes:
        strength: share of the items, in [0, 1].
        factor: what one old unit is in the new one, of a size from 1e-9 to 1e9: what comes out stays a number
            that can be squared in single precision.
    """

    feature: str = "content_length"
    factor: float = 1000.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1.0 / LARGEST_FACTOR <= abs(self.factor) <= LARGEST_FACTOR:
            raise ValueError(
                f"factor is {self.factor}; its size must be from {1.0 / LARGEST_FACTOR:g} to "
                f"{LARGEST_FACTOR:g}"
            )

    def _reading(
        self, values: Floats, failed: Bools, day: int, *, level: float, seed: int, usual: Floats
    ) -> Floats:
        return np.where(failed, values * self.factor, values)


@dataclass(frozen=True, kw_only=True)
class NoisySensor(SensorFault):
    """Every reading is off by a normal error, another one each day; a length stays above 0.

    Attributes:
        strength: standard deviation of the error, in standard deviations of the values of the items that
            were there at its start, in [0, 10].
    """

    feature: str = "headline_score"

    MOST: ClassVar[float] = 10.0

    def _reading(
        self, values: Floats, failed: Bools, day: int, *, level: float, seed: int, usual: Floats
    ) -> Floats:
        error = draws(seed, "sensor noise", self.feature, day).normal(np.arange(len(values)), 1)[:, 0]
        reading = values + level * (usual.std() if len(usual) else 0.0) * error
        return np.maximum(reading, 0.1) if self.feature == "content_length" else np.asarray(reading)
