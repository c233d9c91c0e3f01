"""What a trained model could be made to optimise by its fusion alone: the front over fusion weights.

N rows of a window, Q requests, P sets of weights, T objectives whose scores order, G objectives with a gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.calibration.judged_rows import scored_rows
from holdfast.app.composition import Plan
from holdfast.app.prepared_run import PreparedRun
from holdfast.core.arrays import Floats
from holdfast.core.scored_rows import ScoredRows
from holdfast.evaluation.metric_value import MetricValue
from holdfast.evaluation.pareto import hypervolume, non_dominated, spread_out
from holdfast.evaluation.weighted_mean import prepare_mean
from holdfast.models.ranker import Ranker
from holdfast.objectives.fusion.form import Form, Terms, fusion_terms
from holdfast.objectives.fusion.simplex import simplex_points
from holdfast.objectives.fusion.slates import Slates, discounted_gains, group_slates, mean_gains
from holdfast.objectives.fusion.utility import judged
from holdfast.objectives.fusion.weighted import WeightedSum
from holdfast.objectives.propensities.source import FittedSource

MAX_REQUESTS = 10_000
"""Requests of a window that are ranked by every set of weights; drawn at random where there are more."""
NUM_SHOWN = 9
"""Points of the front that are measured on test with intervals, besides the run's own and the corners."""


@dataclass(frozen=True)
class FusionFront:
    """The front on validation, and what became of its points on test.

    Attributes:
        table: one row a set of weights; docs/fusion.md lists the columns.
        metrics: hypervolumes.
        notes: how gains were made.
    """

    table: pd.DataFrame
    metrics: list[MetricValue]
    notes: tuple[str, ...]


def fusion_front(
    prepared: PreparedRun, ranker: Ranker, plan: Plan, *, outputs: Mapping[str, Mapping[str, Floats]]
) -> FusionFront | str:
    """Rank the requests of validation and test by many fusions of one model, without training it again.

    Args:
        prepared: windows of the run.
        ranker: as it is served.
        plan: with the fusion that is served.
        outputs: what the ranker predicts of each window, and the fused score.

    Returns:
        The front, or in words why there is none.
    """
    from holdfast.training.propensities import fit_source

    if not plan.evaluation.pareto_points:
        return "evaluation.pareto_points is 0"
    if len(ranker.heads) < 2:
        return "the run has one objective, and nothing to trade off"
    source = fit_source(plan.propensity, prepared.window("train", memory_map=True))
    validation = _Window(prepared, ranker, plan, "validation", source, outputs["validation"])
    if not validation.slates.num_requests:
        return "no request of the validation window has rows whose outcomes are all known"
    try:
        terms = validation.terms()
    except ValueError as error:
        return str(error)
    if len(terms.objectives) < 2:
        return f"only {terms.objectives[0]} has a score that differs within requests"
    says = simplex_points(len(terms.objectives), plan.evaluation.pareto_points, seed=plan.evaluation.seed)
    table = _labelled(terms, says, validation, _form(plan)[0])
    values = table[validation.columns].to_numpy()
    table["on_front"] = non_dominated(values)
    test = _Window(prepared, ranker, plan, "test", source, outputs["test"])
    reference = validation.at_random()
    metrics = [_hypervolume("validation", values[table["on_front"]], reference, validation.slates)]
    if test.slates.num_requests:
        own_terms = test.terms(like=terms)
        measured = np.concatenate([test.own()[None], mean_gains(test.slates, own_terms, test.gains, says)])
        table[test.columns] = measured
        metrics.append(_hypervolume("test", measured[table["on_front"]], test.at_random(), test.slates))
        table = _with_intervals(table, test, own_terms, says, plan)
    return FusionFront(table, metrics, validation.notes)


class _Window:
    """A window with its predictions, grouped once."""

    def __init__(
        self,
        prepared: PreparedRun,
        ranker: Ranker,
        plan: Plan,
        name: str,
        source: FittedSource,
        outputs: Mapping[str, Floats],
    ) -> None:
        from holdfast.training.propensities import metric_weights

        window = prepared.window(name)
        weights = metric_weights(window, source, plan.weighting)
        self.rows: ScoredRows = scored_rows(
            window, outputs, ranker.heads, prepared.encoder(), weights=weights
        )
        self.gains = np.stack(list(self.rows.gains.values()))
        self.columns = [f"{name}_{objective}" for objective in self.rows.gains]
        self.notes, self.form = self.rows.notes, _form(plan)
        known = judged(self.rows, list(self.rows.gains))
        self.slates: Slates = group_slates(
            window.request, known, most=MAX_REQUESTS, seed=plan.evaluation.seed
        )
        self._score = np.asarray(outputs["score"], dtype=np.float64)[None]

    def terms(self, like: Terms | None = None) -> Any:
        """The terms of the window; in the units of another window's, ``[T, N]``, where that is given."""
        form, floor = self.form
        if like is None:
            return fusion_terms(self.rows.scores, self.slates, form=form, floor=floor)
        raw = np.stack([self.rows.scores[name] for name in like.objectives])
        values = np.log(np.maximum(raw, floor)) if form == "product" else raw
        return values / like.spread[:, None]

    def own(self) -> Floats:
        """Mean gains of the run's own fusion, ``[G]``."""
        return np.asarray(mean_gains(self.slates, self._score, self.gains, np.ones((1, 1)))[0])

    def own_by_request(self) -> Floats:
        """Gains of the run's own fusion, ``[Q, G]``."""
        return np.asarray(discounted_gains(self.slates, self._score, self.gains, np.ones((1, 1)))[0])

    def at_random(self) -> Floats:
        """Mean gains of rows in random order, ``[G]``: what costs nothing to reach."""
        nothing = np.zeros_like(self._score)
        return np.asarray(mean_gains(self.slates, nothing, self.gains, np.ones((1, 1)))[0])


