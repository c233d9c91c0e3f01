"""True drift: what a world has to change so that what people do, or who chooses, drifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.drift.injector import KINDS, Family, Kind, check_severity

NUM_STEPS = 5
HELD_OUT_SCHEDULES = ("rotating_interests", "churn", "new_market", "behavior_change")
"""Changes of a world that stand in for held-out injectors, and so are held out too."""


@dataclass(frozen=True, kw_only=True)
class WorldDrift:
    """A schedule of a world's ``changes`` with a strength for each severity.

    It is not put into rows: the world runs again with the change starting with the judged window, under the
    same seed, and the window is read anew. So both the outcomes and the truth of them drift.

    Attributes:
        schedule: name of the change, such as ``clickbait_fatigue``; see docs/world.md.
        strengths: of severities 1 to 5, growing in size, in the units of the schedule; may be below 0.
        settings: other settings of the schedule, such as ``{feature: editor_score}``.
        kind: what drifts.
        family: what it may be used for. It goes by the schedule: what stands in for a held-out injector is
            ``held_out``, the others are ``evaluation``, and may be made ``held_out``; empty for that.
        ramp_days: days until all of the change is there, at least 1.
    """

    schedule: str
    strengths: list[float]
    settings: dict[str, Any] = field(default_factory=dict)
    kind: Kind = "concept"
    family: str = ""
    ramp_days: int = 1

    def __post_init__(self) -> None:
        sizes = [abs(each) for each in self.strengths]
        if len(sizes) != NUM_STEPS or sizes != sorted(sizes) or not all(0.0 < each < 1e6 for each in sizes):
            raise ValueError(
                f"strengths is {self.strengths}; give {NUM_STEPS} numbers that grow in size, none of 0"
            )
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; choose one of {', '.join(KINDS)}")
        held_out = self.schedule in HELD_OUT_SCHEDULES
        if not self.family:
            # A frozen dataclass is filled in this way.
            object.__setattr__(self, "family", str(Family.HELD_OUT if held_out else Family.EVALUATION))
        if self.family not in (Family.HELD_OUT, *([] if held_out else [Family.EVALUATION])):
            allowed = "held_out" if held_out else "evaluation or held_out"
            raise ValueError(
                f"family is {self.family!r}, and the schedule {self.schedule} is for {allowed}: the family "
                "goes by the schedule; leave it out"
            )
        if self.ramp_days < 1:
            raise ValueError(f"ramp_days is {self.ramp_days}; it must be at least 1")

    def changes(
        self, usual: Mapping[str, Mapping[str, Any]], *, severity: int, start_day: int
    ) -> dict[str, dict[str, Any]]:
        """The world's changes with this one in place of whatever it had planned under the same name.

        Args:
            usual: ``changes`` of the world as it is.
            severity: a whole number from 0 to 5; at 0 nothing is different.
            start_day: first day of the change, 0 for the first of the log.

        Raises:
            ValueError: the severity is none.
        """
        changes = {name: dict(settings) for name, settings in usual.items()}
        if check_severity(severity) == 0:
            return changes
        strength = self.strengths[severity - 1]
        planned = {"start_day": start_day, "ramp_days": self.ramp_days, "strength": strength}
        changes[self.schedule] = {**changes.get(self.schedule, {}), **self.settings, **planned}
        return changes
