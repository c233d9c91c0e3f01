"""What a user may set about the closed loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from holdfast.simulation.closed_loop import Schedule
from holdfast.simulation.long_term_value import LongTermValue


@dataclass(frozen=True, kw_only=True)
class SimulationSettings:
    """When contenders serve, when they are trained again, in how many worlds, and how they are judged.

    Attributes:
        first_day: of serving; day 0 is the first of the log. None for the first day of the run's test window
            where the run is prepared, else for the day after the log.
        num_days: of serving, at least 1.
        retrain_every_days: between two trainings of those who retrain; 0 for never.
        window_days: how many days before it a training sees; 0 for all.
        start: ``warm`` goes on from the weights and the encoder of before, ``cold`` forgets both.
        warm_epochs: most epochs of a warm training, at least 1; a cold one has those of the trainer.
        seeds: of the worlds, and of what is trained in each; None for the seed of ``data`` alone.
        value: what a day is worth.
        oracle: the contender that regret is measured to; None for ``long_term_oracle`` where it takes part.
        reference: the contender that others are compared with; None for the first one.
        level: share of worlds that an interval over seeds is made to hold, in (0, 1).
        threads: how many threads a world may use, at least 1; the outcome does not depend on it.
        keep_logs: whether what each contender logged is kept, and the truth apart from it.
    """

    first_day: int | None = None
    num_days: int = 30
    retrain_every_days: int = 7
    window_days: int = 28
    start: Literal["warm", "cold"] = "warm"
    warm_epochs: int = 2
    seeds: list[int] | None = None
    value: LongTermValue = field(default_factory=LongTermValue)
    oracle: str | None = None
    reference: str | None = None
    level: float = 0.95
    threads: int = 1
    keep_logs: bool = True

    def __post_init__(self) -> None:
        least = {"num_days": 1, "retrain_every_days": 0, "window_days": 0, "warm_epochs": 1, "threads": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {bound}")
        if self.first_day is not None and self.first_day < 0:
            raise ValueError(f"first_day is {self.first_day}; it must be at least 0, or null")
        if self.start not in ("warm", "cold"):
            raise ValueError(f"start is {self.start!r}; choose warm or cold")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must be above 0 and below 1")
        if self.seeds is not None and (
            not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0
        ):
            raise ValueError(
                f"seeds are {list(self.seeds)}; give different whole numbers of at least 0, or null"
            )
        if not isinstance(self.value, LongTermValue):
            raise ValueError(
                f"value is {self.value!r}; give click_value, second_value and visit_value of a "
                "holdfast.simulation.long_term_value.LongTermValue"
            )

    def schedule(self, first_day: int, *, retrains: bool) -> Schedule:
        """When a contender serves and is trained, from the first day on."""
        return Schedule(
            first_day=first_day,
            num_days=self.num_days,
            every_days=self.retrain_every_days if retrains else 0,
            # A loop that never trains need not hold the days of its log.
            window_days=self.window_days if retrains else 1,
        )
