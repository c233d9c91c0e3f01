"""What a suite found, as tables and as metrics by stable name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.stressing.conditions import Conditions
from holdfast.app.stressing.corruption import corruption_errors
from holdfast.app.stressing.evidence import CHANCE, Evidence, Reading, interval
from holdfast.app.stressing.number_columns import POINTS, interval_of, plain_number, point_columns
from holdfast.app.stressing.strength_table import strength_table
from holdfast.app.stressing.suite import drift_words, kind_of
from holdfast.core.arrays import Floats
from holdfast.evaluation.robustness.curves import breakdown_severity
from holdfast.evaluation.robustness.ship_score import PARTS

IN_TRAINING = "as in training"
"""The clean test window, where others stand beside it."""


@dataclass(frozen=True)
class StressTables:
    """Tables and metrics of a suite.

    Attributes:
        evidence: of the suite.
        level: of the intervals.
        retrained: days of the runs that were trained again later, as ``later_days`` gives them.
    """

    evidence: Evidence
    level: float
    retrained: pd.DataFrame = field(default_factory=pd.DataFrame)

    def by_name(self) -> dict[str, pd.DataFrame]:
        """By file name."""
        prefix = self.evidence.results.suite.settings.prefix
        return {
            prefix: self.scenarios,
            f"{prefix}_curves": self.curves,
            f"{prefix}_days": self.days,
            f"{prefix}_slices": self.slices,
            f"{prefix}_strength": self.strength,
            f"{prefix}_natural": self.natural,
        }

    @cached_property
    def scenarios(self) -> pd.DataFrame:
        """A row a ladder, severity and metric; severity 0 is the clean window."""
        suite = self.evidence.results.suite
        rows = []
        for name, drift in suite.ladders.items():
            about = {"injector": name, "kind": kind_of(drift), "drift": drift_words(drift)}
            for severity in (0, *suite.settings.severities):
                rows += [{**about, "severity": severity, **each} for each in self._at(name, severity)]
        return pd.DataFrame(rows)

    def _at(self, name: str, severity: int) -> Iterator[dict[str, Any]]:
        results = self.evidence.results
        seeds = results.suite.seeds_of(name)
        found = [results.scenarios[name, severity, seed] for seed in seeds] if severity else [results.clean]
        strengths = [
            float(each.about["strength"]) for each in found if each.about.get("strength") is not None
        ]
        qualities = {metric: output for output, metric in self.evidence.quality_of.items()}
        for metric in self._metrics():
            values = [self._value(name, severity, metric, side) for side in (0, 1)]
            points = self._points(name, severity, qualities[metric]) if metric in qualities else None
            clean = results.clean.model.get(metric)
            undefined = sum(metric in each.undefined for each in found)
            number, low, high = interval_of(values[0], metric, level=self.level)
            yield {
                "metric": metric,
                "output": metric.split("/")[0],
                "value": number,
                "low": low,
                "high": high,
                "clean": interval_of(clean, metric, level=self.level)[0],
                "reference": interval_of(values[1], metric, level=self.level)[0],
                **point_columns(points, level=self.level),
                "n": int(np.mean([each.counts.get(metric, 0) for each in found])),
                "seeds": len(found),
                "strength": float(np.mean(strengths)) if strengths else None,
                "note": f"undefined for {undefined} of {len(found)} seeds" if undefined else "",
            }

    def _metrics(self) -> list[str]:
        """Metrics that are reported, in the order in which they are judged."""
        return [name for name in self.evidence.results.clean.counts if name != CHANCE]

    def _value(self, name: str, severity: int, metric: str, side: int) -> Floats | None:
        def read(found: Conditions) -> Floats | None:
            return (found.model, found.reference)[side].get(metric)

        if severity == 0:
            return read(self.evidence.results.clean)
        return self.evidence.at(name, severity, read)

    def _points(self, name: str, severity: int, output: str) -> tuple[Floats | None, ...]:
        """Skill, the reference's skill, and the lift."""
        if severity == 0:
            return self._points_of(self.evidence.results.clean, output)
        return tuple(self.evidence.at(name, severity, read) for read in self._readings(output))

    def _points_of(self, found: Conditions, output: str) -> tuple[Floats | None, ...]:
        return tuple(read(found) for read in self._readings(output))

    def _readings(self, output: str) -> tuple[Reading, ...]:
        evidence = self.evidence
        return (
            evidence.skill_of(output),
            evidence.skill_of(output, reference=True),
            evidence.lift_of(output),
        )

    @cached_property
    def strength(self) -> pd.DataFrame:
        """A row a rung: how strong it came out; see ``strength_table``."""
        return strength_table(self.evidence.results)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A row a ladder and output: areas, loss, worst rung, breakdown, errors against the reference's."""
        evidence = self.evidence
        rows = []
        for output, metric in evidence.quality_of.items():
            for name, drift in evidence.results.suite.ladders.items():
                row = {"injector": name, "kind": kind_of(drift), "drift": drift_words(drift)}
                rows.append({**row, "output": output, "metric": metric, **self._curve(name, output)})
        return pd.DataFrame(rows)

    def _curve(self, name: str, output: str) -> dict[str, Any]:
        evidence = self.evidence
        ladders = [
            evidence.ladder(name, reading)
            for reading in (
                evidence.skill_of(output),
                evidence.skill_of(output, reference=True),
                evidence.lift_of(output),
            )
        ]
        mine, other, lift = ladders
        if mine is None or other is None or lift is None:
            return {"note": "undefined in clean conditions or at every severity"}
        shared = [each for each in mine.severities if each in other.severities]
        skills = [float(mine.values[list(mine.severities).index(each), 0]) for each in shared]
        others = [float(other.values[list(other.severities).index(each), 0]) for each in shared]
        error = corruption_errors(evidence, output, names=[name], level=self.level)
        lowest = int(lift.values[1:, 0].argmin()) + 1
        area, area_low, area_high = interval(mine.area, level=self.level)
        loss, loss_low, loss_high = interval(lift.values[0] - lift.area, level=self.level)
        asked = (0, *evidence.results.suite.settings.severities)
        undefined = [str(each) for each in asked if each not in lift.severities]
        return {
            "clean_skill": skills[0],
            "highest_severity": int(lift.severities[-1]),
            "area": area,
            "area_low": area_low,
            "area_high": area_high,
            "reference_clean_skill": others[0],
            "reference_area": float(other.area[0]),
            "clean_lift": float(lift.values[0, 0]),
            "loss": loss,
            "loss_low": loss_low,
            "loss_high": loss_high,
            "worst_severity": int(lift.severities[lowest]),
            "worst_lift": float(lift.values[lowest, 0]),
            "worst_skill": float(min(skills)),
            "breakdown_severity": breakdown_severity(shared, skills, others),
            "corruption_error": error.by_corruption.get(name),
            "relative_corruption_error": error.relative_by_corruption.get(name),
            "scored": name in evidence.scored_ladders,
            "note": f"undefined at severity {', '.join(undefined)}" if undefined else "",
        }

    @cached_property
    def days(self) -> pd.DataFrame:
        """A row a day and metric of the clean window and of the days after it, with days since training."""
        results = self.evidence.results
        rows = [
            {
                "model": "this run",
                "window": window,
                "day": day,
                "days_since_training": day - self.evidence.last_train_day,
                **row,
            }
            for window, found in (("test", results.days), ("later", results.later_days))
            for day, each in found.items()
            for row in self._plain(each)
        ]
        table = pd.concat([pd.DataFrame(rows), self.retrained], ignore_index=True)
        table["date"] = pd.to_datetime(table["day"], unit="D")
        return table

    @cached_property
    def slices(self) -> pd.DataFrame:
        """A row a slice and metric of the clean window."""
        return self._of_parts("slice", self.evidence.results.slices)

    @cached_property
    def natural(self) -> pd.DataFrame:
        """A row a window and metric of drift that nobody made; first the window that training knows.

        No rows where there is no such drift.
        """
        found = self.evidence.results.natural
        return self._of_parts("window", {IN_TRAINING: self.evidence.results.clean, **found} if found else {})

    def _of_parts(self, column: str, parts: Mapping[str, Conditions]) -> pd.DataFrame:
        columns = [column, "metric", "output", "value", "low", "high", "reference", *POINTS, "n", "note"]
        rows = [{column: name, **row} for name, found in parts.items() for row in self._plain(found)]
        return pd.DataFrame(rows, columns=columns)

    def _plain(self, found: Conditions) -> Iterator[dict[str, Any]]:
        qualities = {metric: output for output, metric in self.evidence.quality_of.items()}
        for metric in self._metrics():
            value, low, high = interval_of(found.model.get(metric), metric, level=self.level)
            points = self._points_of(found, qualities[metric]) if metric in qualities else (None,) * 3
            yield {
                "metric": metric,
                "output": metric.split("/")[0],
                "value": value,
                "low": low,
                "high": high,
                "reference": interval_of(found.reference.get(metric), metric, level=self.level)[0],
                **{
                    name: None if each is None else float(each[0])
                    for name, each in zip(POINTS, points, strict=True)
                },
                "n": found.counts.get(metric, 0),
                "note": "undefined" if metric in found.undefined else "",
            }

    def metrics(self) -> dict[str, dict[str, Any]]:
        """By stable name: ``stress/INJECTOR/severity_S/METRIC`` ``stress/ship_score``; the clean beside."""
        settings = self.evidence.results.suite.settings
        found: dict[str, dict[str, Any]] = {}
        shared = {"weighted": False, **({"held_out": True} if settings.held_out else {})}
        for row in self.scenarios.to_dict("records"):
            where = f"{row['injector']}/severity_{row['severity']}" if row["severity"] else "clean"
            value = plain_number(row["value"])
            found[f"{settings.prefix}/{where}/{row['metric']}"] = {
                "value": value,
                "low": plain_number(row["low"]),
                "high": plain_number(row["high"]),
                "n": row["n"],
                "note": row["note"] or ("" if value is not None else "undefined"),
                "clean": plain_number(row["clean"]),
                "reference": plain_number(row["reference"]),
                **shared,
            }
        found |= {name: {**each, **shared} for name, each in self._natural_metrics(found)}
        scored = self.evidence.ship_score()
        if scored is not None:
            total, by_output = scored
            numbers: Mapping[str, Floats] = {
                "ship_score": total.value,
                **{f"ship_score/{part}": total.part(part) for part in PARTS},
                **{f"ship_score/{output}": each.value for output, each in by_output.items()},
            }
            for name, values in numbers.items():
                value, low, high = interval(values, level=self.level)
                entry = {"value": value, "low": low, "high": high, "n": len(self.evidence.results.scenarios)}
                found[f"{settings.prefix}/{name}"] = {**entry, "note": "points", **shared}
        return found

    def _natural_metrics(
        self, found: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """By stable name, with the value as in training out of ``found`` beside each."""
        prefix = self.evidence.results.suite.settings.prefix
        for row in self.natural.to_dict("records"):
            if row["window"] == IN_TRAINING:
                continue
            name = str(row["window"]).replace(" ", "_").replace("/", "_")
            yield (
                f"{prefix}/natural/{name}/{row['metric']}",
                {
                    **{key: plain_number(row[key]) for key in ("value", "low", "high", "reference")},
                    "n": row["n"],
                    "note": row["note"],
                    "clean": found[f"{prefix}/clean/{row['metric']}"]["value"],
                },
            )
