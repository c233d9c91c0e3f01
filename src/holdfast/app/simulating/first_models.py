"""The models that serve first in a world: the run's own, or in another world others trained the same way."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.app.composition import Plan
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.simulating.arena import Arena
from holdfast.app.simulating.served_features import ServedFeatures
from holdfast.app.simulating.training import Trained, Trainer
from holdfast.core.files import read_json, write_json
from holdfast.core.random import derive_seed
from holdfast.models.ranker import Ranker

RECIPE = "recipe.json"


@dataclass
class FirstModels:
    """Made when they are first asked for, and kept in files for whoever comes later.

    Attributes:
        plan: of the run.
        arena: the world.
        own: gives the run's model, for the world of the run.
        prepared: the run's windows; of the same model.
        folder: where weights go.
        recipe: gives what the models depend on; those of another recipe are made again.
        say: what is told of the progress.
    """

    plan: Plan
    arena: Arena
    own: Callable[[], Ranker] | None
    prepared: PreparedRun
    folder: Path
    recipe: Callable[[], Mapping[str, Any]]
    say: Callable[[str], None]
    _made: dict[int, Trained] = field(default_factory=dict)

    @functools.cached_property
    def features(self) -> ServedFeatures:
        """The feature store on the first morning, with the columns of the days that a training may see."""
        window_days = self.plan.simulation.window_days
        features = ServedFeatures(self.plan.history, self.arena.publication, keep_days=window_days)
        logged = {day.day: day for day in self.arena.morning.logged}
        for number in range(self.arena.first_day):
            features.observe(number, logged.get(number))
        return features

    def of(self, members: int) -> Trained:
        """As many models, trained on the same rows."""
        if members not in self._made:
            self._made[members] = self._found_or_made(members)
        return self._made[members]

    def _found_or_made(self, members: int) -> Trained:
        if self.own is not None and members == 1:
            return Trained(self.prepared.encoder(), (self.own(),), (self.plan.fusion,))
        trainer = Trainer(self.plan, members, self.say)
        folder = self.folder / f"members_{members}"
        wanted, written = dict(self.recipe()), folder / RECIPE
        if written.is_file() and read_json(written) == wanted:
            return trainer.load(folder)
        written.unlink(missing_ok=True)
        made = self._around_the_runs_own(trainer, folder) if self.own else self._anew(trainer, folder)
        write_json(written, wanted)
        return made

    def _around_the_runs_own(self, trainer: Trainer, folder: Path) -> Trained:
        assert self.own is not None
        windows = (self.prepared.window(name) for name in ("train", "validation"))
        return trainer.more_members(self.own(), self.prepared.encoder(), *windows, folder=folder)

    def _anew(self, trainer: Trainer, folder: Path) -> Trained:
        """As the run's own were: on the same days of this world, with what was known of them at the time.

        A model that had seen later days would be another treatment, and no replicate.
        """
        arena, bounds = self.arena, self.prepared.bounds
        log = arena.publication.log(arena.morning.logged, until_day=arena.first_day)
        seed = derive_seed(self.plan.settings.seed, "first model", arena.seed)
        windows = bounds["train"], bounds["validation"]
        return trainer.anew(log, self.plan.history, windows=windows, folder=folder, seed=seed)
