"""From a window to its propensities, and from these to what its rows count and what they teach.

N rows of a window, T objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from holdfast.core.arrays import Bools, Floats
from holdfast.core.batch import Outcome
from holdfast.core.errors import UserError
from holdfast.core.importance import WeightDiagnostics
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Propensity
from holdfast.core.propensity_checks import (
    FeatureBalance,
    PropensityCalibration,
    feature_balance,
    propensity_calibration,
)
from holdfast.core.protocols import DwellHead, Head
from holdfast.data.encoded import EncodedWindow
from holdfast.objectives.estimators.rows import LossEstimator
from holdfast.objectives.labels import interest_labels
from holdfast.objectives.propensities.randomised_slice import random_policies
from holdfast.objectives.propensities.source import FittedSource, PropensitySource
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.post_click import AFTER_CLICK, CLICK

OF_BEING_SEEN = ("examination", "exposure")
"""Meanings that say whether a row without a click was seen: they correct labels, not rows."""


@dataclass(frozen=True, kw_only=True)
class PropensityNotes:
    """Where a window's propensities come from, and what checks them.

    Attributes:
        source: who says so; empty where none is used.
        meaning: what they are the chance of.
        notes: of the fit, a sentence each.
        balance: of the numeric inputs after weighting, where there are rows to hold the weighted ones
            against: all rows for propensities of a click, randomised ones for those of a choice.
        calibration: of propensities of a click, against the clicks.
        labels: how far corrected labels can be trusted: diagnostics of the clicked rows, where propensities
            are of being seen.
    """

    source: str
    meaning: str
    notes: tuple[str, ...] = ()
    balance: FeatureBalance | None = None
    calibration: PropensityCalibration | None = None
    labels: WeightDiagnostics | None = None


def logged_rows(window: EncodedWindow) -> LoggedRows:
    """What a source of propensities may look at of a window."""
    click = np.full(len(window), np.nan)
    if CLICK in window.objectives:
        index = window.index_of(CLICK)
        click = np.where(window.known[:, index], window.value[:, index], np.nan)
    return LoggedRows(
        click=click,
        slot=window.slot,
        item=window.item,
        user=window.user,
        policy=window.policy,
        policies=window.policies,
        logged=window.propensity,
        logged_meaning=window.propensity_of,
        features=window.numeric,
    )


def fit_source(source: PropensitySource, train: EncodedWindow) -> FittedSource:
    """Learn propensities from the training window.

    Raises:
        UserError: the window does not hold what the source needs.
    """
    try:
        return source.fit(logged_rows(train))
    except ValueError as error:
        raise UserError(f"objective.propensity: {error}") from error


def propensity_of(fitted: FittedSource, window: EncodedWindow) -> Propensity:
    """The propensities of a window that the source was not fitted on.

    Raises:
        UserError: the window does not hold what the source needs.
    """
    try:
        return fitted.of(logged_rows(window))
    except ValueError as error:
        raise UserError(f"objective.propensity, {window.name} window: {error}") from error


@dataclass(frozen=True)
class Weighed:
    """A window as losses see it.

    Attributes:
        window: with labels of interest in place of clicks, where propensities are of being seen.
        weights: what each row counts in each objective's loss, float32 ``[N, T]``.
        trust: how far the weights can be trusted, by objective.
    """

    window: EncodedWindow
    weights: Floats
    trust: dict[str, WeightDiagnostics]


def weigh(
    window: EncodedWindow, propensity: Propensity, weighting: PropensityWeighting, heads: Mapping[str, Head]
) -> Weighed:
    """Use a window's propensities: as weights of rows, or to correct labels, by what they are the chance of.

    Raises:
        UserError: a row that counts has no propensity, the click head cannot take corrected labels, or the
            dwell head needs no weights of clicks.
    """
    check_observed_after_click(propensity, heads)
    weights, trust = row_weights(window, propensity, weighting)
    return Weighed(seen_labels(window, propensity, weighting, heads), weights, trust)


def check_one_propensity(
    estimator: LossEstimator, propensity: Propensity, weighting: PropensityWeighting
) -> None:
    """Refuse to divide by two propensities of one event, or by a prediction of another one.

    Raises:
        UserError: the estimator and the source do not go together.
    """
    if not estimator.objectives or weighting.kind == "none":
        return
    if propensity.meaning == "clicked":
        why = "rows would be weighted twice"
    elif propensity.meaning in OF_BEING_SEEN:
        why = "a click head that learns interest does not predict clicks"
    else:
        return
    raise UserError(
        f"objective.propensity is of {propensity.meaning!r}, and objective.estimator divides by the "
        f"predicted click as well: {why}; choose objective/estimator=naive, or objective/propensity=logged"
    )


def check_observed_after_click(propensity: Propensity, heads: Mapping[str, Head]) -> None:
    """Refuse to weight by the chance of a click what is known without one.

    Whatever the weighting: metrics are weighted by the same propensities.

    Raises:
        UserError: a head that the propensities of a click would weight is defined on every row.
    """
    if propensity.meaning != "clicked":
        return
    for name in AFTER_CLICK:
        head = heads.get(name)
        if isinstance(head, DwellHead) and head.population == "all":
            raise UserError(
                f"objective.propensity is of 'clicked', but model.heads.{name} is {type(head).__name__}, "
                "which is defined on every row: rows without a click would be weighted by the chance of one. "
                "Choose objective/propensity=logged, or a head of opened rows such as "
                f"model/heads/{name}=censored_log_normal"
            )


def row_weights(
    window: EncodedWindow, propensity: Propensity, weighting: PropensityWeighting
) -> tuple[Floats, dict[str, WeightDiagnostics]]:
    """What each row counts in each objective's loss, ``[N, T]``, and how far that can be trusted.

    Propensities of a choice weight all objectives; those of a click the ones that are observed only after
    one; those of being seen none, because they correct labels.
    """
    facts = {index: window.user_day for index, name in enumerate(window.objectives) if name == "retention"}
    weights, diagnostics = weighting.weights(
        propensity, window.known, window.spread, facts=facts, weighted=_weighted(window, propensity)
    )
    return weights, {name: diagnostics[index] for index, name in enumerate(window.objectives)}


def metric_weights(
    window: EncodedWindow, fitted: FittedSource, weighting: PropensityWeighting
) -> dict[str, Floats]:
    """Weights for the metrics of a window, ``[N]`` by objective, by the propensities that losses use.

    Without the spread of a fact over its rows: metrics sum up rows themselves. Objectives are left out that
        the
    propensities do not speak of; all are, where rows that count have no propensity and may not be set aside,
    or where nothing was logged. Made also where losses were not weighted: what was logged can be weighted,
    whoever trained on it.
    """
    propensity = propensity_of(fitted, window)
    used = weighting.prepared(propensity)
    usable = used.counts(np.ones(len(window), dtype=bool))
    places = _weighted(window, propensity)
    if not places or not usable.any() or used.missing[usable].any():
        return {}
    weights, _ = row_weights(window, propensity, replace(weighting, kind="inverse_propensity"))
    return {window.objectives[each]: weights[:, each] / window.spread[:, each] for each in places}


def _weighted(window: EncodedWindow, propensity: Propensity) -> list[int]:
    if propensity.meaning in OF_BEING_SEEN:
        return []
    names = AFTER_CLICK if propensity.meaning == "clicked" else window.objectives
    return [index for index, name in enumerate(window.objectives) if name in names]


def seen_labels(
    window: EncodedWindow, propensity: Propensity, weighting: PropensityWeighting, heads: Mapping[str, Head]
) -> EncodedWindow:
    """The window with clicks as labels of interest, where the propensities are of being seen; else as it is.

    Raises:
        UserError: the click head's loss is not linear in the label, or a clicked row has no propensity.
    """
    if propensity.meaning not in OF_BEING_SEEN or weighting.kind == "none" or CLICK not in window.objectives:
        return window
    if not is_linear_in_label(heads[CLICK]):
        raise UserError(
            f"objective.propensity corrects the labels of clicks, and {type(heads[CLICK]).__name__} has a "
            "loss that is not linear in the label; choose model/heads/click=bernoulli"
        )
    index = window.index_of(CLICK)
    used, known = weighting.prepared(propensity), window.known[:, index]
    if used.sets_aside:
        known = known & ~(used.missing & (window.value[:, index] > 0.0))
    try:
        labels = interest_labels(window.value[:, index], propensity=used, where=known)
    except ValueError as error:
        raise UserError(f"objective.propensity, {window.name} window: {error}") from error
    value, all_known = window.value.copy(), window.known.copy()
    value[:, index], all_known[:, index] = np.where(known, labels, value[:, index]), known
    return replace(window, value=value, known=all_known)


def is_linear_in_label(head: Head) -> bool:
    """Whether a head's loss at a label of 2.5 is what those at 0 and 1 say."""
    parameters = torch.full((3, head.num_parameters), 0.3, dtype=torch.float64)
    every = torch.ones(3, dtype=torch.bool)
    outcome = Outcome(torch.tensor([0.0, 1.0, 2.5], dtype=torch.float64), every, every)
    none, one, more = head.negative_log_likelihood(parameters, outcome).tolist()
    return bool(np.isclose(more, none + 2.5 * (one - none)))


