"""A simulation from its settings to its tables: every contender in every world."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.console import ProgressLine
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.run_folder import RunFolder
from holdfast.app.simulating.arena import Arena, arena_of
from holdfast.app.simulating.contender_folder import FIRST_MODELS, ContenderFolder
from holdfast.app.simulating.contenders import (
    BundleModel,
    ContenderSettings,
    TrainedModel,
    need_the_runs_model,
)
from holdfast.app.simulating.first_models import FirstModels
from holdfast.app.simulating.model_server import (
    ModelServer,
    RetrainedServer,
    bundle_models,
    opened,
    outputs_of,
    row_models,
)
from holdfast.app.simulating.scene import Scene
from holdfast.app.simulating.server import FixedServer, Server
from holdfast.app.simulating.serving import serve
from holdfast.app.simulating.tables import SimulationTables, simulation_tables
from holdfast.app.simulating.training import Trainer
from holdfast.models.ranker import Ranker
from holdfast.simulation.day_figures import DayFigures


@dataclass
class Simulation:
    """Every contender in every world, each going on where it stopped.

    Attributes:
        plan: of the run.
        scene: worked out of it.
        folder: of the run.
        prepared: what the stage prepare left.
        trained: gives the run's model.
        line: where progress is shown.
    """

    plan: Plan
    scene: Scene
    folder: RunFolder
    prepared: PreparedRun
    trained: Callable[[], Ranker]
    line: ProgressLine

    def run(
        self,
        *,
        resume: bool,
        told: Callable[[int, str, pd.DataFrame], None],
        lost: Callable[[int, str, str], None],
    ) -> SimulationTables:
        """Serve what is left to be served, and put the figures together.

        Contenders that do not take part this time keep what they have.

        Args:
            resume: go on with what lies in the folder, where it was made by the same settings.
            told: called with seed, contender and days when a contender is done.
            lost: called with seed, contender and the reason where what it had served before is thrown away.

        Raises:
            UserError: a contender broke its contract or could not be trained; what was done stays.
        """
        worlds = {seed: _World(self, seed) for seed in self.scene.seeds}
        # All at once and first: what is stopped half-way goes on with nothing that was to be done again.
        for seed, world in worlds.items():
            for name, why in world.begin(resume=resume):
                lost(seed, name, why)
        days: dict[tuple[int, str], pd.DataFrame] = {}
        calibration: dict[tuple[int, str], pd.DataFrame] = {}
        for seed in list(worlds):
            world = worlds.pop(seed)  # the memory of a world that is done goes back
            for name, contender in self.plan.contenders.items():
                place = world.serve(name, contender)
                days[seed, name], calibration[seed, name] = place.figures(), place.calibration()
                told(seed, name, days[seed, name])
        return simulation_tables(
            days,
            calibration,
            value=self.plan.simulation.value,
            oracle=self.scene.oracle,
            reference=self.scene.reference,
            level=self.plan.simulation.level,
        )

    def others(self) -> list[str]:
        """Contenders that left something in a world of this run and do not take part now, by name."""
        names = {path.parent.name for path in self.folder.simulation.glob("seed_*/*/days.parquet")}
        return sorted(names - set(self.plan.contenders))

    def is_the_runs_world(self, seed: int) -> bool:
        """Whether the run's own log came from it."""
        return seed == self.scene.world.seed


