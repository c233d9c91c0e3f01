"""Everything that is measured of a window, as one flat list.

N rows of a window, H days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation.click_metrics import click_metrics
from holdfast.evaluation.dwell_metrics import all_rows_dwell_metrics, dwell_metrics
from holdfast.evaluation.metric_value import MetricValue
from holdfast.evaluation.ranking_metrics import ranking_metrics
from holdfast.evaluation.retention_metrics import retention_metrics
from holdfast.evaluation.settings import EvaluationSettings

__all__ = [
    "AllRowsDwell",
    "ClickRows",
    "DwellRows",
    "EvaluationSettings",
    "MetricValue",
    "RankingRows",
    "RetentionRows",
    "all_rows_dwell_metrics",
    "click_metrics",
    "dwell_metrics",
    "evaluate_window",
    "ranking_metrics",
    "retention_metrics",
]


@dataclass(frozen=True, kw_only=True)
class ClickRows:
    """Arguments of ``click_metrics``, which documents them; ``users`` is the same for all objectives."""

    probability: Floats
    value: Floats
    known: Bools
    weight: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class DwellRows:
    """Arguments of ``dwell_metrics``, which documents them."""

    predicted_seconds: Floats
    value: Floats
    event: Bools
    known: Bools
    crps_seconds: Floats | None = None
    log_score: Floats | None = None
    weight: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class AllRowsDwell:
    """Arguments of ``all_rows_dwell_metrics``, which documents them."""

    predicted_seconds: Floats
    value: Floats
    event: Bools
    known: Bools
    crps_seconds: Floats | None = None
    weight: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class RetentionRows:
    """Arguments of ``retention_metrics``, which documents them."""

    return_probability_by_day: Floats
    value: Floats
    event: Bools
    follow_up_days: Ints
    user_days: Ints
    days: Ints
    baseline_by_day: Floats | None = None
    weight: Floats | None = None


@dataclass(frozen=True, kw_only=True)
class RankingRows:
    """Arguments of ``ranking_metrics``, which documents them."""

    score: Floats
    gains: Mapping[str, Floats]
    requests: Ints
    weight: Floats | None = None


def evaluate_window(
    *,
    users: Ints,
    settings: EvaluationSettings,
    click: ClickRows | None = None,
    dwell: DwellRows | None = None,
    all_rows_dwell: AllRowsDwell | None = None,
    retention: RetentionRows | None = None,
    ranking: RankingRows | None = None,
) -> list[MetricValue]:
    """Measure the objectives that are given.

    Args:
        users: integer code of each row's user, ``[N]``.
        settings: resamples, horizons and cutoffs.
        click: None where the log or the model has no clicks; likewise the others.
        dwell: see ``click``.
        all_rows_dwell: None where nothing says how likely an opening is.
        retention: see ``click``.
        ranking: see ``click``.

    Returns:
        Metrics in the order click, dwell, retention, ranking, each with its weighted version after it if its
        rows have weights. Names are unique. Empty where nothing is given.
    """
    bootstrap = settings.bootstrap
    results: list[MetricValue] = []
    if click is not None:
        results += click_metrics(
            **vars(click), users=users, bootstrap=bootstrap, num_bins=settings.calibration_bins
        )
    if dwell is not None:
        results += dwell_metrics(**vars(dwell), users=users, bootstrap=bootstrap)
    if all_rows_dwell is not None:
        results += all_rows_dwell_metrics(**vars(all_rows_dwell), users=users, bootstrap=bootstrap)
    if retention is not None:
        results += retention_metrics(
            **vars(retention), users=users, horizons=settings.retention_days, bootstrap=bootstrap
        )
    if ranking is not None:
        results += ranking_metrics(
            **vars(ranking), users=users, cutoffs=settings.cutoffs, bootstrap=bootstrap
        )
    return results
