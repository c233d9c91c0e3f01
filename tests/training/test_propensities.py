"""From a window to what its rows count, for every source, and what a click head learns from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.core.batch import Outcome
from holdfast.core.errors import UserError
from holdfast.core.propensity import Propensity
from holdfast.data.batches import TensorColumns
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.focal_bernoulli import FocalBernoulli
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal
from holdfast.objectives.estimators.self_normalised import SelfNormalised
from holdfast.objectives.propensities.examination import ExaminationByRandomSlots
from holdfast.objectives.propensities.item_exposure import ItemExposure
from holdfast.objectives.propensities.logged import Logged
from holdfast.objectives.propensities.naive_bayes import NaiveBayes
from holdfast.objectives.propensities.predicted_click import PredictedClick
from holdfast.objectives.propensities.randomised_slice import RandomisedSlice
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.propensities import (
    fit_source,
    is_linear_in_label,
    logged_rows,
    metric_weights,
    propensity_notes,
    row_weights,
    seen_labels,
    weigh,
)

THETA = np.array([1.0, 0.5, 0.25])


class Squared(Bernoulli):
    """Brier's loss, which is not linear in the label."""

    def negative_log_likelihood(self, parameters: torch.Tensor, outcome: Outcome) -> torch.Tensor:
        return (torch.sigmoid(parameters[:, 0]) - outcome.value).square()


def slotted(toy: Any, rows: int = 600, seed: int = 0, name: str = "train") -> Any:
    """A toy window with users, slots, items and two policies, of which one chooses by chance."""
    rng = np.random.default_rng(seed)
    window = toy.window(rows, seed, name)
    return replace(
        window,
        user=rng.integers(0, 60, rows),
        slot=rng.integers(0, 3, rows),
        policy=np.arange(rows) % 2,
        policies=("greedy", "random"),
        propensity_of="item_in_slot",
    )


def test_a_source_sees_what_the_window_knows(toy: Any) -> None:
    window = slotted(toy)
    window.known[3, 0] = False
    rows = logged_rows(window)
    assert np.isnan(rows.click[3])
    assert rows.logged_by(["rand*"]).sum() == 300
    np.testing.assert_array_equal(rows.logged, window.propensity)
    without = replace(window, objectives=("dwell",), value=window.value[:, 1:2], known=window.known[:, 1:2])
    assert np.isnan(logged_rows(without).click).all()


def test_what_a_propensity_is_of_decides_what_it_weights(toy: Any) -> None:
    window, weighting = slotted(toy), PropensityWeighting()
    for source, weighted in (
        (Logged(), {"click", "dwell", "retention"}),
        (PredictedClick(), {"dwell"}),
        (ExaminationByRandomSlots(), set()),
        (ItemExposure(), set()),
    ):
        propensity = fit_source(source, window).on_train
        _, trust = row_weights(window, propensity, weighting)
        found = {name for name, each in trust.items() if each.mean_weight != 1.0}
        assert found == weighted
        of_metrics = metric_weights(window, fit_source(source, window), weighting)
        assert set(of_metrics) == weighted


def test_metrics_and_losses_count_a_row_the_same(toy: Any) -> None:
    window, weighting = slotted(toy), PropensityWeighting()
    fitted = fit_source(Logged(), window)
    losses, _ = row_weights(window, fitted.on_train, weighting)
    metrics = metric_weights(window, fitted, weighting)
    for index, name in enumerate(window.objectives):
        np.testing.assert_allclose(metrics[name] * window.spread[:, index], losses[:, index], rtol=1e-6)


def test_metrics_are_weighted_where_losses_are_not_and_nothing_where_nothing_is_known(toy: Any) -> None:
    window = slotted(toy)
    none = PropensityWeighting(kind="none")
    assert len(metric_weights(window, fit_source(Logged(), window), none)) == 3
    unlogged = replace(window, propensity=np.full(600, np.nan))
    assert metric_weights(unlogged, fit_source(Logged(), unlogged), none) == {}
    partly = replace(window, propensity=np.where(np.arange(600) < 10, np.nan, window.propensity))
    assert metric_weights(partly, fit_source(Logged(), partly), none) == {}
    aside = metric_weights(partly, fit_source(Logged(), partly), PropensityWeighting(missing="set_aside"))
    assert (aside["click"][:10] == 0.0).all()


