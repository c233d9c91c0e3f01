"""The settings of a run that belong to no component."""

from __future__ import annotations

from dataclasses import dataclass, field

STAGES = (
    *("prepare", "fit", "calibrate", "evaluate", "stress"),
    *("counterfactual", "simulate", "export", "monitor", "report"),
)
DEFAULT_STAGES = ("prepare", "fit", "calibrate", "evaluate", "export", "report")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What is asked, where it goes, and which part of the way is walked.

    Attributes:
        name: runs of one name belong together.
        question: what the run is to answer; opens the report. None for one that fits what was done.
        tags: for the tracker.
        seed: of weights, batch order and dropout.
        horizon_days: days of absence that the retention head tells apart.
        stages: which to run, in any order; they run in the order of ``STAGES``.
        runs_dir: where new runs go.
        run_dir: the folder of this run; None makes a new one.
        resume: go on with an interrupted run.
    """

    name: str = "adhoc"
    question: str | None = None
    tags: list[str] = field(default_factory=list)
    seed: int = 0
    horizon_days: int = 7
    stages: list[str] = field(default_factory=lambda: list(DEFAULT_STAGES))
    runs_dir: str = "runs"
    run_dir: str | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        unknown = [stage for stage in self.stages if stage not in STAGES]
        if unknown or not self.stages:
            raise ValueError(f"stages are {list(self.stages)}; choose at least one of {list(STAGES)}")
        if self.horizon_days < 1:
            raise ValueError(f"horizon_days is {self.horizon_days}; it must be at least 1")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it must be 0 or more")
        if not self.name or any(character in self.name for character in "/\\\0") or self.name.startswith("."):
            raise ValueError(f"name is {self.name!r}; it becomes a folder: no slashes, no leading dot")

    def ordered_stages(self) -> list[str]:
        """The stages asked for, in the order in which they run."""
        return [stage for stage in STAGES if stage in self.stages]
