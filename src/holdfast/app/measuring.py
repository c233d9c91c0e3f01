"""From a trained ranker to everything that is measured of it.

N rows of a window, H days.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.dwell_measuring import dwell_rows
from holdfast.app.head_fitting import dwell_population
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.ranking_measuring import ranking_rows
from holdfast.core.arrays import Floats
from holdfast.core.protocols import Head
from holdfast.core.return_head import ReturnHead
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.calibration_tables import calibration_by_decile
from holdfast.evaluation.daily import click_by_day, dwell_by_day, retention_by_day
from holdfast.evaluation.evaluate import (
    AllRowsDwell,
    ClickRows,
    DwellRows,
    RetentionRows,
    evaluate_window,
)
from holdfast.evaluation.metric_value import MetricValue
from holdfast.evaluation.recency_frequency import RecencyFrequencyBaseline
from holdfast.evaluation.retention_metrics import matured_user_days
from holdfast.models.ranker import Ranker
from holdfast.objectives.propensities.source import FittedSource

DAYS_OF_FREQUENCY = 7
MEASURED_WINDOWS = ("validation", "test")
"""Choose on validation, report on test."""


@dataclass(frozen=True)
class RunEvaluation:
    """What was measured, and of which predictions.

    Attributes:
        metrics: by stable name.
        tables: by file name.
        outputs: of the model by name, with the fused score, for each window.
    """

    metrics: dict[str, dict[str, Any]]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    outputs: dict[str, dict[str, Floats]] = field(default_factory=dict)


def evaluate_run(prepared: PreparedRun, ranker: Ranker, plan: Plan) -> RunEvaluation:
    """Measure validation and test, unweighted and, where there are propensities, weighted."""
    from holdfast.training.propensities import fit_source

    baseline = habit_baseline(prepared, plan)
    propensities = fit_source(plan.propensity, prepared.window("train"))
    metrics: dict[str, dict[str, Any]] = {}
    tables: dict[str, pd.DataFrame] = {}
    outputs: dict[str, dict[str, Floats]] = {}
    for name in MEASURED_WINDOWS:
        measured = _Measured(prepared.window(name), ranker, plan, baseline, propensities)
        outputs[name] = measured.outputs
        metrics |= {f"{name}/{each.name}": _entry(each) for each in measured.metrics()}
        if name == "test":
            tables = {
                **measured.calibration(),
                "daily": measured.daily(),
                "predictions_test": measured.table(),
            }
    return RunEvaluation(metrics, tables, outputs)


def _entry(metric: MetricValue) -> dict[str, Any]:
    return {key: value for key, value in metric.to_dict().items() if key != "name"}


def habit_baseline(prepared: PreparedRun, plan: Plan) -> RecencyFrequencyBaseline | None:
    """Return by recency and frequency alone, fitted on the train window; None where no return is known."""
    if "retention" not in prepared.objectives:
        return None
    train = prepared.window("train")
    index = train.index_of("retention")
    # In the first week of a log nobody has a past yet; a baseline fitted on it would be easy to beat.
    settled = train.day >= prepared.summary["log"]["first_day"] + DAYS_OF_FREQUENCY
    known = train.known[:, index] & settled
    if not known.any():
        known = train.known[:, index]
    return RecencyFrequencyBaseline.fit(
        train.recency_days,
        train.active_days_7,
        train.value[:, index],
        train.event[:, index],
        known,
        horizon_days=plan.settings.horizon_days,
        weight=train.spread[:, index],
    )


def predicted_days(head: Head | None, *, horizon_days: int) -> tuple[int, ...]:
    """The days d, ascending, for which a head of return predicts the chance to be back within d days."""
    if isinstance(head, ReturnHead):
        return head.predicted_days
    return tuple(range(1, horizon_days + 1))


class _Measured:
    """One window, predicted."""

    def __init__(
        self,
        window: EncodedWindow,
        ranker: Ranker,
        plan: Plan,
        baseline: RecencyFrequencyBaseline | None,
        propensities: FittedSource,
    ) -> None:
        from holdfast.training.prediction import predict
        from holdfast.training.propensities import metric_weights

        self.window, self.plan, self.baseline = window, plan, baseline
        self.outputs = predict(ranker, window, fusion=plan.fusion)
        self.scores = {name: self.outputs[head.score] for name, head in ranker.heads.items()}
        self.population, self.ranker = dwell_population(ranker.heads), ranker
        horizon = plan.settings.horizon_days
        self.days = predicted_days(ranker.heads.get("retention"), horizon_days=horizon)
        self.weights = metric_weights(window, propensities, plan.weighting)

    def _weight(self, objective: str) -> Floats | None:
        """Propensity weights without the spread of a fact over its rows: metrics sum up rows themselves."""
        return self.weights.get(objective)

    def _outcome(self, objective: str) -> tuple[Floats, Any, Any]:
        index = self.window.index_of(objective)
        window = self.window
        value, known = window.value[:, index], window.known[:, index]
        if objective == "dwell" and self.population == "all":
            known = known & (value > 0.0)  # the stays; not opened is 0 seconds
        return value, window.event[:, index], known

    def metrics(self) -> list[MetricValue]:
        """Every metric of the window."""
        # Days that the head does not predict are not asked of it; its longest is, if no other is left.
        days = [each for each in self.plan.evaluation.retention_days if each in self.days] or [self.days[-1]]
        dwell, all_rows_dwell = self._dwell()
        return evaluate_window(
            users=self.window.user,
            settings=replace(self.plan.evaluation, retention_days=days),
            click=self._click(),
            dwell=dwell,
            all_rows_dwell=all_rows_dwell,
            retention=self._retention(),
            ranking=ranking_rows(
                self.window, self.outputs["score"], population=self.population, weights=self.weights
            ),
        )

    def _click(self) -> ClickRows | None:
        if "click" not in self.scores:
            return None
        value, _, known = self._outcome("click")
        return ClickRows(
            probability=self.scores["click"], value=value, known=known, weight=self._weight("click")
        )

    def _dwell(self) -> tuple[DwellRows | None, AllRowsDwell | None]:
        if "dwell" not in self.scores:
            return None, None
        return dwell_rows(
            self.ranker,
            self.window,
            self.outputs,
            population=self.population,
            limit_seconds=self.plan.evaluation.dwell_limit_seconds,
            weight=self._weight("dwell"),
            click_weight=self._weight("click") if "click" in self.window.objectives else None,
        )

    def _retention(self) -> RetentionRows | None:
        if "retention" not in self.scores:
            return None
        value, event, _ = self._outcome("retention")
        window = self.window
        return RetentionRows(
            return_probability_by_day=self._return_by_day(),
            value=value,
            event=event,
            follow_up_days=window.follow_up_days,
            user_days=window.user_day,
            days=window.day,
            baseline_by_day=None
            if self.baseline is None
            else self.baseline.return_probability_by_day(window.recency_days, window.active_days_7),
            weight=self._weight("retention"),
        )

    def _return_by_day(self) -> Floats:
        """Chance to be back within d = 1, 2, ... days, ``[N, H]``; NaN for days that the head leaves open."""
        if "return_by_day" in self.outputs:
            return self.outputs["return_by_day"]
        by_day = np.full((len(self.window), self.days[-1]), np.nan)
        by_day[:, -1] = self.outputs["return_probability"]
        return by_day

    def calibration(self) -> dict[str, pd.DataFrame]:
        """Predicted beside observed, by tenth of the predictions."""
        tables = {}
        for objective in ("click", "dwell"):
            if objective in self.scores:
                value, _, known = self._outcome(objective)
                tables[f"calibration_{objective}"] = calibration_by_decile(
                    self.scores[objective][known],
                    value[known],
                    num_bins=self.plan.evaluation.calibration_bins,
                    level=self.plan.evaluation.level,
                )
        if "retention" in self.scores:
            tables["calibration_retention"] = self._return_calibration()
        return tables

    def _return_calibration(self) -> pd.DataFrame:
        """Share of user-days back within d days, predicted and observed, for each d that is predicted."""
        value, event, _ = self._outcome("retention")
        window, parts = self.window, []
        for days in self.days:
            matured = matured_user_days(
                self._return_by_day(),
                value,
                event,
                window.follow_up_days,
                user_days=window.user_day,
                users=window.user,
                days=window.day,
                horizon=days,
            )
            predicted, back = matured.rows.columns
            table = calibration_by_decile(predicted, back, num_bins=1, level=self.plan.evaluation.level)
            parts.append(table.assign(day=days))
        return pd.concat(parts, ignore_index=True)

    def daily(self) -> pd.DataFrame:
        """Metrics of each day."""
        window, bootstrap = self.window, self.plan.evaluation.bootstrap
        shared: dict[str, Any] = {"users": window.user, "days": window.day, "bootstrap": bootstrap}
        parts = []
        if "click" in self.scores:
            value, _, known = self._outcome("click")
            parts.append(click_by_day(self.scores["click"], value, known, **shared))
        if "dwell" in self.scores:
            value, event, known = self._outcome("dwell")
            parts.append(dwell_by_day(self.scores["dwell"], value, event, known, **shared))
        if "retention" in self.scores:
            value, event, _ = self._outcome("retention")
            parts.append(
                retention_by_day(
                    self._return_by_day(),
                    value,
                    event,
                    window.follow_up_days,
                    user_days=window.user_day,
                    horizon=self.days[0],
                    **shared,
                )
            )
        table = pd.concat(parts, ignore_index=True)
        table["date"] = pd.to_datetime(table["day"], unit="D")
        return table

    def table(self) -> pd.DataFrame:
        """Score and outcome of every row, to ask further questions of."""
        window = self.window
        columns: dict[str, Any] = {
            "request": window.request,
            "user": window.user,
            "day": window.day,
            "propensity": window.propensity,
            "score": self.outputs["score"],
        }
        for objective, score in self.scores.items():
            value, event, known = self._outcome(objective)
            columns |= {
                f"{objective}_predicted": score,
                f"{objective}_observed": np.where(known, value, np.nan),
                f"{objective}_complete": event,
            }
        return pd.DataFrame(columns)