def propensity_notes(
    window: EncodedWindow, propensity: Propensity, weighting: PropensityWeighting, notes: tuple[str, ...]
) -> PropensityNotes:
    """Check a window's propensities by what can be known of them."""
    if weighting.kind == "none":
        return PropensityNotes(source="", meaning=propensity.meaning)
    rows, used = logged_rows(window), weighting.prepared(propensity)
    known = ~np.isnan(rows.click)
    clicked = known & (np.nan_to_num(rows.click) > 0.5)
    balance, calibration, labels = None, None, None
    if propensity.meaning in OF_BEING_SEEN:
        _, labels = used.weights(where=clicked & ~used.missing)
    elif propensity.meaning == "clicked":
        balance = _balance(used, rows.features, observed=clicked, target=known)
        calibration = propensity_calibration(used.values, observed=clicked, where=known & ~used.missing)
    else:
        by_chance = rows.logged_by(random_policies())
        every = np.ones(len(rows), dtype=bool)
        balance = _balance(used, rows.features, observed=every & ~by_chance, target=by_chance)
    return PropensityNotes(
        source=propensity.source,
        meaning=propensity.meaning,
        notes=notes,
        balance=balance,
        calibration=calibration,
        labels=labels,
    )


def _balance(
    propensity: Propensity, features: Floats, *, observed: Bools, target: Bools
) -> FeatureBalance | None:
    there = observed & ~propensity.missing
    if not there.any():
        return None
    weights, _ = propensity.weights(where=there)
    return feature_balance(features, observed=there, weight=weights, target=target)
