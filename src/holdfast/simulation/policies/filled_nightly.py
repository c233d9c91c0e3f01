"""A policy with feature stores that are filled every night by whatever world it serves in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from holdfast.data.log import Log
from holdfast.simulation.policy import Policy, Requests, Slates


class FilledAtNight(Protocol):
    """What is told of a day when it has ended; ``NightlyStore`` is one."""

    def observe(self, log: Log) -> None:
        """Take in the log of a day."""
        ...


@dataclass(frozen=True, kw_only=True)
class FilledNightly:
    """Serves as another policy does, and passes on to its stores what happened.

    Without it somebody else has to fill the stores between two days, which nobody can while ``value``,
    ``replay``, ``simulate`` or ``ClosedLoop.finish`` run. A store remembers: ``value`` wants a new policy
    with a new store for every repeat.

    Attributes:
        policy: what chooses.
        stores: those that its scorers look into, each once.
    """

    policy: Policy
    stores: tuple[FilledAtNight, ...]

    def __post_init__(self) -> None:
        if not self.stores or len({id(each) for each in self.stores}) < len(self.stores):
            raise ValueError(
                f"stores holds {len(self.stores)} stores; give those that the policy looks into, each once, "
                "at least one"
            )

    @property
    def name(self) -> str:
        """That of the policy."""
        return self.policy.name

    def choose(self, requests: Requests) -> Slates:
        """What the policy chooses."""
        return self.policy.choose(requests)

    def observe(self, log: Log) -> None:
        """Pass on the day that ended."""
        for store in self.stores:
            store.observe(log)
