"""One model in one seed's worlds: trained once, judged in all, which are one up to the test window."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from contenders import EVERYTHING, Study, drifting

from holdfast.app.augmenting import augmented
from holdfast.app.composition import Plan, plan
from holdfast.app.head_fitting import dwell_population, fit_heads
from holdfast.app.hydra_entry import compose
from holdfast.app.new_ranker import member_seed, new_ranker
from holdfast.app.simulating.scene import test_day
from holdfast.app.stressing.library import Stressed, stress_ranker
from holdfast.app.stressing.settings import StressSettings
from holdfast.data.card import OBJECTIVES, DatasetCard
from holdfast.data.encoder import EncoderSettings
from holdfast.data.log import Log
from holdfast.data.preparation import Prepared, PreparedWindow, prepare_window, prepare_windows
from holdfast.drift.sensors.noise import Noise
from holdfast.drift.world_drift import WorldDrift
from holdfast.models.ensemble import RankerEnsemble
from holdfast.models.ranker import Ranker
from holdfast.simulation.world import DefaultWorld
from holdfast.training.fit import fit

CALM = "no_drift"
WHOLE_SUITE = (CALM, EVERYTHING)
Record = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A seed's windows as one kind of encoder reads them.

    Attributes:
        prepared: of the world without drift; the others have the same train and validation windows.
        card: of the log.
        tests: the test window, by world.
    """

    prepared: Prepared
    card: DatasetCard
    tests: dict[str, PreparedWindow]


class Grounds:
    """Grounds of one seed at a time, each made once for all models that read them alike."""

    def __init__(self) -> None:
        self._world: DefaultWorld | None = None
        self._logs: dict[str, Log] = {}
        self._made: dict[tuple[EncoderSettings, str], Ground] = {}

    def of(self, asked: Plan) -> Ground:
        """What a plan's model is trained and judged on."""
        assert isinstance(asked.source, DefaultWorld)
        if asked.source != self._world:
            start_day = test_day(asked.split, num_days=asked.source.num_days)
            worlds = {CALM: asked.source, **drifting(asked.source, start_day=start_day)}
            self._world, self._made = asked.source, {}
            self._logs = {name: world.read() for name, world in worlds.items()}
        key = asked.encoder, repr(asked.history)
        if key not in self._made:
            self._made[key] = _prepared(asked, self._logs)
        return self._made[key]


def _prepared(asked: Plan, logs: Mapping[str, Log]) -> Ground:
    shared: dict[str, Any] = {
        "history": asked.history,
        "objectives": OBJECTIVES,
        "horizon_days": asked.settings.horizon_days,
        "dwell_population": dwell_population(asked.heads),
    }
    calm = logs[CALM]
    prepared = prepare_windows(calm, split=asked.split, encoder=asked.encoder, **shared)
    tests = {}
    for name, log in logs.items():
        check_same_past(calm, log, until=prepared.bounds["validation"].as_of)
        tests[name] = prepare_window(log, prepared.bounds["test"], encoder=prepared.encoder, **shared)
    return Ground(prepared=prepared, card=calm.card, tests=tests)


def check_same_past(one: Log, other: Log, *, until: Any) -> None:
    """Raise where two logs differ before a moment: then one training would not do for both."""
    before = [log.as_of(until).frame.reset_index(drop=True) for log in (one, other)]
    if not before[0].equals(before[1]):
        raise RuntimeError(f"worlds differ before {until}: their drift must start with the test window")


def measure(study: Study, model: str, seed: int, grounds: Grounds) -> Record:
    """All figures of one model in one seed's worlds, by name."""
    asked, last = (plan(compose(study.words(model, seed, suite=suite))) for suite in ("standard", "held_out"))
    ground = grounds.of(asked)
    start = time.process_time()
    ranker = trained(asked, ground)
    record: Record = {"seconds/fit": time.process_time() - start}
    start = time.process_time()
    judge = Judge(asked=asked, ground=ground, ranker=ranker)
    validation = PreparedWindow(
        ground.prepared.windows["validation"], ground.prepared.rows["validation"], 1.0
    )
    record |= clean_figures("validation", judge.as_it_is(validation, "validation"))
    for world, window in ground.tests.items():
        if world in WHOLE_SUITE:
            found = judge.stressed(window, asked.ladders, asked.stress)
            record |= clean_figures(world, found) | suite_figures(world, found)
        else:
            record |= clean_figures(world, judge.as_it_is(window))
    held_out = judge.stressed(ground.tests[CALM], last.ladders, last.stress)
    record |= suite_figures("held_out", held_out)
    return record | {"seconds/stress": time.process_time() - start}


