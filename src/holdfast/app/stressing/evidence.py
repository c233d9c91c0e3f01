"""From what a suite measured to ladders, lifts and the ship score.

S severities, T days, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from holdfast.app.stressing.conditions import Conditions, Resampler
from holdfast.app.stressing.runner import SuiteResults
from holdfast.app.stressing.suite import kind_of
from holdfast.core.arrays import Floats
from holdfast.evaluation.robustness.judged_rows import OUTPUTS
from holdfast.evaluation.robustness.ship_score import (
    WORST_WEIGHT,
    Ladder,
    OutputEvidence,
    ShipScore,
    ship_score,
    skill,
)

Reading = Callable[[Conditions], Floats | None]
"""A number with its resamples, ``[1 + R]``; None where it is not defined."""
CHANCE = "ranking/chance"


@dataclass(frozen=True)
class Evidence:
    """A suite's results, read.

    Attributes:
        results: of the suite.
        resampler: of users and seeds; the one that measured them.
        last_train_day: day before the end of the train window, since 1970-01-01.
    """

    results: SuiteResults
    resampler: Resampler
    last_train_day: int

    @cached_property
    def quality_of(self) -> dict[str, str]:
        """Name of the metric that says how good each output is, for those defined in clean conditions."""
        clean = self.results.clean
        found = {}
        for output in OUTPUTS:
            for name in clean.model:
                ends = ("/auc", "/xauc") if output != "ranking" else (f"@{name.rpartition('@')[2]}",)
                if name.startswith(f"{output}/") and name.endswith(ends) and name in clean.reference:
                    found[output] = name
        return found

    def calibration_of(self, output: str) -> str:
        """Name of the metric of an output's level, as log2(predicted / observed)."""
        return self.quality_of[output].rpartition("/")[0] + "/calibration"

    def skill_of(self, output: str, *, reference: bool = False) -> Reading:
        """Points between chance and perfection."""
        name = self.quality_of[output]

        def read(found: Conditions) -> Floats | None:
            side = found.reference if reference else found.model
            if name not in side or (output == "ranking" and CHANCE not in found.model):
                return None
            chance = found.model[CHANCE] if output == "ranking" else np.asarray(0.5)
            return skill(np.clip(side[name], 0.0, 1.0), np.clip(chance, 0.0, 0.999))

        return read

    def lift_of(self, output: str) -> Reading:
        """Skill less that of the reference in the same condition."""
        mine, other = self.skill_of(output), self.skill_of(output, reference=True)

        def read(found: Conditions) -> Floats | None:
            one, two = mine(found), other(found)
            return None if one is None or two is None else one - two

        return read

    def at(self, name: str, severity: int, reading: Reading) -> Floats | None:
        """A reading at one rung, averaged over the seeds in which it is defined; resamples draw seeds too."""
        seeds = self.results.suite.seeds_of(name)
        values = [reading(self.results.scenarios[name, severity, seed]) for seed in seeds]
        defined = [each for each in values if each is not None]
        if not defined:
            return None
        shares = self.resampler.seed_shares(len(defined), name)
        return np.asarray((np.stack(defined) * shares).sum(axis=0))

    def ladder(self, name: str, reading: Reading) -> Ladder | None:
        """A reading along a ladder, severity 0 first; None where no rung, or not the clean one, has it."""
        clean = reading(self.results.clean)
        rungs = [
            (severity, self.at(name, severity, reading))
            for severity in self.results.suite.settings.severities
        ]
        defined = [(severity, each) for severity, each in rungs if each is not None]
        if clean is None or not defined:
            return None
        return Ladder(
            [0, *(severity for severity, _ in defined)], np.stack([clean, *(each for _, each in defined)])
        )

    @property
    def scored_ladders(self) -> list[str]:
        """Ladders that count in the ship score: label drift breaks what is observed, not what is ranked."""
        ladders = self.results.suite.ladders
        return [name for name, drift in ladders.items() if kind_of(drift) != "label"]

    def by_day(self, reading: Reading, *, later: bool = False) -> tuple[Floats, Floats, Floats]:
        """A reading of the days of the window and, if asked, of those after it; without undefined days.

        Returns:
            Days since training ``[T]``, of which the first day after the train window is 1; the reading
            ``[T, 1 + R]``; rows ``[T]``.
        """
        days, values, rows = [], [], []
        for day, found in {**self.results.days, **(self.results.later_days if later else {})}.items():
            value = reading(found)
            if value is not None:
                days.append(day - self.last_train_day)
                values.append(value)
                rows.append(max(found.counts.values()))
        width = 1 + self.resampler.num_resamples
        stacked = np.stack(values) if values else np.zeros((0, width))
        return np.array(days, dtype=np.float64), stacked, np.array(rows, dtype=np.float64)

    def of_output(self, output: str) -> OutputEvidence | None:
        """All that the ship score needs of one output; None where no ladder can be scored."""
        lift = self.lift_of(output)
        clean = lift(self.results.clean)
        ladders = {name: self.ladder(name, lift) for name in self.scored_ladders}
        defined = {name: each for name, each in ladders.items() if each is not None}
        if clean is None or not defined:
            return None
        levels: dict[str, Ladder | None] = {}
        if output != "ranking":
            calibration = self.calibration_of(output)
            levels = {
                name: self.ladder(name, lambda found: found.model.get(calibration))
                for name in self.scored_ladders
            }
        days, day_lift, rows = self.by_day(lift)
        return OutputEvidence(
            clean_lift=clean,
            lifts=defined,
            log2_ratio={name: each for name, each in levels.items() if each is not None},
            days=days,
            day_lift=day_lift,
            day_weight=rows,
        )

    @cached_property
    def outputs(self) -> dict[str, OutputEvidence]:
        """Evidence of every output that can be scored."""
        found = {output: self.of_output(output) for output in self.quality_of}
        return {output: each for output, each in found.items() if each is not None}

    def ship_score(
        self, *, worst_weight: float = WORST_WEIGHT
    ) -> tuple[ShipScore, dict[str, ShipScore]] | None:
        """The score, and that of each output; None where nothing can be scored."""
        if not self.outputs:
            return None
        return ship_score(self.outputs, worst_weight=worst_weight)

    def undefined(self) -> dict[str, list[str]]:
        """Scenarios in which a metric has no value, by metric."""
        found: dict[str, list[str]] = {}
        for (name, severity, seed), each in self.results.scenarios.items():
            for metric in each.undefined:
                found.setdefault(metric, []).append(f"{name}, severity {severity}, seed {seed}")
        return found


def interval(values: Floats, *, level: float) -> tuple[float, float | None, float | None]:
    """Value, low and high of a number with its resamples ``[1 + R]``; no ends without resamples."""
    if values.size < 2:
        return float(values[0]), None, None
    tail = (1.0 - level) / 2.0
    # As np.quantile, which takes ten times as long for a few hundred numbers, and a suite asks for thousands.
    ordered = np.append(np.sort(values[1:]), values[-1:])
    low, high = (_between(ordered, share * (values.size - 2)) for share in (tail, 1.0 - tail))
    return float(values[0]), low, high


def _between(ordered: Floats, place: float) -> float:
    """The number at a place of numbers in order, by a straight line between two of them."""
    before = int(place)
    return float(ordered[before] + (place - before) * (ordered[before + 1] - ordered[before]))
