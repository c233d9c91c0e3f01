"""What a user may choose about calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from holdfast.core.features import InputSchema
from holdfast.core.scored_rows import categorical_place

ProbabilityMap = Literal["none", "temperature", "isotonic", "beta"]
SecondsMap = Literal["none", "scale", "isotonic"]


@dataclass(frozen=True, kw_only=True)
class CalibrationSettings:
    """Which map each head's predictions go through; fitted on the validation window alone.

    Attributes:
        click: map of the click probability: ``none``, ``temperature``, ``isotonic``, ``beta``.
        dwell: map of the expected seconds: ``none``, ``scale`` (one factor), ``isotonic``.
        retention: map of the chance to be back within d days, one a day; as ``click``.
        slice: a categorical feature whose values get maps of their own; empty for one map for all.
        shrinkage_rows: >= 0: a slice with so many known rows is half its own, and half the map of all.
    """

    click: ProbabilityMap = "none"
    dwell: SecondsMap = "none"
    retention: ProbabilityMap = "none"
    slice: str = ""
    shrinkage_rows: float = 1000.0

    def __post_init__(self) -> None:
        for name, kinds in (("click", ProbabilityMap), ("dwell", SecondsMap), ("retention", ProbabilityMap)):
            if getattr(self, name) not in get_args(kinds):
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose one of {list(get_args(kinds))}")
        if not 0.0 <= self.shrinkage_rows < math.inf:
            raise ValueError(f"shrinkage_rows is {self.shrinkage_rows}; it must be at least 0 and finite")

    @property
    def asked(self) -> dict[str, str]:
        """The map of each objective that gets one."""
        kinds = {name: str(getattr(self, name)) for name in ("click", "dwell", "retention")}
        return {name: kind for name, kind in kinds.items() if kind != "none"}

    def check(self, schema: InputSchema) -> None:
        """Refuse a slice that is no categorical input.

        Raises:
            ValueError: names the inputs that there are.
        """
        if self.slice and self.asked:
            try:
                categorical_place(schema, self.slice)
            except ValueError as error:
                raise ValueError(f"slice: {error}") from error


def untrained(settings: CalibrationSettings, objectives: Sequence[str]) -> list[str]:
    """Objectives that a map is asked for and that a model does not predict."""
    return [name for name in settings.asked if name not in objectives]