def trained(asked: Plan, ground: Ground) -> Ranker:
    """The plan's model, or its several models as one, trained on the clean past."""
    prepared, seed = ground.prepared, asked.settings.seed
    learned = augmented(
        asked,
        prepared.windows["train"],
        prepared.rows["train"],
        encoder=prepared.encoder,
        card=ground.card,
        as_of=prepared.bounds["train"].as_of,
        seed=seed,
    )
    heads, members = fit_heads(asked.heads, prepared.windows["train"]), []
    for member in range(asked.robust.ensemble.members):
        own_seed = member_seed(seed, member)
        ranker = new_ranker(asked, prepared.encoder, heads, seed=own_seed)
        with tempfile.TemporaryDirectory() as folder:
            fit(
                ranker,
                learned,
                prepared.windows["validation"],
                weighting=asked.weighting,
                balance=asked.balance,
                optimizer=asked.optimizer,
                settings=asked.trainer,
                seed=own_seed,
                folder=Path(folder),
                source=asked.propensity,
                estimator=asked.estimator,
                robust=asked.robust.training,
            )
        members.append(ranker)
    return members[0] if len(members) == 1 else RankerEnsemble(members).eval()


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Asks how a trained model does in windows."""

    asked: Plan
    ground: Ground
    ranker: Ranker

    def stressed(
        self,
        window: PreparedWindow,
        ladders: Mapping[str, Any],
        settings: StressSettings,
        known_as_of: str = "test",
    ) -> Stressed:
        """A window under a suite."""
        prepared = self.ground.prepared
        return stress_ranker(
            self.ranker,
            # True drift is a matter of this study's own worlds: surrogates stand in the suites.
            {name: each for name, each in ladders.items() if not isinstance(each, WorldDrift)},
            train=prepared.windows["train"],
            window=window,
            encoder=prepared.encoder,
            fusion=self.asked.fusion,
            card=self.ground.card,
            observed_until=prepared.bounds[known_as_of].as_of,
            horizon_days=self.asked.settings.horizon_days,
            settings=replace(settings, in_worlds={}),
            evaluation=self.asked.evaluation,
        )

    def as_it_is(self, window: PreparedWindow, known_as_of: str = "test") -> Stressed:
        """A window without a suite. One has a rung at least: this one's is cheap, and nobody reads it."""
        settings = StressSettings(name="one_rung", severities=[1], seeds=[0], slices=[], strength_rows=0)
        return self.stressed(window, {"noise": Noise()}, settings, known_as_of)


def clean_figures(world: str, found: Stressed) -> Record:
    """Skill and lift of each output in a window as it is, and their means, in points."""
    curves = found.tables.curves.drop_duplicates("output").set_index("output")
    record = {
        f"{world}/{output}/{name}": float(curves.loc[output, f"clean_{name}"])
        for output in curves.index
        for name in ("skill", "lift")
    }
    for name in ("skill", "lift"):
        record[f"{world}/{name}"] = float(curves[f"clean_{name}"].mean())
    record[f"{world}/click_auc"] = 0.5 + float(curves.loc["click", "clean_skill"]) / 200.0
    return record


def suite_figures(world: str, found: Stressed) -> Record:
    """The ship score with its parts, and what is left under stress by output, kind and family of drift."""
    score = found.summary["ship_score"]
    record = {f"{world}/ship_score": score["value"]}
    record |= {f"{world}/part/{part}": each["value"] for part, each in score["parts"].items()}
    record |= {
        f"{world}/ship_score/worst_{weight}": value
        for weight, value in score["with_other_worst_weights"].items()
    }
    ladders = found.summary["ladders"]
    curves = found.tables.curves
    curves = curves[curves["scored"].fillna(False).astype(bool) & curves["area"].notna()]
    curves = curves.assign(
        stressed_lift=curves["clean_lift"] - curves["loss"],
        family=[ladders[name]["family"] for name in curves["injector"]],
    )
    for output, rows in curves.groupby("output"):
        record[f"{world}/{output}/ship_score"] = score["by_output"][output]["value"]
        record[f"{world}/{output}/stressed_skill"] = float(rows["area"].mean())
    record[f"{world}/stressed_skill"] = _over_outputs(curves, "area")
    record[f"{world}/stressed_lift"] = _over_outputs(curves, "stressed_lift")
    for column in ("kind", "family"):
        for name, rows in curves.groupby(column):
            record[f"{world}/{column}/{name}"] = _over_outputs(rows, "stressed_lift")
    record[f"{world}/num_ladders"] = float(curves["injector"].nunique())
    return record


def _over_outputs(curves: Any, column: str) -> float:
    return float(np.mean([rows[column].mean() for _, rows in curves.groupby("output")]))
