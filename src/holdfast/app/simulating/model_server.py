"""Trained models that serve under a contender's name, and are trained again on what they showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.app.composition import Plan
from holdfast.app.simulating.contenders import ContenderSettings
from holdfast.app.simulating.ensemble import Ensemble, RowModel, WatchedPolicy
from holdfast.app.simulating.predictions import ExpectedBack, expected_back, judged_the_same_day
from holdfast.app.simulating.served_features import ServedFeatures
from holdfast.app.simulating.server import Array, Calibration
from holdfast.app.simulating.training import Trained, Trainer, windows_until
from holdfast.core.errors import UserError
from holdfast.core.random import derive_seed
from holdfast.data.log import Log
from holdfast.serving.bundle import Bundle, load_bundle
from holdfast.serving.bundle_scorer import BundleScorer
from holdfast.serving.eager import EagerScorer
from holdfast.simulation.closed_loop import Retrain
from holdfast.simulation.policies.assembly import assembled
from holdfast.simulation.policy import Policy
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day

BACK_BY_DAY = "return_by_day"
NOT_TRAINED_AGAIN = -1


class ModelServer:
    """Models of rows with an exploration around them.

    Args:
        name: of the contender.
        settings: of the contender.
        publication: how the world writes its log.
        features: as of the first morning; this server's own.
        models: M of them.
        outputs: of the models that predict each objective, by objective.
    """

    def __init__(
        self,
        name: str,
        settings: ContenderSettings,
        *,
        publication: Publication,
        features: ServedFeatures,
        models: Sequence[RowModel],
        outputs: Mapping[str, str],
    ) -> None:
        self._name, self._settings = name, settings
        self._publication, self._features, self._outputs = publication, features, outputs
        self._expected: ExpectedBack | None = None
        self._version = 1
        self._serve(models)

    def _serve(self, models: Sequence[RowModel]) -> None:
        ensemble = Ensemble(models, self._publication, self._features.store)
        exploration: Any = self._settings.exploration
        policy = assembled(exploration, ensemble.scorers(), ranker=self._name, version=self._version)
        self._watched = WatchedPolicy(policy, ensemble, self._outputs)

    @property
    def policy(self) -> Policy:
        """Of the models as they are now."""
        return self._watched

    @property
    def retrain(self) -> Retrain | None:
        """Never."""
        return None

    def observe(self, number: int, served: Day | None) -> list[Calibration]:
        """Fill the feature store, and hold what was predicted against what happened."""
        noted = list(self._watched.noted)
        self._watched.noted.clear()
        matured: list[Calibration] = []
        if self._expected is not None:
            visitors = np.zeros(0, dtype=np.int64) if served is None else served.visits.user
            matured.append(self._expected.outcome(visitors))
        self._expected = None
        if served is not None and noted:
            matured.extend(judged_the_same_day(served, noted))
            self._expected = expected_back(served, noted)
        self._features.observe(number, served)
        return matured

    def kept(self) -> dict[str, Array]:
        """Who is expected back, and which version serves."""
        kept = {"version": np.asarray(self._version)}
        if self._expected is not None:
            kept["expected_day"] = np.asarray(self._expected.day)
            kept["expected_user"], kept["expected_chance"] = self._expected.user, self._expected.chance
        return kept

    def restore(self, kept: Mapping[str, Array], days: list[tuple[int, Day | None]]) -> None:
        """See ``Server.restore``."""
        for number, served in days:
            self._features.observe(number, served)
        self._version = int(kept["version"])
        if "expected_day" in kept:
            self._expected = ExpectedBack(
                int(kept["expected_day"]), kept["expected_user"], kept["expected_chance"]
            )


class RetrainedServer(ModelServer):
    """The run's model, trained again and again on the log that it makes.

    Args:
        name: of the contender.
        settings: of the contender.
        publication: how the world writes its log.
        features: as of the first morning, with the columns of as many days as a training sees.
        first: the models that serve first.
        trainer: trains the next ones.
        world_seed: of the world.
        folder: where models go.
    """

    def __init__(
        self,
        name: str,
        settings: ContenderSettings,
        *,
        publication: Publication,
        features: ServedFeatures,
        first: Trained,
        trainer: Trainer,
        world_seed: int,
        folder: Path,
    ) -> None:
        self._trained, self._trainer = first, trainer
        self._world_seed, self._folder = world_seed, folder
        self._trained_on = NOT_TRAINED_AGAIN
        super().__init__(
            name,
            settings,
            publication=publication,
            features=features,
            models=row_models(first),
            outputs=outputs_of(trainer.plan),
        )

    @property
    def retrain(self) -> Retrain | None:
        """On the log as of a midnight."""
        return self._train_again

    def _train_again(self, log: Log, day: int) -> Policy:
        settings = self._trainer.plan.simulation
        history = self._features.of_the_log()
        windows = windows_until(log, validation_days=self._trainer.plan.split.validation_days)
        seed = derive_seed(self._trainer.plan.settings.seed, "retrain", self._world_seed, day)
        folder = self._folder / f"day_{day:05d}"
        if settings.start == "warm":
            self._trained = self._trainer.further(
                self._trained,
                log,
                history,
                windows=windows,
                folder=folder,
                seed=seed,
                max_epochs=settings.warm_epochs,
            )
        else:
            self._trained = self._trainer.anew(log, history, windows=windows, folder=folder, seed=seed)
        self._trained_on = day
        self._version += 1
        self._serve(row_models(self._trained))
        return self.policy

    def kept(self) -> dict[str, Array]:
        """When it was trained last, too."""
        return {**super().kept(), "trained_on": np.asarray(self._trained_on)}

    def restore(self, kept: Mapping[str, Array], days: list[tuple[int, Day | None]]) -> None:
        """See ``Server.restore``."""
        super().restore(kept, days)
        self._trained_on = int(kept["trained_on"])
        if self._trained_on != NOT_TRAINED_AGAIN:
            self._trained = self._trainer.load(self._folder / f"day_{self._trained_on:05d}")
            self._serve(row_models(self._trained))


def row_models(trained: Trained) -> list[RowModel]:
    """Trained models as models of rows."""
    return [
        EagerScorer(ranker, fusion, trained.encoder)
        for ranker, fusion in zip(trained.rankers, trained.fusions, strict=True)
    ]


def outputs_of(plan: Plan) -> dict[str, str]:
    """The output of each of the run's heads that is held against the outcome of a day."""
    return _by_day({name: head.score for name, head in plan.heads.items()})


def bundle_models(folders: Sequence[str]) -> tuple[list[RowModel], dict[str, str]]:
    """Bundles as models of rows, and the output that predicts each objective."""
    bundles = [opened(folder) for folder in folders]
    heads = bundles[0].manifest["heads"]
    return [BundleScorer(each) for each in bundles], _by_day(
        {name: each["score"] for name, each in heads.items()}
    )


def opened(folder: str) -> Bundle:
    """A bundle whose every byte was checked.

    Raises:
        UserError: there is none, or it is damaged.
    """
    place = Path(folder).expanduser()
    if not place.is_dir():
        raise UserError(f"there is no bundle in {folder}; name the folder of one, such as RUN/bundle")
    return load_bundle(place)


def _by_day(scores: dict[str, str]) -> dict[str, str]:
    """What ranks, except for return: whether somebody is back the next day is what a day can tell."""
    return {name: BACK_BY_DAY if name == "retention" else output for name, output in scores.items()}
