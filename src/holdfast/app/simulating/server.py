"""What serves under a contender's name: a policy, and whatever has to be kept for it from day to day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from holdfast.app.simulating.contenders import ContenderSettings
from holdfast.simulation.closed_loop import Retrain
from holdfast.simulation.policies.assembly import assembled
from holdfast.simulation.policies.stated_probabilities import StatedProbabilities
from holdfast.simulation.policy import Policy
from holdfast.simulation.record import Day

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was predicted of what was shown on a day, before the outcome, and how it came.

    Attributes:
        day: on which it was shown.
        objective: click, dwell, or retention: a visit on the next day.
        predicted: mean over what counts.
        observed: mean over the same.
        n: impressions for click, clicks for dwell, visitors for retention.
    """

    day: int
    objective: str
    predicted: float
    observed: float
    n: int


class Server(Protocol):
    """Serves a world under a contender's name."""

    @property
    def policy(self) -> Policy:
        """What serves next."""
        ...

    @property
    def retrain(self) -> Retrain | None:
        """Makes the next policy; None for one that stays as it is."""
        ...

    def observe(self, number: int, served: Day | None) -> list[Calibration]:
        """Take in a day that was served, None where nobody came; says what has matured by its evening."""
        ...

    def kept(self) -> dict[str, Array]:
        """What has to be kept to go on later, beside the days of the log."""
        ...

    def restore(self, kept: Mapping[str, Array], days: list[tuple[int, Day | None]]) -> None:
        """Go on from what was kept, after the days that were served so far."""
        ...


class FixedServer:
    """A policy that stays as it is and keeps nothing."""

    def __init__(self, name: str, settings: ContenderSettings) -> None:
        self._policy = _policy(name, settings)

    @property
    def policy(self) -> Policy:
        """The policy."""
        return self._policy

    @property
    def retrain(self) -> Retrain | None:
        """Never."""
        return None

    def observe(self, number: int, served: Day | None) -> list[Calibration]:
        """Nothing was predicted."""
        return []

    def kept(self) -> dict[str, Array]:
        """Nothing."""
        return {}

    def restore(self, kept: Mapping[str, Array], days: list[tuple[int, Day | None]]) -> None:
        """Nothing to do."""


def _policy(name: str, settings: ContenderSettings) -> Policy:
    scorer: Any = settings.scorer
    exploration: Any = settings.exploration
    if exploration is None:
        return StatedProbabilities(chooser=scorer, ranker=name)
    return assembled(exploration, () if scorer is None else (scorer,), ranker=name)
