"""Climbing a suite's ladders: scenario by scenario, each kept when it is done."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.app.stressing.conditions import Conditions, load_conditions
from holdfast.app.stressing.scene import Scene
from holdfast.app.stressing.strength import StrengthMeter
from holdfast.app.stressing.suite import Scenario, Suite, drift_words
from holdfast.app.stressing.world_window import DriftedWorld
from holdfast.core.errors import UserError
from holdfast.drift.injector import Injector
from holdfast.drift.world_drift import WorldDrift

ONE_WORLD = (
    "the world ran again under its own seed, once a severity: the chance of users is in the interval, that "
    "of another world is not"
)

Progress = Callable[[int, int, Scenario], None]
"""Called with scenarios done, all scenarios, and the one that comes next."""


@dataclass(frozen=True)
class SuiteResults:
    """What a suite measured.

    Attributes:
        suite: its ladders.
        clean: the clean window.
        scenarios: by name of the ladder, severity and seed.
        days: the clean window day by day, by days since 1970-01-01.
        later_days: days after the window, with the same model, if the log has any.
        slices: values of categorical features on the clean window, ``feature=value``.
        slices_left_out: slices with too few rows.
        natural: other windows that nobody made drift in, such as markets held out of training, by name.
        cost: how many ``scenarios`` there are, and ``scenarios_there_already``; the seconds are added when
            the tables are written.
    """

    suite: Suite
    clean: Conditions
    scenarios: dict[tuple[str, int, int], Conditions]
    days: dict[int, Conditions]
    later_days: dict[int, Conditions]
    slices: dict[str, Conditions]
    slices_left_out: int
    natural: dict[str, Conditions]
    cost: dict[str, Any]


def run_suite(
    scene: Scene,
    suite: Suite,
    *,
    folder: Path | None = None,
    fingerprint: str = "",
    worlds: DriftedWorld | None = None,
    slices: Sequence[str] = (),
    later_days: Mapping[int, Conditions] | None = None,
    natural: Mapping[str, Conditions] | None = None,
    progress: Progress | None = None,
) -> SuiteResults:
    """Measure a ranker and the reference in every scenario, on every day and in every slice.

    Args:
        scene: ranker and clean window.
        suite: what to climb.
        folder: where each scenario's result is kept as it comes; None for nowhere. What is there already
            under the same fingerprint is not measured again.
        fingerprint: of everything that the results depend on beside the scenarios.
        worlds: for true drift; needed where the suite has any.
        later_days: as measured already.
        natural: other windows, as measured already.
        slices: categorical features whose values are judged apart.
        progress: told before each scenario.
    """
    meter = StrengthMeter(scene, rows=suite.settings.strength_rows, worlds=worlds)
    kept = None if folder is None else folder / fingerprint
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    scenarios = list(suite.scenarios())
    found: dict[tuple[str, int, int], Conditions] = {}
    num_there = 0
    for done, scenario in enumerate(scenarios):
        if progress is not None:
            progress(done, len(scenarios), scenario)
        path = None if kept is None else kept / f"{scenario.key}.npz"
        # One seed says how strong a rung is: the others are as strong up to chance.
        metered = meter if scenario.seed == suite.seeds_of(scenario.name)[0] else None
        conditions = None if path is None else _kept(path)
        if conditions is None or (metered is not None and not metered.has_measured(conditions.about)):
            conditions = _measure(scene, scenario, worlds, metered)
            if path is not None:
                with scene.seconds.on("writing"):
                    conditions.save(path)
        else:
            num_there += 1
        found[scenario.name, scenario.severity, scenario.seed] = conditions
    clean = scene.in_clean_conditions()
    day = scene.judged.day
    days = {int(each): scene.in_clean_conditions(np.flatnonzero(day == each)) for each in np.unique(day)}
    by_slice, left_out = _slices(scene, slices, least_rows=suite.settings.least_rows)
    return SuiteResults(
        suite=suite,
        clean=clean,
        scenarios=found,
        days=days,
        later_days=dict(later_days or {}),
        slices=by_slice,
        slices_left_out=left_out,
        natural=dict(natural or {}),
        cost={"scenarios": len(scenarios), "scenarios_there_already": num_there},
    )


def _measure(
    scene: Scene, scenario: Scenario, worlds: DriftedWorld | None, meter: StrengthMeter | None
) -> Conditions:
    """One rung, and how strong it came out where ``meter`` is given."""
    drift = scenario.drift
    about: dict[str, Any]
    if isinstance(drift, WorldDrift):
        if worlds is None:
            raise UserError(f"{scenario.name} is true drift, and there is no world to run again")
        with scene.seconds.on("worlds"):
            world = worlds.window(drift, severity=scenario.severity)
        predictions = scene.predicted(world.encoded)
        conditions = scene.elsewhere(world.encoded, world.rows, world.users, predictions=predictions)
        about = {
            "rows": len(world.rows),
            "strength": drift.strengths[scenario.severity - 1],
            "notes": [ONE_WORLD],
        }
        if meter is not None:
            about |= meter.of_world(world, predictions)
    else:
        with scene.seconds.on("injecting"):
            drifted = drift.inject(scene.clean, severity=scenario.severity, seed=scenario.seed)
            strength = drift.strength_of(scene.clean, drifted)
        encoded = scene.encoded(drifted)
        conditions = scene.under(drifted, encoded=encoded)
        about = {
            "rows": len(drifted.rows),
            "strength": float(strength) if np.isfinite(strength) else None,
            "notes": [*drifted.notes, *_still_a_surrogate(drift, worlds)],
            "figures": {name: float(each) for name, each in drifted.figures.items() if np.isfinite(each)},
        }
        if meter is not None:
            about |= meter.of_rows(drifted, encoded)
    return Conditions(conditions.model, conditions.reference, conditions.counts, conditions.undefined, about)


def _still_a_surrogate(drift: Injector, worlds: DriftedWorld | None) -> list[str]:
    """On a world's log one expects true drift."""
    if worlds is None or drift_words(drift) != "surrogate":
        return []
    return ["a surrogate on a world's log too: no true drift stands in for it (stress.in_worlds)"]


def _kept(path: Path) -> Conditions | None:
    """A result that is there; None where it is not, or is damaged and has to be measured again."""
    if not path.is_file():
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
        return load_conditions(path)
    return None


def _slices(scene: Scene, features: Sequence[str], *, least_rows: int) -> tuple[dict[str, Conditions], int]:
    found: dict[str, Conditions] = {}
    left_out = 0
    for name in features:
        values = scene.clean.rows[name].astype("string").fillna("missing")
        for value, rows in sorted(values.groupby(values).indices.items()):
            if len(rows) < least_rows:
                left_out += 1
                continue
            found[f"{name}={value}"] = scene.in_clean_conditions(np.asarray(rows, dtype=np.int64))
    return found, left_out


def fingerprint_of(**parts: Any) -> str:
    """A short hash of plain values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
