"""One world of a simulation: what all contenders of a seed have in common."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from holdfast.simulation.closed_loop import Morning, morning_after
from holdfast.simulation.publishing import Publication
from holdfast.simulation.world import DefaultWorld


@dataclass(frozen=True)
class Arena:
    """A world that goes on after its log, and the morning on which all contenders start.

    Attributes:
        world: whose seed this is; its ``later_days`` reach to the end of serving.
        first_day: of serving.
        threads: that the world may use.
    """

    world: DefaultWorld
    first_day: int
    threads: int

    @property
    def seed(self) -> int:
        """Of the world."""
        return self.world.seed

    @functools.cached_property
    def publication(self) -> Publication:
        """How the days of this world become rows."""
        return self.world.publication(self.world.mechanisms(), self.world.behavior_on(0))

    @functools.cached_property
    def morning(self) -> Morning:
        """Of the first day, after the behavior policy has served all days before it."""
        return morning_after(
            self.publication, self.world.behavior_on, day=self.first_day, threads=self.threads
        )

    def published_as(self, contender: str) -> Publication:
        """The publication of what a contender logs."""
        words = f"Embedded world, seed {self.seed}, as served by {contender!r} from day {self.first_day} on."
        return replace(self.publication, description=words)


def arena_of(world: DefaultWorld, *, seed: int, first_day: int, num_days: int, threads: int) -> Arena:
    """The world with another seed, and with as many later days as serving needs."""
    later = max(world.later_days, first_day + num_days - world.num_days)
    return Arena(replace(world, seed=seed, later_days=later), first_day, threads)