class _World:
    """All contenders of one seed."""

    def __init__(self, simulation: Simulation, seed: int) -> None:
        self._simulation, self._plan = simulation, simulation.plan
        self._folder = simulation.folder.simulation / f"seed_{seed}"
        settings = self._plan.simulation
        self._arena: Arena = arena_of(
            simulation.scene.world,
            seed=seed,
            first_day=simulation.scene.first_day,
            num_days=settings.num_days,
            threads=settings.threads,
        )
        self._doing, self._served, self._done_before = "", 0, 0
        self._first_models = FirstModels(
            plan=self._plan,
            arena=self._arena,
            own=simulation.trained if simulation.is_the_runs_world(seed) else None,
            prepared=simulation.prepared,
            folder=self._folder / FIRST_MODELS,
            recipe=self._recipe_of_first_models,
            say=self._training,
        )

    def begin(self, *, resume: bool) -> Iterator[tuple[str, str]]:
        """Make room for all who take part; yields whose days are thrown away, and why."""
        if not resume and need_the_runs_model(self._plan.contenders.values()):
            shutil.rmtree(self._folder / FIRST_MODELS, ignore_errors=True)
        for name, contender in self._plan.contenders.items():
            why = ContenderFolder(self._folder / name).begin(self._recipe(contender), resume=resume)
            if why is not None:
                yield name, why

    def serve(self, name: str, contender: ContenderSettings) -> ContenderFolder:
        """One contender, unless it is done; ``begin`` made room for it."""
        folder = ContenderFolder(self._folder / name)
        if folder.finished:
            return folder
        settings = self._plan.simulation
        self._doing = f"seed {self._arena.seed}, {name}"
        names, seeds = list(self._plan.contenders), self._simulation.scene.seeds
        self._done_before = seeds.index(self._arena.seed) * len(names) + names.index(name)
        self._show(0, "getting ready")
        server = self._server(name, contender, folder.models)
        first = self._arena.first_day

        def on_day(figures: DayFigures) -> None:
            served = figures.day - first + 1
            self._show(served, f"day {served}/{settings.num_days}")

        serve(
            name,
            server,
            self._arena,
            folder,
            schedule=settings.schedule(first, retrains=server.retrain is not None),
            keep_logs=settings.keep_logs,
            on_day=on_day,
        )
        return folder

    def _server(self, name: str, contender: ContenderSettings, models: Path) -> Server:
        if not contender.serves_models:
            return FixedServer(name, contender)
        shared: dict[str, Any] = {
            "publication": self._arena.publication,
            "features": self._first_models.features.copied(),
        }
        if isinstance(contender.scorer, BundleModel):
            bundles, outputs = bundle_models(contender.scorer.folders)
            return ModelServer(name, contender, models=bundles, outputs=outputs, **shared)
        assert isinstance(contender.scorer, TrainedModel)
        first = self._first_models.of(contender.scorer.members)
        # With no retraining on the schedule a contender that would retrain stays as it is.
        if not (contender.retrain and self._plan.simulation.retrain_every_days):
            return ModelServer(
                name,
                contender,
                models=row_models(first),
                outputs=outputs_of(self._plan),
                **shared,
            )
        return RetrainedServer(
            name,
            contender,
            first=first,
            trainer=Trainer(self._plan, contender.scorer.members, self._training),
            world_seed=self._arena.seed,
            folder=models,
            **shared,
        )

    def _show(self, served: int, text: str) -> None:
        self._served = served
        plan, seeds = self._plan, self._simulation.scene.seeds
        done = self._done_before + served / plan.simulation.num_days
        total = len(plan.contenders) * len(seeds)
        self._simulation.line.update(done=done / total, text=f"{self._doing}: {text}")

    def _training(self, text: str) -> None:
        self._show(self._served, f"training, {text}")

    def _recipe_of_first_models(self) -> dict[str, Any]:
        return {
            **model_recipe(self._plan, self._simulation.folder.fit),
            "world": described(asdict(self._arena.world)),
            "windows": {name: each.to_dict() for name, each in self._simulation.prepared.bounds.items()},
        }

    def _recipe(self, contender: ContenderSettings) -> dict[str, Any]:
        """All that the figures of a contender depend on."""
        settings = self._plan.simulation
        recipe: dict[str, Any] = {
            "world": described(asdict(self._arena.world)),
            "contender": described(contender),
            "first_day": self._arena.first_day,
            "num_days": settings.num_days,
            "keep_logs": settings.keep_logs,
        }
        if isinstance(contender.scorer, BundleModel):
            recipe["bundles"] = [opened(folder).identity for folder in contender.scorer.folders]
            recipe["history"] = described(self._plan.history)
        if isinstance(contender.scorer, TrainedModel):
            recipe |= model_recipe(self._plan, self._simulation.folder.fit)
            recipe |= {
                "every_days": settings.retrain_every_days if contender.retrain else 0,
                "window_days": settings.window_days,
                "start": settings.start,
                "warm_epochs": settings.warm_epochs,
            }
        return recipe


def model_recipe(plan: Plan, fit: Path) -> dict[str, Any]:
    """All that the models of a run, and those trained like it, depend on."""
    model = ("ranker", "sequence", "interaction", "mixture", "heads", "optimizer", "trainer")
    after_training = ("calibration", "fusion")
    objective = ("propensity", "weighting", "estimator", "balance")
    from holdfast.training.checkpoints import BEST  # Lightning takes seconds to import

    best = fit / BEST
    return {
        **{
            name: described(getattr(plan, name))
            for name in (*model, *after_training, *objective, "history", "encoder", "split")
        },
        "run_seed": plan.settings.seed,
        "horizon_days": plan.settings.horizon_days,
        "weights": hashlib.sha256(best.read_bytes()).hexdigest() if best.is_file() else None,
    }


def described(component: object) -> str:
    """A component with all its settings, as text; where it lies in memory is no setting."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(component))
