"""What a balance does to the gradients of a ranker, held against gradients computed one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from holdfast.core.batch import Batch
from holdfast.core.errors import UserError
from holdfast.data.batches import TensorColumns
from holdfast.models.ranker import Ranker
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.balancing.balance import Balance
from holdfast.objectives.balancing.by_gradient import GradientBalance
from holdfast.objectives.balancing.famo import Famo
from holdfast.objectives.balancing.imtl_g import IMTLG
from holdfast.objectives.balancing.mgda import MGDA
from holdfast.objectives.balancing.upgrad import UPGrad
from holdfast.objectives.estimators.rows import ALONE, Processes
from holdfast.training.module import RankingModule
from holdfast.training.settings import OptimizerSettings


def make(toy: Any, balance: Balance, *, sparse: bool = False) -> RankingModule:
    ranker = toy.ranker(sparse=sparse).double()
    return RankingModule(ranker, balance=balance, optimizer=OptimizerSettings(), seed=0)


def batch_of(toy: Any, rows: int = 40) -> Batch:
    import numpy as np

    window = toy.window(rows, 0)
    columns = TensorColumns(window, np.ones((rows, 3), dtype=np.float32))
    batch = columns.slice(0, rows)
    return replace(batch, inputs=replace(batch.inputs, numeric=batch.inputs.numeric.double()))


def gradients(ranker: Ranker) -> dict[str, Tensor]:
    found = {}
    for name, parameter in ranker.named_parameters():
        if parameter.grad is not None:
            found[name] = parameter.grad.to_dense().clone()
            parameter.grad = None
    return found


def of_each_loss(module: RankingModule, batch: Batch) -> list[dict[str, Tensor]]:
    """Of the same ranker under a balance that weighs nothing."""
    plain = RankingModule(module.ranker, balance=StaticBalance(), optimizer=OptimizerSettings(), seed=0)
    found = []
    for index in range(3):
        plain._forward(batch, ALONE).terms.mean(ALONE)[index].backward()
        found.append(gradients(module.ranker))
    return found


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("balance", [MGDA(), UPGrad(), IMTLG(), UPGrad(gramian="parameters")])
def test_what_objectives_share_is_weighed_and_their_towers_are_not(
    toy: Any, balance: GradientBalance, sparse: bool
) -> None:
    module, batch = make(toy, balance, sparse=sparse), batch_of(toy)
    alone = of_each_loss(module, batch)
    loss, step = module.weighing.loss(module._forward(batch, ALONE), ALONE, seed=0)
    assert step is not None
    assert step.gramian is not None
    loss.backward(**module.weighing.backward_arguments(module))
    found = gradients(module.ranker)
    weights = balance.weights(step.gramian, preference=torch.ones(3), seed=0)
    assert found.keys() == set().union(*alone)
    for name, gradient in found.items():
        parts = [each.get(name, torch.zeros_like(gradient)) for each in alone]
        shares = torch.ones(3) if name.startswith("towers.") else weights
        expected = sum(share * part for share, part in zip(shares, parts, strict=True))
        torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-12, msg=name)


@pytest.mark.parametrize("sparse", [True, False])
def test_the_gramian_of_parameters_is_that_of_gradients_computed_one_by_one(toy: Any, sparse: bool) -> None:
    module, batch = make(toy, MGDA(gramian="parameters"), sparse=sparse), batch_of(toy)
    alone = of_each_loss(module, batch)
    names = [name for name in alone[0] if not name.startswith("towers.")]
    rows = torch.stack([torch.cat([each[name].flatten() for name in names]) for each in alone])
    _, step = module.weighing.loss(module._forward(batch, ALONE), ALONE, seed=0)
    assert step is not None
    torch.testing.assert_close(step.gramian, rows @ rows.T, rtol=1e-9, atol=1e-15)


def test_the_gramian_at_the_representation_is_that_of_its_own_gradients(toy: Any) -> None:
    module, batch = make(toy, MGDA()), batch_of(toy)
    made = module._forward(batch, ALONE)
    losses = made.terms.mean(ALONE)
    rows = torch.stack(
        [
            torch.autograd.grad(each, made.representation.shared, retain_graph=True)[0].flatten()
            for each in losses
        ]
    )
    _, step = module.weighing.loss(made, ALONE, seed=0)
    assert step is not None
    torch.testing.assert_close(step.gramian, rows @ rows.T, rtol=1e-9, atol=1e-18)


def test_weights_by_loss_go_for_the_towers_too(toy: Any) -> None:
    module, batch = make(toy, Famo()), batch_of(toy)
    alone = of_each_loss(module, batch)
    loss, step = module.weighing.loss(module._forward(batch, ALONE), ALONE, seed=0)
    loss.backward()
    assert step is not None
    assert module.weighing.balancer is not None
    weights = module.weighing.balancer.weigh(step)
    for name, gradient in gradients(module.ranker).items():
        parts = [each.get(name, torch.zeros_like(gradient)) for each in alone]
        expected = sum(share * part for share, part in zip(weights, parts, strict=True))
        torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-12, msg=name)


def test_half_of_the_rows_on_each_of_two_processes_find_the_weights_of_all(toy: Any) -> None:
    """Processes that take turns: what the first sends is added to what the second sends, and back."""
    module, batch = make(toy, UPGrad()), batch_of(toy, 40)
    _, whole = module.weighing.loss(module._forward(batch, ALONE), ALONE, seed=0)
    assert whole is not None
    halves = [batch_part(batch, 0, 15), batch_part(batch, 15, 40)]
    known = sum(each.known.sum(0) for each in halves)

    def losses_of(part: Batch) -> Tensor:
        # A process's loss: as many times too large as there are processes.
        terms = module._forward(part, ALONE).terms
        return 2.0 * terms.numerator / known

    total = torch.zeros(3, 3, dtype=torch.float64)
    for part in halves:
        made = module._forward(part, ALONE)
        losses = 2.0 * made.terms.numerator / known
        rows = torch.stack(
            [
                torch.autograd.grad(each, made.representation.shared, retain_graph=True)[0].flatten()
                for each in losses
            ]
        )
        total += rows @ rows.T
    assert whole.gramian is not None
    torch.testing.assert_close(total / 4.0, whole.gramian, rtol=1e-6, atol=1e-15)
    mean = sum(losses_of(part).detach() for part in halves) / 2.0
    torch.testing.assert_close(mean, whole.losses, rtol=1e-6, atol=0.0)


def batch_part(batch: Batch, start: int, end: int) -> Batch:
    def cut(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Tensor):
            return value[start:end]
        if isinstance(value, tuple):
            return tuple(cut(each) for each in value)
        return replace(value, **{name: cut(each) for name, each in vars(value).items()})

    made: Batch = cut(batch)
    return made


def test_exact_gradients_of_several_processes_are_refused(toy: Any) -> None:
    module, batch = make(toy, MGDA(gramian="parameters")), batch_of(toy)
    with pytest.raises(UserError, match=r"gramian=parameters is for checking, in one process"):
        module.weighing.loss(module._forward(batch, ALONE), Processes(lambda each: each, 2), seed=0)


def test_a_gradient_that_is_not_finite_is_told_by_name(toy: Any) -> None:
    module, batch = make(toy, UPGrad()), batch_of(toy)
    with torch.no_grad():
        module.ranker.towers["dwell"][0].weight.fill_(float("nan"))  # type: ignore[index, union-attr, operator]
    with pytest.raises(UserError, match="the gradient of dwell is not finite; lower"):
        module.weighing.loss(module._forward(batch, ALONE), ALONE, seed=0)


def test_a_preference_that_does_not_fit_is_refused_before_training(toy: Any) -> None:
    with pytest.raises(ValueError, match="preference has 1 entries and none for"):
        make(toy, MGDA(preference={"click": 1.0}))


def test_two_processes_with_the_same_rows_have_the_gramian_of_all_rows_together(toy: Any) -> None:
    module, batch = make(toy, UPGrad()), batch_of(toy)
    _, alone = module.weighing.loss(module._forward(batch, ALONE), ALONE, seed=0)
    two = Processes(lambda each: 2.0 * each, 2)
    _, both = module.weighing.loss(module._forward(batch, two), two, seed=0)
    assert alone is not None
    assert both is not None
    torch.testing.assert_close(both.losses, alone.losses)
    # Every row is there twice and counts half: twice the rows, each with a quarter of its products.
    torch.testing.assert_close(both.gramian, alone.gramian / 2.0)
