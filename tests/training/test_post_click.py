"""Losses of heads that are observed only after a click, inside training."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.core.batch import Outcome
from holdfast.core.errors import UserError
from holdfast.core.random import generator
from holdfast.data.batches import TensorColumns
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.heads.surrogate_return import SurrogateReturn
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal
from holdfast.objectives.estimators.doubly_robust import DoublyRobust
from holdfast.objectives.estimators.inverse_propensity import InversePropensity
from holdfast.objectives.estimators.more_robust import MoreRobust
from holdfast.objectives.estimators.naive import Naive
from holdfast.objectives.estimators.rows import ALONE, LossEstimator
from holdfast.objectives.estimators.self_normalised import SelfNormalised
from holdfast.objectives.estimators.stable import Stable
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.training.post_click import PostClickLosses, check_heads, imputed_outcomes

ESTIMATORS = [InversePropensity(), SelfNormalised(), DoublyRobust(), MoreRobust(), Stable()]
UNWEIGHTED = PropensityWeighting(kind="none")
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)


def estimates(toy: Any, estimator: LossEstimator, rows: int = 60) -> Any:
    ranker, window = toy.ranker(), toy.window(rows, 3)
    batch = TensorColumns(window).slice(0, rows)
    mixed = ranker.represent(batch.inputs)
    parameters = ranker.parameters_of(mixed)
    errors = torch.stack(
        [
            head.negative_log_likelihood(parameters[name], batch.outcome(index))
            for index, (name, head) in enumerate(ranker.heads.items())
        ],
        dim=1,
    )
    losses = PostClickLosses(estimator, ranker, seed=0)
    return losses.estimates(errors, parameters, mixed, batch, ALONE), parameters, errors, batch, ranker


def test_ips_of_dwell_by_hand(toy: Any) -> None:
    found, parameters, errors, batch, _ = estimates(toy, InversePropensity(max_weight=3.0))
    chance = torch.sigmoid(parameters["click"][:, 0]).clamp(min=1 / 3)
    clicked = batch.value[:, 0] > 0.5
    expected = (errors[:, 1] / chance)[clicked].sum() / len(batch)
    torch.testing.assert_close(found["dwell"].loss.mean(), expected)
    assert found["dwell"].imputation is None


def test_a_click_whose_dwell_is_not_known_is_outside(toy: Any) -> None:
    window = toy.window(60, 3)
    clicked = np.flatnonzero(window.value[:, 0] > 0.5)[:5]
    known = window.known.copy()
    known[clicked, 1] = False
    kept = np.setdiff1d(np.arange(60), clicked)
    ranker = toy.ranker()

    def loss(each: Any) -> Any:
        batch = TensorColumns(each).slice(0, len(each))
        mixed = ranker.represent(batch.inputs)
        parameters = ranker.parameters_of(mixed)
        errors = ranker.heads["dwell"].negative_log_likelihood(parameters["dwell"], batch.outcome(1))
        made = PostClickLosses(SelfNormalised(), ranker, seed=0).estimates(
            errors[:, None].expand(-1, 3), parameters, mixed, batch, ALONE
        )
        return made["dwell"].loss.mean()

    without = TensorColumns(window).gather(kept)
    columns = {
        name: getattr(window, name)[kept]
        for name in ("categorical", "numeric", "content_seconds", "value", "event", "known", "spread")
    }
    smaller = replace(window, lists=(window.lists[0][kept],), **columns)
    assert len(without) == 55
    torch.testing.assert_close(loss(replace(window, known=known)), loss(smaller))


@every_estimator
def test_no_gradient_reaches_the_click_head_and_the_imputation_reaches_only_itself(
    toy: Any, estimator: LossEstimator
) -> None:
    found, _, _, _, ranker = estimates(toy, estimator)
    found["dwell"].loss.mean().backward(retain_graph=True)
    assert not any(
        each.grad is not None and each.grad.abs().sum() > 0 for each in ranker.towers["click"].parameters()
    )
    assert any(
        each.grad is not None and each.grad.abs().sum() > 0 for each in ranker.towers["dwell"].parameters()
    )
    if estimator.imputes:
        before = [None if each.grad is None else each.grad.clone() for each in ranker.dense_parameters()]
        found["dwell"].imputation.mean().backward()
        after = [each.grad for each in ranker.dense_parameters()]
        for one, other in zip(before, after, strict=True):
            assert (one is None and other is None) or torch.equal(one, other)


@pytest.mark.parametrize("estimator", [DoublyRobust(), MoreRobust()], ids=["DR-JL", "MRDR"])
def test_rows_without_a_click_teach_the_prediction_through_what_is_imputed(
    toy: Any, estimator: LossEstimator
) -> None:
    """Without this gradient DR is IPS: its value would be right, and what it learns would not."""
    found, parameters, _, batch, _ = estimates(toy, estimator)
    parameters["dwell"].retain_grad()
    found["dwell"].loss.mean().backward()
    gradient = parameters["dwell"].grad
    assert gradient is not None
    assert (gradient[batch.value[:, 0] < 0.5].abs().sum(dim=1) > 0.0).all()


def test_whoever_takes_imputed_outcomes_keeps_the_gradient() -> None:
    outcomes = imputed_outcomes(CensoredLogNormal(), torch.zeros(2, 2), content_seconds=torch.ones(2), num=3)
    for _ in outcomes:
        assert torch.is_grad_enabled()


def test_a_retention_head_may_be_estimated_from_clicked_rows(toy: Any) -> None:
    found, parameters, errors, batch, _ = estimates(toy, InversePropensity(objectives=["retention"]))
    chance = torch.sigmoid(parameters["click"][:, 0])
    known = batch.known[:, 2]
    observed = known & (batch.value[:, 0] > 0.5)
    weight = batch.weight[:, 2]
    expected = (weight * errors[:, 2] / chance)[observed].sum() / weight[known].sum()
    torch.testing.assert_close(found["retention"].loss.mean(), expected)


def test_imputed_outcomes_are_equally_likely_and_cut_off_as_true_ones_are() -> None:
    head = CensoredLogNormal()
    content = torch.tensor([1e9, 20.0])
    outcomes = list(imputed_outcomes(head, torch.zeros(2, 2), content_seconds=content, num=3))
    # The head's median is 30 seconds.
    assert float(outcomes[1].value[0]) == pytest.approx(30.0, rel=1e-5)
    assert bool(outcomes[1].event[0])
    assert outcomes[1].value[1] == 20.0
    assert not bool(outcomes[1].event[1])
    levels = [head.survival(torch.zeros(2, 2), each.value[:, None], content)[0, 0] for each in outcomes]
    assert [float(each) for each in levels] == pytest.approx([5 / 6, 1 / 2, 1 / 6], abs=1e-5)


def test_imputed_returns_do_not_exceed_the_horizon() -> None:
    head = DiscreteHazard(horizon_days=4)
    rare = torch.full((1, 4), -9.0)
    (outcome,) = imputed_outcomes(head, rare, content_seconds=torch.tensor([math.inf]), num=1)
    assert outcome.value.tolist() == [4.0]
    assert outcome.event.tolist() == [False]
    sure = torch.tensor([[-30.0, 30.0, 0.0, 0.0]])
    (outcome,) = imputed_outcomes(head, sure, content_seconds=torch.tensor([math.inf]), num=1)
    assert (outcome.value.tolist(), outcome.event.tolist()) == ([2.0], [True])


def test_endless_content_gives_finite_losses() -> None:
    head = CensoredLogNormal()
    wide = torch.tensor([[60.0, 9.0]])
    for outcome in imputed_outcomes(head, wide, content_seconds=torch.tensor([math.inf]), num=4):
        assert torch.isfinite(head.negative_log_likelihood(wide, outcome)).all()


@every_estimator
def test_training_runs_logs_the_propensity_each_epoch_and_exports_the_same_model(
    toy: Any, tmp_path: Path, estimator: LossEstimator
) -> None:
    ranker = toy.ranker()
    result = toy.fit(tmp_path, ranker=ranker, estimator=estimator, max_epochs=3)
    assert result.epochs["train/dwell/loss"].iloc[-1] < result.epochs["train/dwell/loss"].iloc[0]
    for name in ("effective_sample_size", "largest_weight", "clipped_share", "mean_weight", "calibration"):
        assert result.epochs[f"propensity/dwell/{name}"].notna().all()
    trust = result.after_click["dwell"]
    clicks = int(toy.window(300, 0).known[:, 1].sum())
    assert trust["num_rows"] == clicks
    assert 1 < trust["effective_sample_size"] <= clicks
    assert trust["largest_weight"] <= estimator.largest_weight + 1e-4
    assert set(ranker.state_dict()) == set(toy.ranker().state_dict())
    assert torch.load(tmp_path / "best.ckpt", weights_only=True).keys() == ranker.state_dict().keys()


def test_naive_is_what_it_always_was(toy: Any, tmp_path: Path) -> None:
    one = toy.fit(tmp_path / "one", max_epochs=2)
    two = toy.fit(tmp_path / "two", max_epochs=2, estimator=Naive())
    assert one.epochs.equals(two.epochs)
    assert one.after_click == {}


@pytest.mark.parametrize("estimator", [DoublyRobust(), Stable()], ids=["DoublyRobust", "Stable"])
def test_a_stopped_run_goes_on_to_the_same_bits(toy: Any, tmp_path: Path, estimator: LossEstimator) -> None:
    whole = toy.fit(tmp_path / "whole", max_epochs=3, estimator=estimator)

    def stop(progress: Any) -> None:
        if progress.epoch == 1 and progress.batch >= 4:
            raise InterruptedError

    settings = {"estimator": estimator, "checkpoint_every_batches": 2}
    with pytest.raises(InterruptedError):
        toy.fit(tmp_path / "parts", max_epochs=3, on_progress=stop, **settings)
    parts = toy.fit(tmp_path / "parts", max_epochs=3, resume=True, **settings)
    assert parts.epochs.equals(whole.epochs)


def selected_window(toy: Any, rows: int, seed: int, name: str) -> Any:
    """Two kinds of rows, told by the first number: one is clicked often and stays briefly."""
    rng = generator(seed, name)
    window = toy.window(rows, seed, name)
    kind = rng.random(rows) < 0.5
    click = rng.random(rows) < np.where(kind, 0.9, 0.15)
    stay = np.exp(np.where(kind, 1.0, 4.0) + 0.3 * rng.normal(size=rows))
    numeric = np.stack([np.where(kind, 1.0, -1.0), np.zeros(rows)], axis=1).astype(np.float32)
    known, value, event = window.known.copy(), window.value.copy(), window.event.copy()
    known[:, 1], event[:, 1] = click, True
    value[:, 0], value[:, 1] = click, np.where(click, stay, np.nan)
    same = np.zeros_like(window.categorical)
    return replace(
        window,
        numeric=numeric,
        categorical=same,
        lists=(np.zeros_like(window.lists[0]),),
        known=known,
        value=value,
        event=event,
        content_seconds=np.full(rows, np.inf, dtype=np.float32),
        propensity=np.full(rows, np.nan),
    ), float(np.log(stay).mean())


@pytest.mark.parametrize(
    "estimator", [Naive(), SelfNormalised(), MoreRobust(), Stable()], ids=lambda each: type(each).__name__
)
def test_a_head_that_cannot_tell_rows_apart_is_right_on_average_only_with_an_estimator(
    toy: Any, tmp_path: Path, estimator: LossEstimator
) -> None:
    """The dwell tower is cut off from the inputs and can only say one mean: of which rows?"""
    (train, truth), (validation, _) = (
        selected_window(toy, 3000, seed, name) for seed, name in ((0, "train"), (1, "validation"))
    )
    ranker = toy.ranker()
    with torch.no_grad():
        ranker.towers["dwell"][0].weight.zero_()
    ranker.towers["dwell"][0].weight.requires_grad_(False)
    toy.fit(
        tmp_path,
        ranker=ranker,
        train=train,
        validation=validation,
        estimator=estimator,
        max_epochs=12,
        patience=12,
        batch_size=500,
        criterion="train/click/loss",
    )
    batch = TensorColumns(train).slice(0, 1)
    with torch.no_grad():
        mean, _ = ranker.heads["dwell"].mean_and_scale(ranker(batch.inputs)["dwell"])
    # Clicked rows alone: (0.9 * 1 + 0.15 * 4) / 1.05 = 1.43; all rows: 2.5.
    if isinstance(estimator, Naive):
        assert float(mean) < 1.9
    else:
        assert float(mean) == pytest.approx(truth, abs=0.35)


def test_heads_that_cannot_be_estimated_are_refused() -> None:
    click, stay = Bernoulli(), CensoredLogNormal()
    with pytest.raises(UserError, match=r"names \['dwell'\], but the model's heads are \['click'\]"):
        check_heads(SelfNormalised(), {"click": click})
    with pytest.raises(UserError, match="has no click head"):
        check_heads(SelfNormalised(), {"dwell": stay})
    with pytest.raises(UserError, match="ZeroInflatedLogNormal is defined on every row"):
        check_heads(SelfNormalised(), {"click": click, "dwell": ZeroInflatedLogNormal()})
    with pytest.raises(UserError, match="an index that cannot be imputed"):
        check_heads(DoublyRobust(objectives=["retention"]), {"click": click, "retention": SurrogateReturn()})
    check_heads(Naive(), {"dwell": stay})


def test_an_outcome_of_nobody(toy: Any) -> None:
    """A batch without a click: nothing to learn from, and no NaN."""
    ranker, window = toy.ranker(), toy.window(20, 3)
    window.known[:, 1] = False
    window.value[:, 0] = 0.0
    batch = TensorColumns(window).slice(0, 20)
    mixed = ranker.represent(batch.inputs)
    parameters = ranker.parameters_of(mixed)
    errors = torch.zeros(20, 3)
    for estimator in ESTIMATORS:
        made = PostClickLosses(estimator, ranker, seed=0).estimates(errors, parameters, mixed, batch, ALONE)
        assert torch.isfinite(made["dwell"].loss.mean())
        if estimator.imputes:
            assert float(made["dwell"].imputation.mean().detach()) == 0.0
    assert isinstance(batch.outcome(1), Outcome)


@every_estimator
def test_epochs_are_judged_by_snips(toy: Any, tmp_path: Path, estimator: LossEstimator) -> None:
    ranker, window = toy.ranker(), toy.window(120, 1, "validation")
    result = toy.fit(tmp_path, ranker=ranker, estimator=estimator, max_epochs=1, weighting=UNWEIGHTED)
    batch = TensorColumns(window).slice(0, 120)
    with torch.no_grad():
        parameters = ranker(batch.inputs)
        errors = ranker.heads["dwell"].negative_log_likelihood(parameters["dwell"], batch.outcome(1))
    clicked = batch.value[:, 0] > 0.5
    weight = 1.0 / torch.sigmoid(parameters["click"][:, 0]).clamp(min=1.0 / estimator.largest_weight)
    expected = (weight * errors)[clicked].sum() / weight[clicked].sum()
    assert result.epochs["validation/dwell/loss"].iloc[0] == pytest.approx(float(expected), rel=1e-4)


def test_a_run_does_not_go_on_with_another_estimator(toy: Any, tmp_path: Path) -> None:
    toy.fit(tmp_path, estimator=DoublyRobust(), max_epochs=1)
    with pytest.raises(UserError, match="estimator was 'DoublyRobust' and is 'Naive'"):
        toy.fit(tmp_path, max_epochs=2, resume=True)
