from __future__ import annotations

import dataclasses
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.core.errors import UserError
from holdfast.core.propensity import Propensity
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.progress import Progress
from holdfast.training.selection import loss_names
from holdfast.training.settings import OptimizerSettings
from holdfast.training.window_checks import check_window


class Noted:
    """A run log that remembers."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.rows.append((step, metrics))

    def rewind(self, step: int) -> None:
        self.rows = [row for row in self.rows if row[0] < step]


def test_training_learns_and_says_how_it_went(toy: Any, tmp_path: Path) -> None:
    log, told = Noted(), list[Progress]()
    result = toy.fit(tmp_path, run_log=log, on_progress=told.append)
    losses = result.epochs["train/loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    losses_named = [name for name in result.epochs.columns if not name.startswith("gates/")]
    assert losses_named == ["epoch", *loss_names(("click", "dwell", "retention"))]
    assert [step for step, _ in log.rows] == list(result.epochs["epoch"])
    assert log.rows[0][1] == result.epochs.drop(columns="epoch").iloc[0].to_dict()
    last = told[-1]
    assert (last.batch, last.num_batches) == (8, 8)
    assert last.best_epoch == result.best_epoch
    assert last.best_value == result.best_value
    assert result.rows_per_second > 0.0
    assert result.train_weights["click"].num_rows == 300


def test_the_balance_adds_up_the_losses(toy: Any, tmp_path: Path) -> None:
    balance = StaticBalance(weights={"click": 2.0, "dwell": 0.5, "retention": 0.0})
    epochs = toy.fit(tmp_path, balance=balance, max_epochs=1).epochs
    for stage in ("train", "validation"):
        expected = 2.0 * epochs[f"{stage}/click/loss"] + 0.5 * epochs[f"{stage}/dwell/loss"]
        np.testing.assert_allclose(epochs[f"{stage}/loss"], expected, rtol=1e-12)


def test_validation_loss_is_the_weighted_mean_over_the_whole_window(toy: Any, tmp_path: Path) -> None:
    ranker, window = toy.ranker(dropout=0.3), toy.window(120, 1, "validation")
    result = toy.fit(tmp_path, ranker=ranker, max_epochs=1)
    assert not ranker.training
    from holdfast.data.batches import TensorColumns

    propensity = Propensity(values=window.propensity, meaning="item_in_slot", source="logged")
    weights, _ = PropensityWeighting().weights(propensity, window.known, window.spread)
    batch = TensorColumns(window, weights).slice(0, 120)
    with torch.no_grad():
        parameters = ranker(batch.inputs)
    for index, (objective, head) in enumerate(ranker.heads.items()):
        losses = head.negative_log_likelihood(parameters[objective], batch.outcome(index)).double()
        known = window.known[:, index]
        expected = np.average(losses.numpy()[known], weights=weights[known, index])
        assert result.epochs[f"validation/{objective}/loss"].iloc[0] == pytest.approx(expected, rel=1e-6)


def test_the_best_epoch_wins_and_training_stops_after_it(toy: Any, tmp_path: Path) -> None:
    # Large steps on few rows: the fit to the training window soon costs validation.
    ranker = toy.ranker()
    result = toy.fit(
        tmp_path,
        ranker=ranker,
        train=toy.window(80, 0),
        max_epochs=30,
        patience=3,
        optimizer=OptimizerSettings(learning_rate=0.05, embedding_learning_rate=0.5),
    )
    values = result.epochs["validation/loss"].to_numpy()
    assert result.stopped_early
    assert result.best_epoch == int(values.argmin())
    assert len(values) == result.best_epoch + 1 + 3
    # The ranker has that epoch's weights: its loss is that epoch's loss.
    again = toy.fit(
        tmp_path / "again",
        ranker=toy.ranker(),
        train=toy.window(80, 0),
        max_epochs=result.best_epoch + 1,
        patience=30,
        optimizer=OptimizerSettings(learning_rate=0.05, embedding_learning_rate=0.5),
    )
    assert again.best_value == result.best_value
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert all(torch.equal(value, best[name]) for name, value in ranker.state_dict().items())


def test_another_criterion_may_choose_another_epoch(toy: Any, tmp_path: Path) -> None:
    result = toy.fit(tmp_path, criterion="validation/dwell/loss", max_epochs=4, patience=4)
    values = result.epochs["validation/dwell/loss"].to_numpy()
    assert (result.best_epoch, result.best_value) == (int(values.argmin()), values.min())


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(toy: Any, tmp_path: Path) -> None:
    runs = [
        toy.fit(tmp_path / str(index), ranker=toy.ranker(dropout=0.2), seed=seed, max_epochs=2).epochs
        for index, seed in enumerate((0, 0, 1))
    ]
    assert runs[0].equals(runs[1])
    assert not runs[0].equals(runs[2])


def test_the_global_state_of_torch_is_left_alone(toy: Any, tmp_path: Path) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    toy.fit(tmp_path, max_epochs=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_lightning_keeps_quiet(toy: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Lightning's own imports are not what this is about.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        toy.fit(tmp_path, max_epochs=1)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


@pytest.mark.parametrize("changes", [{}, {"embedding_optimizer": "adagrad"}, {"embedding_optimizer": "adam"}])
def test_rows_that_no_batch_touches_stay_as_they_are(
    toy: Any, tmp_path: Path, changes: dict[str, Any]
) -> None:
    train = toy.window(300, 0)
    train.categorical[:, 0] %= 10
    train.lists[0][:] %= 10
    ranker = toy.ranker()
    before = ranker.embedding.table.weight.detach().clone()
    toy.fit(tmp_path, ranker=ranker, train=train, max_epochs=1, optimizer=OptimizerSettings(**changes))
    moved = (ranker.embedding.table.weight.detach() != before).any(1)
    # In order of name: 5 rows of devices, then 30 of items.
    assert bool(moved[5:15].all())
    assert not bool(moved[15:].any())


def test_dense_embeddings_learn_too(toy: Any, tmp_path: Path) -> None:
    result = toy.fit(tmp_path, ranker=toy.ranker(sparse=False), max_epochs=2)
    assert result.epochs["train/loss"].is_monotonic_decreasing


def test_bfloat16_is_close_to_full_precision(toy: Any, tmp_path: Path) -> None:
    full = toy.fit(tmp_path / "full", max_epochs=1).epochs
    half = toy.fit(tmp_path / "half", max_epochs=1, precision="bf16-mixed").epochs
    np.testing.assert_allclose(full["validation/loss"], half["validation/loss"], rtol=0.02)
    assert not full.equals(half)


def test_an_objective_that_nobody_knows_is_left_out_of_the_sum(toy: Any, tmp_path: Path) -> None:
    validation = toy.window(120, 1, "validation")
    validation.known[:, 2] = False
    log = Noted()
    epochs = toy.fit(tmp_path, validation=validation, max_epochs=1, run_log=log).epochs
    assert math.isnan(epochs["validation/retention/loss"].iloc[0])
    assert math.isfinite(epochs["validation/loss"].iloc[0])
    assert "validation/retention/loss" not in log.rows[0][1]
    with pytest.raises(UserError, match="no row of the validation window knows the outcome of retention"):
        toy.fit(tmp_path, validation=validation, criterion="validation/retention/loss")


def test_a_window_may_have_more_outcomes_than_the_ranker_has_heads(toy: Any, tmp_path: Path) -> None:
    from holdfast.models.mixtures.shared_bottom import SharedBottom
    from holdfast.models.ranker import RankerSettings, build_ranker

    heads = {name: toy.heads[name] for name in ("retention", "click")}
    ranker = build_ranker(
        toy.schema, settings=RankerSettings(), mixture=SharedBottom(widths=[8]), heads=heads, seed=0
    )
    result = toy.fit(tmp_path, ranker=ranker, max_epochs=1)
    assert list(result.train_weights) == ["retention", "click"]
    assert result.train_weights["click"].num_rows == 300
    log_of_clicks = dataclasses.replace(
        toy.window(300, 0),
        objectives=("click",),
        **{name: getattr(toy.window(300, 0), name)[:, :1] for name in ("value", "event", "known", "spread")},
    )
    with pytest.raises(UserError, match=r"heads for \['retention'\]"):
        toy.fit(tmp_path, ranker=ranker, train=log_of_clicks)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"criterion": "validation/ctr"}, "not logged; choose from .*validation/click/loss"),
        ({"optimizer": OptimizerSettings(learning_rate=1e30, gradient_clip=None)}, "training diverged"),
        ({"weighting": PropensityWeighting(max_weight=3.0), "no_propensity": True}, "1 of the 300 rows"),
        ({"no_rows": True}, "train window holds no row"),
    ],
)
def test_mistakes_are_told(toy: Any, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    train = toy.window(0 if changes.pop("no_rows", False) else 300, 0)
    if changes.pop("no_propensity", False):
        train.propensity[17] = np.nan
    with pytest.raises(UserError, match=told):
        toy.fit(tmp_path, train=train, **changes)


def test_a_window_of_another_encoder_is_refused(toy: Any) -> None:
    window = toy.window(10, 0)
    window.categorical[3, 1] = 5
    with pytest.raises(ValueError, match="ids of 'device' run from 0 to 5"):
        check_window(toy.schema, window)
    narrow = dataclasses.replace(toy.window(10, 0), numeric=np.zeros((10, 1), dtype=np.float32))
    with pytest.raises(ValueError, match=r"\(2, 1, \(3,\)\), and the model wants \(2, 2, \(3,\)\)"):
        check_window(toy.schema, narrow)