def test_corrected_labels_by_hand(toy: Any) -> None:
    window = slotted(toy, 60)
    propensity = Propensity(values=THETA[window.slot], meaning="examination", source="by hand")
    made = seen_labels(window, propensity, PropensityWeighting(max_weight=3.0), toy.heads)
    clicked = window.value[:, 0] > 0.5
    expected = np.where(clicked, np.minimum(1 / THETA[window.slot], 3.0), 0.0)
    np.testing.assert_allclose(made.value[:, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(made.value[:, 1:], window.value[:, 1:])
    assert made.value is not window.value
    same = seen_labels(window, propensity, PropensityWeighting(kind="none"), toy.heads)
    assert same is window


def test_a_clicked_row_without_a_propensity_is_refused_or_set_aside(toy: Any) -> None:
    window = slotted(toy, 60)
    clicked = np.flatnonzero(window.value[:, 0] > 0.5)
    values = np.full(60, 0.5)
    values[[clicked[0], np.flatnonzero(window.value[:, 0] < 0.5)[0]]] = np.nan
    propensity = Propensity(values=values, meaning="examination", source="by hand")
    with pytest.raises(UserError, match=f"train window: 1 of {len(clicked)} clicked rows have no propensity"):
        seen_labels(window, propensity, PropensityWeighting(), toy.heads)
    made = seen_labels(window, propensity, PropensityWeighting(missing="set_aside"), toy.heads)
    assert made.known[:, 0].sum() == 59
    assert window.known[:, 0].all()


def test_only_losses_that_are_linear_in_the_label_can_be_corrected(toy: Any) -> None:
    assert is_linear_in_label(Bernoulli())
    assert is_linear_in_label(FocalBernoulli())
    assert not is_linear_in_label(Squared())
    window = slotted(toy, 60)
    propensity = Propensity(values=np.full(60, 0.5), meaning="exposure", source="by hand")
    heads = {**toy.heads, "click": Squared()}
    with pytest.raises(UserError, match="choose model/heads/click=bernoulli"):
        seen_labels(window, propensity, PropensityWeighting(), heads)


def test_a_click_head_learns_interest_where_slots_hide_it(toy: Any, tmp_path: Path) -> None:
    """Two kinds of items, of equal interest but for a factor of 2; the ranker puts the dull kind first."""

    def make(seed: int, name: str) -> Any:
        rng, rows = np.random.default_rng(seed), 6000
        window = slotted(toy, rows, seed, name)
        good = rng.random(rows) < 0.5
        interest = np.where(good, 0.6, 0.3)
        chance = window.policy == 1
        slot = np.where(chance, rng.integers(0, 3, rows), np.where(good, 2, 0))
        click = rng.random(rows) < THETA[slot] * interest
        known = np.stack([np.ones(rows, dtype=bool), np.zeros(rows, dtype=bool), window.known[:, 2]], axis=1)
        known[:20, 1] = True
        value = window.value.copy()
        value[:, 0], value[:20, 1] = click, 5.0
        return replace(
            window,
            slot=slot,
            known=known,
            value=value,
            event=np.ones_like(known) & (window.event | (np.arange(3) < 2)),
            numeric=np.stack([np.where(good, 1.0, -1.0), np.zeros(rows)], axis=1).astype(np.float32),
            categorical=np.zeros_like(window.categorical),
            lists=(np.zeros_like(window.lists[0]),),
            propensity=np.full(rows, np.nan),
        )

    train, validation = make(0, "train"), make(1, "validation")

    def learned(folder: Path, **changes: Any) -> np.ndarray:
        ranker = toy.ranker()
        toy.fit(
            folder,
            ranker=ranker,
            train=train,
            validation=validation,
            max_epochs=4,
            batch_size=500,
            criterion="validation/click/loss",
            **changes,
        )
        batch = TensorColumns(train).slice(0, 200)
        with torch.no_grad():
            chance = torch.sigmoid(ranker(batch.inputs)["click"][:, 0]).numpy()
        good = train.numeric[:200, 0] > 0
        return np.array([chance[good].mean(), chance[~good].mean()])

    naive, corrected = (
        learned(tmp_path / "naive"),
        learned(tmp_path / "em", source=ExaminationByRandomSlots()),
    )
    # Half of the rows by chance: a mean theta of (0.583 + 0.25) / 2 for the good, (0.583 + 1) / 2 otherwise.
    np.testing.assert_allclose(naive, [0.6 * 0.417, 0.3 * 0.792], atol=0.06)
    np.testing.assert_allclose(corrected, [0.6, 0.3], atol=0.08)


def test_notes_hold_what_can_be_checked(toy: Any) -> None:
    window, weighting = slotted(toy), PropensityWeighting()
    clicked = fit_source(PredictedClick(), window)
    notes = propensity_notes(window, clicked.on_train, weighting, clicked.notes)
    assert notes.balance is not None
    assert notes.calibration is not None
    assert notes.balance.largest_after < notes.balance.largest_before
    assert notes.calibration.observed_over_predicted == pytest.approx(1.0, abs=0.05)
    logged = propensity_notes(window, fit_source(Logged(), window).on_train, weighting, ())
    assert logged.balance is not None, "against the rows that chance chose"
    assert logged.calibration is None
    nobody = replace(window, policies=("greedy", "other"))
    assert propensity_notes(nobody, fit_source(Logged(), nobody).on_train, weighting, ()).balance is None
    seen = fit_source(ExaminationByRandomSlots(min_clicks=1), window)
    labels = propensity_notes(window, seen.on_train, weighting, ()).labels
    assert labels is not None
    assert labels.num_rows == int((window.value[:, 0] > 0.5).sum())
    assert labels.mean_weight > 1.0
    unused = propensity_notes(window, clicked.on_train, PropensityWeighting(kind="none"), ())
    assert (unused.source, unused.balance) == ("", None)


@pytest.mark.parametrize(
    "source",
    [
        RandomisedSlice(),
        ExaminationByRandomSlots(min_clicks=1),
        ItemExposure(),
        PredictedClick(),
        NaiveBayes(),
    ],
    ids=lambda each: type(each).__name__,
)
def test_every_source_trains(toy: Any, tmp_path: Path, source: Any) -> None:
    train, validation = slotted(toy), slotted(toy, 300, 1, "validation")
    result = toy.fit(tmp_path, train=train, validation=validation, source=source, max_epochs=2)
    assert np.isfinite(result.epochs["validation/loss"]).all()
    assert result.propensities is not None
    assert result.propensities.source
    set_aside = isinstance(source, RandomisedSlice | NaiveBayes)
    assert (result.train_weights["click"].num_missing == 300) is set_aside


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_a_dwell_head_of_all_rows_is_not_weighted_by_the_click(toy: Any, kind: Any) -> None:
    window, weighting = slotted(toy), PropensityWeighting(kind=kind)
    clicked = fit_source(PredictedClick(), window).on_train
    everywhere = {**toy.heads, "dwell": ZeroInflatedLogNormal()}
    with pytest.raises(UserError, match="ZeroInflatedLogNormal, which is defined on every row"):
        weigh(window, clicked, weighting, everywhere)
    weigh(window, clicked, weighting, toy.heads)
    weigh(window, fit_source(Logged(), window).on_train, weighting, everywhere)
    weigh(window, clicked, weighting, {"click": toy.heads["click"]})


def test_bad_input_is_told_before_training(toy: Any, tmp_path: Path) -> None:
    window = slotted(toy)
    cases: list[tuple[dict[str, Any], str]] = [
        (
            {"train": replace(window, propensity=np.where(np.arange(600) < 3, 0.0, 0.5))},
            "3 of 600 propensities",
        ),
        ({"train": replace(window, propensity=np.full(600, 1.5))}, "outside"),
        ({"train": replace(window, propensity=np.full(600, -0.1))}, "outside"),
        (
            {"train": replace(window, propensity=np.where(np.arange(600) < 3, np.nan, 0.5))},
            "3 of the 600 rows that count have no propensity",
        ),
        ({"train": window, "source": RandomisedSlice(policies=["dice"])}, "name those that randomise"),
        (
            {"train": window, "source": PredictedClick(), "estimator": SelfNormalised()},
            "rows would be weighted twice",
        ),
        (
            {"train": window, "source": ItemExposure(), "estimator": SelfNormalised()},
            "learns interest does not predict clicks",
        ),
    ]
    for changes, said in cases:
        with pytest.raises(UserError, match=said):
            toy.fit(tmp_path, **changes)
