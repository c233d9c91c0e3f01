"""What every estimator of a loss must keep; an estimator joins by being listed."""

from __future__ import annotations

import math
import pickle
import threading
from typing import Any

import pytest
import torch
from torch import Tensor

from holdfast.objectives.estimators.doubly_robust import DoublyRobust
from holdfast.objectives.estimators.inverse_propensity import InversePropensity
from holdfast.objectives.estimators.more_robust import MoreRobust
from holdfast.objectives.estimators.naive import Naive
from holdfast.objectives.estimators.rows import LossEstimator, PartialErrors, Processes
from holdfast.objectives.estimators.self_normalised import SelfNormalised
from holdfast.objectives.estimators.stable import Stable

ESTIMATORS = [
    Naive(),
    InversePropensity(),
    InversePropensity(max_weight=5.0),
    SelfNormalised(),
    DoublyRobust(),
    MoreRobust(),
    Stable(),
]
ROWS = 40
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)


class Case:
    """Random rows whose predictions are a function of two parameters."""

    def __init__(self, seed: int = 0, rows: int = ROWS) -> None:
        generator = torch.Generator().manual_seed(seed)

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(rows, generator=generator, dtype=torch.float64)

        self.inputs, self.label, self.guess = uniform(-1, 1), uniform(0, 2), uniform(0, 2)
        self.propensity, self.weight = uniform(0.1, 1), uniform(0.2, 2)
        self.observed, self.where = uniform(0, 1) < self.propensity, uniform(0, 1) < 0.8

    def rows(self, parameters: Tensor, part: Any = slice(None), **changes: Tensor) -> PartialErrors:
        prediction = parameters[0] + parameters[1] * self.inputs
        given = {
            "errors": (prediction - self.label).square(),
            "observed": self.observed,
            "propensity": self.propensity,
            "where": self.where,
            "weight": self.weight,
            "imputed": (prediction - self.guess).square(),
            **changes,
        }
        return PartialErrors(**{name: each[part] for name, each in given.items()})


def parameters() -> Tensor:
    return torch.tensor([0.3, -0.2], dtype=torch.float64, requires_grad=True)


def value_and_gradient(
    estimator: LossEstimator, case: Case, part: Any = slice(None), **changes: Tensor
) -> Tensor:
    leaf = parameters()
    loss = estimator.terms(case.rows(leaf, part, **changes)).mean()
    (gradient,) = torch.autograd.grad(loss, leaf)
    return torch.cat([loss.detach()[None], gradient])


@every_estimator
def test_it_is_a_loss_estimator_and_can_be_sent(estimator: LossEstimator) -> None:
    assert isinstance(estimator, LossEstimator)
    assert pickle.loads(pickle.dumps(estimator)) == estimator
    assert estimator.largest_weight >= 1.0
    assert (estimator.imputation_weight(torch.tensor([0.1, 0.5, 1.0])) >= 0.0).all()


@every_estimator
def test_rows_may_come_in_any_order(estimator: LossEstimator) -> None:
    case, order = Case(), torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        value_and_gradient(estimator, case), value_and_gradient(estimator, case, order), rtol=1e-9, atol=1e-9
    )