def _labelled(terms: Terms, says: Floats, window: _Window, form: Form) -> pd.DataFrame:
    """The points with their weights and their values on validation, the run's own fusion first."""
    own_weights = terms.own_weights(says)
    own_weights /= own_weights.max(axis=1, keepdims=True)  # easier to type, and the same order
    corners = {f"{name} alone": index for index, name in enumerate(terms.objectives)}
    kinds = np.full(len(says), "weights", dtype=object)
    for label, index in corners.items():
        kinds[index] = label
    columns: dict[str, Any] = {"point": ["own fusion", *kinds]}
    for objective in window.rows.gains:
        place = terms.objectives.index(objective) if objective in terms.objectives else None
        weight = np.zeros(len(says)) if place is None else own_weights[:, place]
        say = np.zeros(len(says)) if place is None else says[:, place]
        columns[f"weight_{objective}"] = np.concatenate([[np.nan], weight])
        columns[f"say_{objective}"] = np.concatenate([[np.nan], say])
    values = mean_gains(window.slates, terms.values, window.gains, says)
    table = pd.DataFrame(columns)
    table[window.columns] = np.concatenate([window.own()[None], values])
    table["number"] = pd.array([pd.NA] * len(table), dtype="Int64")
    table["override"] = ["", *(_override(form, window.rows, row) for row in _weights(table))]
    return table


def _weights(table: pd.DataFrame) -> list[dict[str, float]]:
    names = [name for name in table.columns if name.startswith("weight_")]
    rows = table.loc[1:, names].to_numpy()
    return [
        {name.removeprefix("weight_"): float(value) for name, value in zip(names, row, strict=True)}
        for row in rows
    ]


def _override(form: Form, rows: ScoredRows, weights: dict[str, float]) -> str:
    """What to type so that a run has this fusion."""
    told = ",".join(f"{name}:{weights[name]:.6g}" for name in rows.gains)
    return f"fusion=weighted_{form} fusion.weights={{{told}}}"


def _with_intervals(
    table: pd.DataFrame, test: _Window, terms: Floats, says: Floats, plan: Plan
) -> pd.DataFrame:
    """The points that are shown, numbered by their first gain, with intervals over the users of test."""
    fixed = [index for index, kind in enumerate(table["point"]) if kind != "weights"]
    validation = table[[name for name in table.columns if name.startswith("validation_")]].to_numpy()
    front = np.flatnonzero(table["on_front"])
    far = spread_out(validation[front], most=NUM_SHOWN)
    shown = sorted({*fixed, *(int(front[each]) for each in far)}, key=lambda index: -validation[index, 0])
    users = test.rows.user[test.slates.first_row]
    for column in test.columns:
        table[f"{column}_low"], table[f"{column}_high"] = np.nan, np.nan
    for number, index in enumerate(shown, start=1):
        table.loc[index, "number"] = number
        by_request = (
            test.own_by_request()
            if index == 0
            else discounted_gains(test.slates, terms, test.gains, says[index - 1][None])[0]
        )
        metrics = [prepare_mean(by_request[:, place]) for place in range(by_request.shape[1])]
        intervals = plan.evaluation.bootstrap.intervals(metrics, clusters=users)
        for column, interval in zip(test.columns, intervals, strict=True):
            if interval.low is not None:
                table.loc[index, [f"{column}_low", f"{column}_high"]] = [interval.low, interval.high]
    return table


def _hypervolume(window: str, values: Floats, reference: Floats, slates: Slates) -> MetricValue:
    """Of the points on the validation front, between random order and the best of each gain, in shares."""
    best = values.max(axis=0)
    extent = np.where(best > reference, best - reference, 1.0)
    volume = hypervolume((values - reference) / extent, reference=np.zeros(len(reference)))
    at = ", ".join(f"{each:.5g}" for each in reference)
    return MetricValue(
        f"{window}/pareto/hypervolume",
        volume,
        None,
        None,
        slates.num_requests,
        False,
        f"share of the box between rows in random order ({at}) and the best of each gain that the "
        "validation front covers",
    )


def _form(plan: Plan) -> tuple[Form, float]:
    """Whether the run's fusion adds or multiplies, and the smallest score that counts."""
    fusion = plan.fusion
    adds = isinstance(fusion, WeightedSum) or getattr(fusion, "form", "product") == "sum"
    return ("sum" if adds else "product"), float(getattr(fusion, "floor", 1e-6))
