"""Training inside a simulation: on what a log knew on the night before a day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.app.calibration.after_training import (
    Calibrated,
    fit_after_training,
    fits_after_training,
    load_calibrated,
    save_calibrated,
)
from holdfast.app.composition import Plan
from holdfast.app.head_fitting import dwell_population, fit_heads, load_heads, save_heads
from holdfast.app.new_ranker import new_ranker
from holdfast.app.prepared_run import usable_heads
from holdfast.core.errors import UserError
from holdfast.core.protocols import Fusion
from holdfast.core.random import derive_seed
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder, load_encoder
from holdfast.data.log import Log, local_day, local_midnight
from holdfast.data.preparation import History, prepare_train, prepare_window
from holdfast.data.splits import Window
from holdfast.models.ranker import Ranker
from holdfast.training.settings import TrainerSettings

if TYPE_CHECKING:  # Lightning takes seconds to import
    from holdfast.training.progress import Progress as FitProgress

ENCODER, CALIBRATED = "encoder", "calibrated"


@dataclass(frozen=True)
class Trained:
    """Members of an ensemble that were trained on the same rows."""

    encoder: Encoder
    rankers: tuple[Ranker, ...]
    fusions: tuple[Fusion, ...]
    """Of each member."""


@dataclass(frozen=True)
class Trainer:
    """Trains as the run does, on other logs.

    Attributes:
        plan: of the run: windows, model, objective, optimizer, trainer.
        members: how many models are trained, with different seeds.
        say: what is told of the progress.
    """

    plan: Plan
    members: int
    say: Callable[[str], None]

    def anew(
        self, log: Log, history: History, *, windows: tuple[Window, Window], folder: Path, seed: int
    ) -> Trained:
        """Models and an encoder that know nothing but the log.

        Args:
            log: as of a midnight.
            history: of its rows.
            windows: train, and validation, which chooses the epoch.
            folder: where weights and encoder go.
            seed: from which those of the members are derived.

        Raises:
            UserError: an outcome is known of no row, or training failed.
        """
        train, validation = windows
        objectives, _ = usable_heads(self.plan.heads, log.card)
        encoder, prepared = prepare_train(
            log,
            train,
            history=history,
            encoder=self.plan.encoder,
            objectives=objectives,
            horizon_days=self.plan.settings.horizon_days,
            dwell_population=dwell_population(self.plan.heads),
        )
        judged = self._encoded(log, validation, history, encoder)
        heads = fit_heads(self.plan.heads, prepared.encoded)
        rankers = tuple(
            new_ranker(self.plan, encoder, heads, seed=member_seed(seed, member))
            for member in range(self.members)
        )
        trainer = self._settings(self.plan.trainer.max_epochs)
        return self._fit(
            encoder, rankers, prepared.encoded, judged, folder=folder, seed=seed, settings=trainer
        )

    def further(
        self,
        before: Trained,
        log: Log,
        history: History,
        *,
        windows: tuple[Window, Window],
        folder: Path,
        seed: int,
        max_epochs: int,
    ) -> Trained:
        """The models of before, trained on; arguments and errors as of ``anew``.

        Encoder and fitted heads stay what they were: the weights mean nothing without them.
        """
        encoded = [self._encoded(log, window, history, before.encoder) for window in windows]
        # Weights are copied, because whoever else serves the models of before goes on with them.
        heads = before.rankers[0].heads
        copies = tuple(new_ranker(self.plan, before.encoder, heads, seed=0) for _ in before.rankers)
        for copy, ranker in zip(copies, before.rankers, strict=True):
            copy.load_state_dict(ranker.state_dict())
        settings = self._settings(max_epochs)
        return self._fit(before.encoder, copies, *encoded, folder=folder, seed=seed, settings=settings)

    def more_members(
        self,
        first: Ranker,
        encoder: Encoder,
        train: EncodedWindow,
        validation: EncodedWindow,
        *,
        folder: Path,
    ) -> Trained:
        """An ensemble around a model that is there, its other members trained on the same windows."""
        seed = self.plan.settings.seed
        others = tuple(
            new_ranker(self.plan, encoder, first.heads, seed=member_seed(seed, member))
            for member in range(1, self.members)
        )
        settings = self._settings(self.plan.trainer.max_epochs)
        return self._fit(
            encoder,
            (first, *others),
            train,
            validation,
            folder=folder,
            seed=seed,
            settings=settings,
            trained_already=1,
        )

    def load(self, folder: Path) -> Trained:
        """The models that one of the other methods left in a folder."""
        from holdfast.training.checkpoints import load_best

        encoder = load_encoder(folder / ENCODER)
        rankers, fusions = [], []
        objectives = tuple((folder / "objectives.txt").read_text(encoding="utf-8").split())
        heads = load_heads(folder, self.plan.heads, objectives)
        for member in range(self.members):
            ranker = new_ranker(self.plan, encoder, heads, seed=0)
            place = _member_folder(folder, member)
            ranker.load_state_dict(load_best(place))
            calibrated = Calibrated(None, self.plan.fusion, {})
            if fits_after_training(self.plan):
                calibrated = load_calibrated(place / CALIBRATED, self.plan)
            ranker.calibration = calibrated.calibration
            rankers.append(ranker.eval())
            fusions.append(calibrated.fusion)
        return Trained(encoder, tuple(rankers), tuple(fusions))

    def _encoded(self, log: Log, window: Window, history: History, encoder: Encoder) -> EncodedWindow:
        return prepare_window(
            log,
            window,
            history=history,
            encoder=encoder,
            objectives=usable_heads(self.plan.heads, log.card)[0],
            horizon_days=self.plan.settings.horizon_days,
            dwell_population=dwell_population(self.plan.heads),
        ).encoded

    def _settings(self, max_epochs: int) -> TrainerSettings:
        """Those of the run in one process: the others of a distributed run are long gone."""
        return replace(self.plan.trainer, max_epochs=max_epochs, devices=1, num_nodes=1, strategy="auto")

    def _fit(
        self,
        encoder: Encoder,
        rankers: Sequence[Ranker],
        train: EncodedWindow,
        validation: EncodedWindow,
        *,
        folder: Path,
        seed: int,
        settings: TrainerSettings,
        trained_already: int = 0,
    ) -> Trained:
        """Train each member, and then calibrate it and learn its fusion as the run does."""
        from holdfast.training.checkpoints import LAST, save_weights
        from holdfast.training.fit import fit

        plan = self.plan
        fusions: list[Fusion] = []
        for member, ranker in enumerate(rankers):
            place = _member_folder(folder, member)
            if member < trained_already:
                save_weights(ranker.state_dict(), place)
                # The plan of a simulation has the fusion that the run's own model is served with.
                fusions.append(self._keep(place, Calibrated(ranker.calibration, plan.fusion, {})))
                continue
            fit(
                ranker,
                train,
                validation,
                weighting=plan.weighting,
                balance=plan.balance,
                optimizer=plan.optimizer,
                settings=settings,
                seed=member_seed(seed, member),
                folder=place,
                source=plan.propensity,
                estimator=plan.estimator,
                on_progress=self._progress(member),
            )
            (place / LAST).unlink(missing_ok=True)
            fitted = fit_after_training(plan, ranker, train, validation, encoder)
            fusions.append(self._keep(place, fitted))
        encoder.save(folder / ENCODER)
        save_heads(folder, rankers[0].heads)
        objectives = " ".join(rankers[0].objectives)
        (folder / "objectives.txt").write_text(objectives, encoding="utf-8")
        return Trained(encoder, tuple(rankers), tuple(fusions))

    def _keep(self, place: Path, calibrated: Calibrated) -> Fusion:
        if fits_after_training(self.plan):
            save_calibrated(place / CALIBRATED, self.plan, calibrated)
        return calibrated.fusion

    def _progress(self, member: int) -> Callable[[FitProgress], None]:
        which = f"member {member + 1}/{self.members}, " if self.members > 1 else ""

        def tell(progress: FitProgress) -> None:
            epoch = min(progress.epoch + 1, progress.num_epochs)
            self.say(f"{which}epoch {epoch}/{progress.num_epochs}")

        return tell


def member_seed(seed: int, member: int) -> int:
    """The seed of a member of an ensemble; the first one's is the ensemble's."""
    return seed if member == 0 else derive_seed(seed, "member", member)


def windows_until(log: Log, *, validation_days: int) -> tuple[Window, Window]:
    """Train and validation: the last days judge, and of both is known what the log knows.

    There is no gap between the two: a return that is not known yet is censored, not negative.

    Raises:
        UserError: the log is too short to hold both.
    """
    zone, end = log.card.time_zone, log.observed_until
    last = local_day(end, zone)
    first = int(log.local_days().min()) if len(log) else last
    cut = last - validation_days
    if first >= cut:
        raise UserError(
            f"training needs more than the {validation_days} days of split.validation_days, and the log "
            f"holds {last - first}; serve longer before the first training, or raise simulation.window_days"
        )
    middle = local_midnight(cut, zone)
    train = Window(name="train", start=local_midnight(first, zone), end=middle, as_of=end)
    return train, Window(name="validation", start=middle, end=end, as_of=end)


def _member_folder(folder: Path, member: int) -> Path:
    return folder / f"member_{member}"