@every_estimator
@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_what_does_not_count_changes_neither_value_nor_gradient(estimator: LossEstimator, odd: float) -> None:
    case = Case()
    label = case.label.masked_fill(~(case.observed & case.where), odd)
    guess = case.guess.masked_fill(~case.where, odd)
    propensity = case.propensity.masked_fill(~case.where, odd)
    weight = case.weight.masked_fill(~case.where, odd)
    leaf = parameters()
    prediction = leaf[0] + leaf[1] * case.inputs
    # As heads do it, the loss is masked before the maths; here the mask is all that stands between.
    rows = PartialErrors(
        (prediction.masked_fill(~(case.observed & case.where), 0.0) - label).square(),
        observed=case.observed,
        propensity=propensity,
        where=case.where,
        weight=weight,
        imputed=(prediction.masked_fill(~case.where, 0.0) - guess).square(),
    )
    loss = estimator.terms(rows).mean()
    (gradient,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(
        torch.cat([loss.detach()[None], gradient]), value_and_gradient(estimator, case)
    )


@every_estimator
def test_weights_of_one_are_no_weights(estimator: LossEstimator) -> None:
    case = Case()
    ones = torch.ones_like(case.weight)
    plain = estimator.terms(
        PartialErrors(
            case.label,
            observed=case.observed,
            propensity=case.propensity,
            where=case.where,
            imputed=case.guess,
        )
    ).mean()
    weighted = estimator.terms(
        PartialErrors(
            case.label,
            observed=case.observed,
            propensity=case.propensity,
            where=case.where,
            weight=ones,
            imputed=case.guess,
        )
    ).mean()
    torch.testing.assert_close(plain, weighted)


@every_estimator
def test_where_everything_is_observed_for_sure_it_is_the_mean(estimator: LossEstimator) -> None:
    case = Case()
    sure = {"observed": torch.ones_like(case.observed), "propensity": torch.ones_like(case.propensity)}
    loss = value_and_gradient(
        estimator, case, where=torch.ones_like(case.where), weight=torch.ones(ROWS), **sure
    )
    leaf = parameters()
    mean = (leaf[0] + leaf[1] * case.inputs - case.label).square().mean()
    torch.testing.assert_close(loss[0], mean.detach())
    torch.testing.assert_close(loss[1:], torch.autograd.grad(mean, leaf)[0])


@every_estimator
def test_the_gradient_is_that_of_the_value(estimator: LossEstimator) -> None:
    if isinstance(estimator, Stable):
        # Its weights are held fixed, as propensities are: check with imputed losses that do not move.
        fixed = Case().rows(parameters().detach()).imputed.detach()
        assert torch.autograd.gradcheck(
            lambda leaf: estimator.terms(Case().rows(leaf, imputed=fixed)).mean(), parameters()
        )
        return
    assert torch.autograd.gradcheck(lambda leaf: estimator.terms(Case().rows(leaf)).mean(), parameters())


@every_estimator
def test_no_gradient_goes_through_the_propensity(estimator: LossEstimator) -> None:
    case = Case()
    chance = case.propensity.clone().requires_grad_()
    loss = estimator.terms(case.rows(parameters(), propensity=chance)).mean()
    (gradient,) = torch.autograd.grad(loss, chance, allow_unused=True)
    assert gradient is None


@every_estimator
@pytest.mark.parametrize("nothing", ["where", "observed"])
def test_nothing_to_learn_from_is_a_zero_with_a_zero_gradient(estimator: LossEstimator, nothing: str) -> None:
    case = Case()
    none = torch.zeros(ROWS, dtype=torch.bool)
    found = value_and_gradient(estimator, case, **{nothing: none})
    assert torch.isfinite(found).all()
    if nothing == "where" or not estimator.imputes or isinstance(estimator, Stable):
        assert found.tolist() == [0.0, 0.0, 0.0]


@every_estimator
def test_no_row_at_all(estimator: LossEstimator) -> None:
    empty = torch.zeros(0, dtype=torch.int64)
    assert value_and_gradient(estimator, Case(), empty).tolist() == [0.0, 0.0, 0.0]


@every_estimator
def test_float32_gives_the_same(estimator: LossEstimator) -> None:
    case = Case()
    double = estimator.terms(case.rows(parameters())).mean()
    single = Case()
    for name in ("inputs", "label", "guess", "propensity", "weight"):
        setattr(single, name, getattr(single, name).float())
    loss = estimator.terms(single.rows(parameters().detach().float())).mean()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), double.detach(), rtol=1e-4, atol=1e-5)


class Meeting:
    """Two threads in place of two processes: each waits for the other wherever a sum is asked for."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=30)
        self.parts: dict[int, Tensor] = {}

    def of(self, rank: int) -> Processes:
        def reduce_sum(tensor: Tensor) -> Tensor:
            self.parts[rank] = tensor.detach()
            self.barrier.wait()
            total = self.parts[0] + self.parts[1]
            self.barrier.wait()
            return total

        return Processes(reduce_sum, 2)


@every_estimator
@pytest.mark.parametrize("cut", [5, 20, 40])
def test_two_processes_average_to_one(estimator: LossEstimator, cut: int) -> None:
    case, meeting, gradients = Case(), Meeting(), {}

    def work(rank: int, part: slice) -> None:
        leaf, across = parameters(), meeting.of(rank)
        loss = estimator.terms(case.rows(leaf, part), across).mean(across)
        gradients[rank] = torch.cat([loss.detach()[None], torch.autograd.grad(loss, leaf)[0]])

    threads = [
        threading.Thread(target=work, args=each) for each in ((0, slice(0, cut)), (1, slice(cut, ROWS)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = (gradients[0] + gradients[1]) / 2
    torch.testing.assert_close(together, value_and_gradient(estimator, case), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [InversePropensity, SelfNormalised, DoublyRobust, MoreRobust, Stable])
def test_settings_out_of_range_are_named(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"max_weight is 0\.5"):
        kind(max_weight=0.5)
    with pytest.raises(ValueError, match="name each head once"):
        kind(objectives=[])
    with pytest.raises(ValueError, match="take click off objectives"):
        kind(objectives=["click", "dwell"])


def test_more_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="num_imputations is 0"):
        DoublyRobust(num_imputations=0)
    with pytest.raises(ValueError, match="treats every head alike"):
        Naive(objectives=["dwell"])
