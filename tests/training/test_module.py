"""Whole trainings under every balance, and gradients of several batches in one step."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from holdfast.app.schema import TARGET, component_class
from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.core.shipped import shipped_folder
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.balancing.balance import Balance
from holdfast.objectives.balancing.by_gradient import GradientBalance
from holdfast.objectives.balancing.dynamic_weight_average import DynamicWeightAverage
from holdfast.objectives.balancing.famo import Famo
from holdfast.objectives.balancing.nash_mtl import NashMTL
from holdfast.objectives.balancing.smooth_tchebycheff import SmoothTchebycheff
from holdfast.objectives.balancing.uncertainty import UncertaintyBalance
from holdfast.objectives.balancing.upgrad import UPGrad
from holdfast.objectives.estimators.doubly_robust import DoublyRobust

FOLDER = shipped_folder("configs") / "objective" / "balance"
OBJECTIVES = ("click", "dwell", "retention")


def made(name: str) -> Balance:
    values = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    balance: Balance = component_class(values.pop(TARGET))(**values)
    return balance


every = pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))


def weights_of(ranker: Ranker) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in ranker.parameters()])


def ranker_of(toy: Any, *objectives: str, schema: InputSchema | None = None) -> Ranker:
    return build_ranker(
        toy.schema if schema is None else schema,
        settings=RankerSettings(embedding_dim=4, tower_widths=[8]),
        mixture=SharedBottom(widths=[8]),
        heads={name: toy.heads[name] for name in objectives},
        seed=0,
    )


@every
def test_an_objective_of_which_nothing_is_known_leaves_no_trace(toy: Any, tmp_path: Path, name: str) -> None:
    train, ranker = toy.window(200, 0), toy.ranker()
    train.known[:, 1] = False
    train.known[20:, 2] = False  # and some batches know nothing of this one either
    before = ranker.towers["dwell"][-1].bias.detach().clone()
    result = toy.fit(
        tmp_path, ranker=ranker, train=train, balance=made(name), max_epochs=3, criterion="train/click/loss"
    )
    assert result.epochs["train/dwell/loss"].isna().all()
    assert bool(weights_of(ranker).isfinite().all())
    assert np.isfinite(result.epochs[["train/loss", "train/retention/loss"]]).all(axis=None)
    # A bias does not decay, so a gradient of zero leaves it where it is.
    assert torch.equal(ranker.towers["dwell"][-1].bias.detach(), before)
    for column in [each for each in result.epochs if each.startswith("balance/weight/")]:
        assert result.epochs[column].isna().all() == column.endswith("dwell")


@every
def test_a_single_objective_trains_as_without_a_balance(toy: Any, tmp_path: Path, name: str) -> None:
    trained = []
    for balance in (StaticBalance(), made(name)):
        ranker = ranker_of(toy, "click")
        toy.fit(tmp_path / type(balance).__name__, ranker=ranker, balance=balance, max_epochs=1)
        trained.append(weights_of(ranker))
    assert torch.equal(*trained)


@every
def test_epochs_are_judged_with_weights_that_do_not_move(toy: Any, tmp_path: Path, name: str) -> None:
    epochs = toy.fit(tmp_path, balance=made(name), max_epochs=2).epochs
    for stage in ("train", "validation"):
        expected = sum(epochs[f"{stage}/{objective}/loss"] for objective in OBJECTIVES)
        np.testing.assert_allclose(epochs[f"{stage}/loss"], expected, rtol=1e-12)
    weights = [f"balance/weight/{objective}" for objective in OBJECTIVES]
    cosines = [f"balance/cosine/{pair}" for pair in ("click_dwell", "click_retention", "dwell_retention")]
    logged = [each for each in epochs if each.startswith("balance/")]
    by_gradient = isinstance(made(name), GradientBalance) or name == "gradnorm"
    conflict = [*cosines, "balance/conflict_share"] if by_gradient else []
    assert logged == ([] if name == "static" else [*weights, *conflict])
    if by_gradient:
        assert (epochs[cosines].abs() <= 1.0).all(axis=None)
        assert epochs["balance/conflict_share"].between(0.0, 1.0).all()


@pytest.mark.parametrize("balance", [UPGrad(), Famo()])
def test_losses_that_are_estimated_can_be_balanced(toy: Any, tmp_path: Path, balance: Balance) -> None:
    result = toy.fit(tmp_path, balance=balance, estimator=DoublyRobust(), max_epochs=2)
    assert result.epochs["train/loss"].is_monotonic_decreasing
    assert np.isfinite(result.epochs).all(axis=None)


@pytest.mark.parametrize("balance", [NashMTL(), UPGrad(gramian="parameters")])
def test_numbers_without_an_embedding_have_gradients_too(toy: Any, tmp_path: Path, balance: Balance) -> None:
    def numbers(window: Any) -> Any:
        return dataclasses.replace(window, categorical=window.categorical[:, :0], lists=())

    schema = InputSchema(categorical=(), numeric=("age", "price"))
    result = toy.fit(
        tmp_path,
        ranker=ranker_of(toy, *OBJECTIVES, schema=schema),
        train=numbers(toy.window(300, 0)),
        validation=numbers(toy.window(120, 1, "validation")),
        balance=balance,
        max_epochs=2,
    )
    assert result.epochs["balance/cosine/click_dwell"].notna().all()
    assert result.epochs["train/loss"].is_monotonic_decreasing


def test_bfloat16_finds_nearly_the_weights_of_full_precision(toy: Any, tmp_path: Path) -> None:
    found = [
        toy.fit(tmp_path / precision, balance=UPGrad(), max_epochs=1, precision=precision).epochs
        for precision in ("32-true", "bf16-mixed")
    ]
    weights = [f"balance/weight/{objective}" for objective in OBJECTIVES]
    np.testing.assert_allclose(found[0][weights], found[1][weights], rtol=0.05)
    assert not found[0].equals(found[1])


def test_a_preference_moves_what_is_learned(toy: Any, tmp_path: Path) -> None:
    dwell = []
    for name, preference in (("low", 0.01), ("high", 100.0)):
        balance = SmoothTchebycheff(preference={"click": 1.0, "dwell": preference, "retention": 1.0}, mu=10.0)
        epochs = toy.fit(tmp_path / name, balance=balance, criterion="train/click/loss").epochs
        dwell.append(epochs["balance/weight/dwell"].iloc[-1] / epochs["balance/weight/click"].iloc[-1])
    assert dwell[0] < 0.02
    assert dwell[1] > 50.0


@pytest.mark.parametrize("balance", [UncertaintyBalance(), DynamicWeightAverage(), Famo()])
def test_a_loss_below_its_bound_ends_the_training_with_what_to_do(
    toy: Any, tmp_path: Path, balance: Any
) -> None:
    balance = dataclasses.replace(balance, lower_bound={"dwell": 1000.0})
    with pytest.raises(UserError, match=r"loss of dwell is .*lower objective\.balance\.lower_bound\.dwell"):
        toy.fit(tmp_path, balance=balance)


class TestAccumulation:
    def test_two_halves_of_a_batch_are_the_batch(self, toy: Any, tmp_path: Path) -> None:
        """Of an outcome that is known everywhere; 300 rows are an odd number of halves."""
        trained = []
        for name, settings in (
            ("whole", {"batch_size": 40}),
            ("halves", {"batch_size": 20, "accumulate_batches": 2}),
        ):
            ranker = ranker_of(toy, "click")
            epochs = toy.fit(tmp_path / name, ranker=ranker, max_epochs=2, **settings).epochs
            trained.append((weights_of(ranker), epochs))
        torch.testing.assert_close(trained[0][0], trained[1][0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(trained[0][1], trained[1][1], rtol=1e-5)

    def test_weights_move_once_a_group(self, toy: Any, tmp_path: Path) -> None:
        # Ten batches of 30 rows, all in one step: the losses of an epoch are those of the fresh model.
        settings = {"batch_size": 30, "max_epochs": 1, "accumulate_batches": 10}
        ranker = toy.ranker()
        fresh = toy.fit(tmp_path / "one", ranker=toy.ranker(), batch_size=300, max_epochs=1).epochs
        epochs = toy.fit(tmp_path / "ten", ranker=ranker, **settings).epochs
        for objective in OBJECTIVES:
            name = f"train/{objective}/loss"
            assert epochs[name].iloc[0] == pytest.approx(fresh[name].iloc[0], rel=1e-6)
        assert not torch.equal(weights_of(ranker), weights_of(toy.ranker()))

    def test_learned_weights_move_once_a_group_too(self, toy: Any, tmp_path: Path) -> None:
        settings = {"batch_size": 30, "max_epochs": 1, "accumulate_batches": 10}
        epochs = toy.fit(tmp_path, balance=UncertaintyBalance(learning_rate=0.5), **settings).epochs
        assert epochs["balance/weight/click"].tolist() == [1.0]
        settings["accumulate_batches"] = 5
        epochs = toy.fit(tmp_path, balance=UncertaintyBalance(learning_rate=0.5), **settings).epochs
        # Half of the batches come after Adam's first step of one learning rate.
        after = math.exp(0.5)
        assert epochs["balance/weight/click"].iloc[0] == pytest.approx((1.0 + after) / 2.0, rel=1e-6)

    def test_another_number_is_another_run(self, toy: Any, tmp_path: Path) -> None:
        toy.fit(tmp_path, max_epochs=1)
        with pytest.raises(UserError, match="accumulate_batches was None and is 2"):
            toy.fit(tmp_path, max_epochs=2, accumulate_batches=2, resume=True)
        with pytest.raises(UserError, match="balance was None and is 'UPGrad'"):
            toy.fit(tmp_path, max_epochs=2, balance=UPGrad(), resume=True)
