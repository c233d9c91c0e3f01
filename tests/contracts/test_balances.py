"""What every balance in configs/objective/balance must do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator

import pytest
import torch
import yaml
from torch import Tensor

from holdfast.app.schema import TARGET, component_class
from holdfast.core.shipped import shipped_folder
from holdfast.objectives.balancing.balance import Balance, Balancer, Step
from holdfast.objectives.balancing.pcgrad import PCGrad

OBJECTIVES = ("click", "dwell", "retention")
ALL = torch.ones(3, dtype=torch.bool)
FOLDER = shipped_folder("configs") / "objective" / "balance"


def balances() -> Iterator[tuple[str, Balance]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        values = yaml.safe_load(path.read_text())
        yield path.stem, component_class(values.pop(TARGET))(**values)


BALANCES = dict(balances())
WEIGHING = {name: each for name, each in BALANCES.items() if each.build(OBJECTIVES) is not None}
every = pytest.mark.parametrize("balance", BALANCES.values(), ids=BALANCES)
weighing = pytest.mark.parametrize("balance", WEIGHING.values(), ids=WEIGHING)


def steps(count: int = 4, *, order: list[int] | None = None, conflicts: bool = True) -> list[Step]:
    """Batches of a made-up training; with another order, the same with the objectives renamed."""
    rng = torch.Generator().manual_seed(0)
    made = []
    for index in range(count):
        jacobian = torch.randn(3, 6, dtype=torch.float64, generator=rng)
        losses = torch.rand(3, dtype=torch.float64, generator=rng) + 0.2
        gramian = jacobian @ jacobian.T if conflicts else torch.diag(jacobian.square().sum(1))
        if order is not None:
            losses, gramian = losses[order], gramian[order][:, order]
        made.append(Step(losses, ALL, gramian, seed=index))
    return made


def trained(balance: Balance, batches: list[Step]) -> tuple[Balancer, Tensor]:
    """A balancer after the batches, of which an epoch ends after every other one, and its next weights."""
    balancer = balance.build(OBJECTIVES)
    assert balancer is not None
    learned = balancer.learned()
    optimizer = torch.optim.Adam(learned, lr=balancer.learning_rate) if learned else None
    for index, step in enumerate(batches):
        balancer.weigh(step)
        if optimizer is not None:
            optimizer.zero_grad()
        balancer.learn(step)
        if balancer.looks_back:
            # Each loss falls by a share of its own, whatever it is called.
            balancer.look_back(step, step.losses * (1.0 - 0.1 * step.losses))
        if optimizer is not None:
            optimizer.step()
        balancer.moved()
        if index % 2:
            balancer.end_epoch(step.losses)
    return balancer, balancer.weigh(batches[0])


def test_they_are_all_here() -> None:
    assert len(BALANCES) == 13
    assert set(BALANCES) - set(WEIGHING) == {"static"}


@every
def test_is_a_balance_that_knows_the_objectives(balance: Balance) -> None:
    assert isinstance(balance, Balance)
    balance.check(OBJECTIVES)
    balance.check(("click",))
    losses = {name: torch.tensor(2.0) for name in OBJECTIVES}
    # By default all judge alike, so that their runs compare.
    assert balance.combine(losses).item() == 6.0


@weighing
def test_gives_one_finite_weight_an_objective(balance: Balance) -> None:
    for step in steps():
        _, weights = trained(balance, [step])
        assert weights.shape == (3,)
        assert bool(weights.isfinite().all())
        assert not weights.requires_grad


@weighing
def test_renaming_the_objectives_renames_the_weights(balance: Balance) -> None:
    # The orders of PCGrad are drawn by place; without conflict they decide nothing.
    conflicts = not isinstance(balance, PCGrad)
    order = [2, 0, 1]
    _, plain = trained(balance, steps(conflicts=conflicts))
    _, renamed = trained(balance, steps(order=order, conflicts=conflicts))
    torch.testing.assert_close(renamed, plain[order], rtol=1e-7, atol=1e-9)


@weighing
def test_the_same_batches_give_the_same_bits(balance: Balance) -> None:
    (one, first), (other, second) = trained(balance, steps()), trained(balance, steps())
    assert torch.equal(first, second)
    for each, twin in zip(one.buffers(), other.buffers(), strict=True):
        assert torch.equal(each, twin)


@weighing
def test_weighing_changes_nothing(balance: Balance) -> None:
    balancer, _ = trained(balance, steps())
    before = copy.deepcopy(balancer.state_dict())
    assert torch.equal(balancer.weigh(steps()[0]), balancer.weigh(steps()[0]))
    assert all(torch.equal(each, balancer.state_dict()[name]) for name, each in before.items())


@weighing
def test_the_state_is_all_that_it_remembers(balance: Balance) -> None:
    balancer, weights = trained(balance, steps())
    fresh = balance.build(OBJECTIVES)
    assert fresh is not None
    fresh.load_state_dict(balancer.state_dict())
    assert torch.equal(fresh.weigh(steps()[0]), weights)


@every
def test_settings_and_what_they_build_survive_pickling(balance: Balance) -> None:
    assert pickle.loads(pickle.dumps(balance)) == balance
    built = balance.build(OBJECTIVES)
    if built is not None:
        again = pickle.loads(pickle.dumps(built))
        assert torch.equal(again.weigh(steps()[0]), built.weigh(steps()[0]))


@weighing
def test_an_absent_objective_leaves_finite_weights_and_state(balance: Balance) -> None:
    gramian = steps()[0].gramian
    assert gramian is not None
    for gone in ([1], [0, 2], [0, 1, 2]):
        present, inner, losses = ALL.clone(), gramian.clone(), torch.tensor([0.7, 1.0, 2.0]).double()
        present[gone], losses[gone] = False, 0.0
        inner[gone], inner[:, gone] = 0.0, 0.0
        balancer, weights = trained(balance, [Step(losses, present, inner, seed=0)])
        assert bool(weights.isfinite().all())
        moved = [each for each in balancer.learned() if each.grad is not None]
        assert all(bool(each.grad[gone].eq(0.0).all()) for each in moved)  # type: ignore[index]
        assert all(bool(each.isfinite().all()) for each in balancer.learned())


@weighing
@pytest.mark.parametrize("scale", [1e-24, 1e24])
def test_the_scale_of_gradients_alone_decides_nothing_but_a_scale(balance: Balance, scale: float) -> None:
    step = steps()[0]
    assert step.gramian is not None
    scaled = Step(step.losses, step.present, scale * step.gramian, step.seed)
    weights = [trained(balance, [each])[1] for each in (step, scaled)]
    torch.testing.assert_close(
        weights[1] / weights[1].sum(), weights[0] / weights[0].sum(), rtol=1e-6, atol=0
    )


@weighing
def test_losses_may_be_in_single_precision(balance: Balance) -> None:
    step = steps()[0]
    single = Step(step.losses.float(), step.present, step.gramian, step.seed)
    torch.testing.assert_close(
        trained(balance, [single])[1].double(), trained(balance, [step])[1].double(), rtol=1e-4, atol=1e-6
    )
