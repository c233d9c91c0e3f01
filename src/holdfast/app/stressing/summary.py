"""What a reader looks at first: the score with its parts, worst cases, half-lives, what was left out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from holdfast.app.stressing.corruption import corruption_errors
from holdfast.app.stressing.evidence import Evidence, interval
from holdfast.app.stressing.suite import drift_words, family_of, kind_of
from holdfast.app.stressing.yardstick import Yardstick
from holdfast.core.arrays import Floats
from holdfast.evaluation.robustness.curves import worst
from holdfast.evaluation.robustness.decay import half_life
from holdfast.evaluation.robustness.ship_score import DECAY_WEIGHT, PARTS, WORST_WEIGHT, ShipScore

OTHER_WORST_WEIGHTS = (0.0, 0.5)
"""Asked to see whether a conclusion depends on what the worst case counts."""


def summary_of(evidence: Evidence, *, yardstick: Yardstick, level: float) -> dict[str, Any]:
    """In plain containers, for ``stress.json``."""
    results = evidence.results
    suite = results.suite
    return {
        "suite_fingerprint": yardstick.fingerprint,
        "yardstick": dict(yardstick.parts),
        "suite": suite.settings.name,
        "held_out": suite.settings.held_out,
        "severities": list(suite.settings.severities),
        "seeds": list(suite.settings.seeds),
        "level": level,
        "num_resamples": evidence.resampler.num_resamples,
        "ladders": {
            name: {
                "kind": kind_of(drift),
                "family": str(family_of(drift)),
                "drift": drift_words(drift),
                "scored": name in evidence.scored_ladders,
                "notes": _notes(evidence, name),
            }
            for name, drift in suite.ladders.items()
        },
        "left_out": dict(suite.left_out),
        "undefined": evidence.undefined(),
        "qualities": evidence.quality_of,
        "not_scored": [output for output in evidence.quality_of if output not in evidence.outputs],
        "ship_score": _ship_score(evidence, level=level),
        "worst": {output: _worst(evidence, output) for output in evidence.outputs},
        "half_life": {output: _half_life(evidence, output, level=level) for output in evidence.quality_of},
        "corruption_error": {output: _errors(evidence, output, level=level) for output in evidence.outputs},
        "slices_left_out": results.slices_left_out,
        "cost": results.cost,
    }


def _notes(evidence: Evidence, name: str) -> list[str]:
    """What the drift says of itself at its highest severity."""
    suite = evidence.results.suite
    key = (name, suite.settings.severities[-1], suite.seeds_of(name)[0])
    return list(evidence.results.scenarios[key].about.get("notes", ()))


def _ship_score(evidence: Evidence, *, level: float) -> dict[str, Any] | None:
    scored = evidence.ship_score()
    if scored is None:
        return None
    total, by_output = scored
    others = {}
    for weight in OTHER_WORST_WEIGHTS:
        other = evidence.ship_score(worst_weight=weight)
        assert other is not None
        others[f"{weight:g}"] = float(other[0].value[0])
    return {
        **_parts(total, level=level),
        "by_output": {output: _parts(each, level=level) for output, each in by_output.items()},
        "worst_weight": WORST_WEIGHT,
        "decay_weight": DECAY_WEIGHT,
        "without_decay": [name for name, each in evidence.outputs.items() if not each.judges_decay],
        "with_other_worst_weights": others,
    }


def _parts(score: ShipScore, *, level: float) -> dict[str, Any]:
    return {
        **_number(score.value, level=level),
        "parts": {part: _number(score.part(part), level=level) for part in PARTS},
    }


def _number(values: Floats, *, level: float) -> dict[str, float | None]:
    value, low, high = interval(values, level=level)
    return {"value": value, "low": low, "high": high}


def _worst(evidence: Evidence, output: str) -> dict[str, Any]:
    """Where the lift is smallest: of all rungs, days and slices; None where none of them is defined."""
    lift = evidence.lift_of(output)
    suite = evidence.results.suite

    def smallest(values: dict[str, Floats | None]) -> dict[str, Any] | None:
        found = worst({name: None if each is None else float(each[0]) for name, each in values.items()})
        return None if found is None else {"name": found[0], "lift": found[1]}

    return {
        "scenario": smallest(
            {
                f"{name}, severity {severity}": evidence.at(name, severity, lift)
                for name in evidence.scored_ladders
                for severity in suite.settings.severities
            }
        ),
        "day": smallest(
            {
                f"day {day - evidence.last_train_day} after training": lift(each)
                for day, each in evidence.results.days.items()
            }
        ),
        "slice": smallest({name: lift(each) for name, each in evidence.results.slices.items()}),
    }


def _half_life(evidence: Evidence, output: str, *, level: float) -> dict[str, Any] | None:
    """Of the skill: half of what the model knows beyond chance."""
    days, values, rows = evidence.by_day(evidence.skill_of(output), later=True)
    if np.unique(days).size < 2:
        return None
    found = half_life(days, values, weight=rows, level=level)
    return None if found is None else asdict(found)


def _errors(evidence: Evidence, output: str, *, level: float) -> dict[str, Any]:
    """mCE and relative mCE over the ladders that are scored, and the ladders that have no ratio."""
    found = corruption_errors(evidence, output, names=evidence.scored_ladders, level=level)
    return {
        "mean": found.mean,
        "relative_mean": found.relative_mean,
        "num_ladders": len(found.by_corruption) + len(found.undefined),
        "without_a_ratio": list(found.undefined),
        "without_a_relative_ratio": list(found.relative_undefined),
    }
