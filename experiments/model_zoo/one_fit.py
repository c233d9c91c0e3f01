"""One training of one contender in one world, and what it came to."""

from __future__ import annotations

import functools
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from measures import measured, resampled, values
from study import Study
from variants import Variant

from holdfast.app.composition import Plan, plan
from holdfast.app.head_fitting import dwell_population, fit_heads
from holdfast.app.hydra_entry import compose
from holdfast.app.new_ranker import new_ranker
from holdfast.core.files import read_json, write_json
from holdfast.data.preparation import Prepared, prepare_windows
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.models.ranker import Ranker
from holdfast.training.fit import FitResult, fit
from holdfast.training.prediction import predict
from holdfast.training.settings import OptimizerSettings

OBJECTIVES = ("click", "dwell", "retention")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training.

    Attributes:
        variant: the contender.
        seed: of the world and of the weights.
        rate: times the default learning rates.
        study: the budget.
        runs: folder of all results.
    """

    variant: Variant
    seed: int
    rate: float
    study: Study
    runs: Path

    @property
    def reported(self) -> bool:
        """Whether the test window is looked at."""
        return self.seed != self.study.tuning_seed

    @property
    def file(self) -> Path:
        """Where the result goes."""
        return self.runs / self.variant.folder / f"seed_{self.seed}" / f"rate_{self.rate:g}.json"

    @property
    def words(self) -> list[str]:
        """What to type after ``holdfast run`` for this very training."""
        return [*world_words(self.study, self.seed), *self.variant.words, *rate_words(self.rate)]

    def result(self) -> dict[str, Any] | None:
        """What was found before; None where nothing was.

        Raises:
            ValueError: the file is of another budget.
        """
        if not self.file.is_file():
            return None
        found: dict[str, Any] = read_json(self.file)
        if found["words"] != self.words or found["num_resamples"] != self.study.num_resamples:
            raise ValueError(f"{self.file} is of another budget; choose another folder with --runs")
        return found


def world_words(study: Study, seed: int) -> list[str]:
    """The configuration of a world, without a model."""
    return ["tracking=local", "trainer.accelerator=cpu", *study.words, f"data.seed={seed}", f"seed={seed}"]


def rate_words(rate: float) -> list[str]:
    """Both learning rates, times their defaults."""
    defaults = OptimizerSettings()
    return [
        f"optimizer.learning_rate={rate * defaults.learning_rate:g}",
        f"optimizer.embedding_learning_rate={rate * defaults.embedding_learning_rate:g}",
    ]


def run_job(job: Job) -> dict[str, Any]:
    """Train, measure, and write the result whole; what is done already is read."""
    found = job.result()
    if found is not None:
        return found
    torch.set_num_threads(1)
    made = plan(compose(job.words))
    prepared = prepared_world(tuple(world_words(job.study, job.seed)))
    started = time.process_time()
    ranker, result = _trained(made, prepared)
    seconds = time.process_time() - started
    rows = len(prepared.windows["train"]) * len(result.epochs)
    record: dict[str, Any] = {
        "variant": job.variant.name,
        "family": job.variant.family,
        "seed": job.seed,
        "rate": job.rate,
        "words": job.words,
        "num_resamples": job.study.num_resamples,
        "validation_loss": result.best_value,
        "best_epoch": int(result.best_epoch) + 1,
        "num_epochs": len(result.epochs),
        "num_weights": sum(each.numel() for each in ranker.parameters()),
        "fit_cpu_seconds": seconds,
        "fit_us_per_row": 1e6 * seconds / rows,
    }
    if job.reported:
        record |= _tested(ranker, made, prepared, job)
    write_json(job.file, record)
    return record


def _trained(made: Plan, prepared: Prepared) -> tuple[Ranker, FitResult]:
    heads = fit_heads(made.heads, prepared.windows["train"])
    ranker = new_ranker(made, prepared.encoder, heads, seed=made.settings.seed)
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            ranker,
            prepared.windows["train"],
            prepared.windows["validation"],
            weighting=made.weighting,
            balance=made.balance,
            optimizer=made.optimizer,
            settings=made.trainer,
            seed=made.settings.seed,
            folder=Path(folder),
            source=made.propensity,
            estimator=made.estimator,
        )
    return ranker, result


def _tested(ranker: Ranker, made: Plan, prepared: Prepared, job: Job) -> dict[str, Any]:
    """The test window, and the same users drawn for every contender of a world."""
    window = prepared.windows["test"]
    started = time.process_time()
    outputs = predict(ranker, window, fusion=made.fusion)
    seconds = time.process_time() - started
    measures = list(measured(ranker, window, outputs, made))
    bootstrap = ClusterBootstrap(num_resamples=job.study.num_resamples, seed=job.seed, level=job.study.level)
    return {
        "predict_us_per_row": 1e6 * seconds / len(window),
        "test_rows": len(window),
        "values": values(measures),
        "resampled": resampled(measures, window.user, bootstrap),
    }


@functools.lru_cache(maxsize=1)
def prepared_world(words: tuple[str, ...]) -> Prepared:
    """The windows of a world, made once for all contenders that a process trains in it."""
    made = plan(compose(list(words)))
    return prepare_windows(
        made.source.read(),
        split=made.split,
        history=made.history,
        encoder=made.encoder,
        objectives=OBJECTIVES,
        horizon_days=made.settings.horizon_days,
        dwell_population=dwell_population(made.heads),
    )
