"""Stress a ranker from Python, without a run's folder: rows in, tables and the score out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from holdfast.app.stressing.building import sliced_features
from holdfast.app.stressing.clock import Clock
from holdfast.app.stressing.conditions import Resampler
from holdfast.app.stressing.evidence import Evidence
from holdfast.app.stressing.reference import fit_reference
from holdfast.app.stressing.runner import Progress, run_suite
from holdfast.app.stressing.scene import Scene
from holdfast.app.stressing.settings import StressSettings
from holdfast.app.stressing.suite import check_suite, fitting_suite
from holdfast.app.stressing.summary import summary_of
from holdfast.app.stressing.tables import StressTables
from holdfast.app.stressing.yardstick import fingerprint_of_windows, yardstick_of
from holdfast.core.protocols import Fusion
from holdfast.data.card import DatasetCard
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.data.preparation import PreparedWindow
from holdfast.drift.injector import Injector
from holdfast.drift.rows import drift_rows
from holdfast.evaluation.evaluate import EvaluationSettings
from holdfast.evaluation.recency_frequency import RecencyFrequencyBaseline
from holdfast.models.ranker import Ranker


@dataclass(frozen=True)
class Stressed:
    """What stress left.

    Attributes:
        tables: by name, and metrics.
        summary: score with its parts, worst cases, half-lives, what was left out, cost.
    """

    tables: StressTables
    summary: dict[str, Any]


def stress_ranker(
    ranker: Ranker,
    ladders: Mapping[str, Injector],
    *,
    train: EncodedWindow,
    window: PreparedWindow,
    encoder: Encoder,
    fusion: Fusion,
    card: DatasetCard,
    observed_until: pd.Timestamp,
    horizon_days: int,
    settings: StressSettings | None = None,
    evaluation: EvaluationSettings | None = None,
    progress: Progress | None = None,
) -> Stressed:
    """Climb ladders of drift with a trained ranker, beside the reference fitted on its train window.

    Args:
        ranker: trained.
        ladders: injectors by name.
        train: the encoded train window, which the reference is fitted on.
        window: the clean window that drift is put into; see ``data.preparation.prepare_window``.
        encoder: fitted on clean train rows; drifted rows pass it as it is.
        fusion: of the ranker's scores; see ``Scene`` for the reference's.
        card: of the log.
        observed_until: the moment as of which the window's outcomes are known, in UTC.
        horizon_days: days of absence that labels tell apart.
        settings: severities and seeds; a single seed at all severities by default.
        evaluation: resamples, level, horizons and cutoffs.
        progress: told before each scenario.

    Raises:
        UserError: no ladder fits the rows, or one is held out and the settings are not.
    """
    clock = Clock()
    settings = settings or StressSettings(name="library", seeds=[0])
    evaluation = evaluation or EvaluationSettings()
    check_suite(ladders, settings)
    clean = drift_rows(window.rows, features=encoder.features, card=card, observed_until=observed_until)
    scene = Scene(
        ranker=ranker,
        reference=fit_reference(
            train, habit=_habit(train, horizon_days=horizon_days), horizon=min(evaluation.retention_days)
        ),
        fusion=fusion,
        encoder=encoder,
        window=window.encoded,
        clean=clean,
        horizon=min(evaluation.retention_days),
        horizon_days=horizon_days,
        cutoff=evaluation.cutoffs[0],
        resampler=Resampler(num_resamples=evaluation.num_resamples, seed=evaluation.seed),
    )
    suite = fitting_suite(ladders, settings, clean, in_world=False)
    results = run_suite(scene, suite, slices=sliced_features(clean, settings.slices), progress=progress)
    evidence = Evidence(results, scene.resampler, int(train.day.max()))
    encoded = {"train": train, "judged": window.encoded}
    yardstick = yardstick_of(
        evidence,
        scene,
        data=fingerprint_of_windows(encoded),
        windows={
            name: {"first_day": int(each.day.min()), "last_day": int(each.day.max())}
            for name, each in encoded.items()
        },
    )
    tables = StressTables(evidence, evaluation.level)
    summary = summary_of(evidence, yardstick=yardstick, level=evaluation.level)
    tables.by_name()  # made now, so that the cost holds them
    return Stressed(tables, {**summary, "cost": clock.cost(scene.seconds.spent, **results.cost)})


def _habit(train: EncodedWindow, *, horizon_days: int) -> RecencyFrequencyBaseline | None:
    if "retention" not in train.objectives:
        return None
    index = train.index_of("retention")
    return RecencyFrequencyBaseline.fit(
        train.recency_days,
        train.active_days_7,
        train.value[:, index],
        train.event[:, index],
        train.known[:, index],
        horizon_days=horizon_days,
        weight=train.spread[:, index],
    )
