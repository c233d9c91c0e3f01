"""What a user may set about the stage stress."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from holdfast.drift.injector import check_severity

LEAST_STRENGTH_ROWS = 100
STANDARD, HELD_OUT = "standard", "held_out"
STANDARD_PREFIX, HELD_OUT_PREFIX = "stress", "stress_held_out"
TABLES = ("curves", "days", "slices", "strength", "natural")
"""Last words of a suite's further tables, after its prefix."""


@dataclass(frozen=True, kw_only=True)
class StressSettings:
    """A suite: which ladders of drift a trained ranker climbs; the group ``drift`` says which there are.

    Attributes:
        name: of the suite: letters, digits, ``_`` and ``-``. Metrics and tables carry it (see ``prefix``), so
            that one suite never writes over another.
        severities: rising, from 1 to 5; 0, the clean window, is always there.
        seeds: of the injectors, each a ladder of its own; injectors without chance climb once.
        held_out: whether this suite only judges, in the end. Its results carry names that say so
            (``stress_held_out/...``), nothing may be chosen or tuned by them, and only such a suite may hold
            injectors of the held-out family.
        only: names of the ladders to climb; empty for all of the suite.
        slices: categorical features whose values are judged apart, on the clean window; None for those of
            users and contexts, the most even ones first, at most three.
        least_rows: a slice with fewer rows is left out, and counted, at least 1.
        retrained: folders of runs of later walk-forward folds, stressed: their days stand beside those of
            this run's model, which nobody trained again.
        in_worlds: of ladders that are surrogates, the ladder of true drift that stands in on a world's log:
            there the world runs again with the change, and the test window is read anew, a few seconds each.
            Empty for surrogates everywhere.
        strength_rows: rows of the clean window by which it is measured how strong each rung came out (see
            ``strength.py``); 0 for no such measure.
    """

    name: str = "standard"
    severities: list[int] = field(default_factory=lambda: [1, 2, 3, 4, 5])
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    held_out: bool = False
    only: list[str] = field(default_factory=list)
    slices: list[str] | None = None
    least_rows: int = 200
    retrained: list[str] = field(default_factory=list)
    in_worlds: dict[str, str] = field(default_factory=dict)
    strength_rows: int = 2000

    def __post_init__(self) -> None:
        self._check_name()
        if not self.severities or list(self.severities) != sorted(set(self.severities)):
            raise ValueError(f"severities are {list(self.severities)}; give at least one, rising, each once")
        for severity in self.severities:
            try:
                check_severity(severity)
            except ValueError as error:
                raise ValueError(f"severities are {list(self.severities)}: {error}") from error
        if self.severities[0] == 0:
            raise ValueError(
                "severities start with 0, which is the clean window and always there; leave it out"
            )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds are {list(self.seeds)}; give different whole numbers of at least 0")
        if self.least_rows < 1:
            raise ValueError(f"least_rows is {self.least_rows}; it must be at least 1")
        if self.strength_rows and self.strength_rows < LEAST_STRENGTH_ROWS:
            raise ValueError(
                f"strength_rows is {self.strength_rows}; it must be 0, for no strength, or at least "
                f"{LEAST_STRENGTH_ROWS}"
            )

    @property
    def prefix(self) -> str:
        """Start of the names of this suite's metrics and tables.

        ``stress`` for the suite called standard, ``stress_held_out`` for held_out, ``stress_<name>`` and
        ``stress_held_out_<name>`` for others.
        """
        if self.held_out:
            return HELD_OUT_PREFIX if self.name == HELD_OUT else f"{HELD_OUT_PREFIX}_{self.name}"
        return STANDARD_PREFIX if self.name == STANDARD else f"{STANDARD_PREFIX}_{self.name}"

    def _check_name(self) -> None:
        """Refuse names that would write over another suite's files."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.name):
            raise ValueError(
                f"name is {self.name!r}; give a word of letters, digits, _ and -, without slashes and spaces"
            )
        if self.name.split("_")[-1] in TABLES:
            raise ValueError(f"name is {self.name!r}, as a table of another suite is called; choose another")
        if self.name.startswith(HELD_OUT) and not self.held_out:
            raise ValueError(
                f"name is {self.name!r} and held_out is false; set held_out=true or choose another name"
            )
