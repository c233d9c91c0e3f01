from __future__ import annotations

import pytest
import torch
from torch import Tensor

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.stem import STEM, ListeningLevel, OwnAndSharedExperts

SHAPE = RepresentationShape(fields=(), embedding_dim=1, num_numeric=6, width=6)
OBJECTIVES = ("click", "dwell", "retention")


def built(num_levels: int = 1, num_task_experts: int = 1, num_shared_experts: int = 2) -> OwnAndSharedExperts:
    torch.manual_seed(0)
    module = STEM(
        num_levels=num_levels,
        num_task_experts=num_task_experts,
        num_shared_experts=num_shared_experts,
        expert_widths=[5, 4],
    ).build(SHAPE, OBJECTIVES)
    assert isinstance(module, OwnAndSharedExperts)
    return module.double()


def rows() -> Representation:
    random = torch.Generator().manual_seed(3)
    own = torch.randn(3, 7, 6, dtype=torch.float64, generator=random, requires_grad=True)
    shared = torch.randn(7, 6, dtype=torch.float64, generator=random, requires_grad=True)
    return Representation(shared, own, torch.zeros(7, 0, 1, dtype=torch.float64))


def run(experts: object, index: int, hidden: Tensor) -> Tensor:
    for layer in experts:  # type: ignore[attr-defined]
        hidden = torch.relu(hidden @ layer.weight[index] + layer.bias[index])
    return hidden


@pytest.mark.parametrize("num_levels", [1, 2])
def test_agrees_with_one_expert_and_one_gate_after_another(num_levels: int) -> None:
    module, given = built(num_levels, num_task_experts=2), rows()
    assert given.own is not None
    tasks, shared = list(given.own), given.shared
    for number, level in enumerate(module.levels, start=1):
        assert isinstance(level, ListeningLevel)
        said = [run(level.task_experts, index, tasks[index // 2]) for index in range(6)]
        said += [run(level.shared_experts, index, shared) for index in range(2)]
        gates = [
            torch.softmax(
                (tasks[task] + shared) @ level.task_gates.weight[task] + level.task_gates.bias[task], 1
            )
            for task in range(3)
        ]
        tasks = [sum(gate[:, [index]] * each for index, each in enumerate(said)) for gate in gates]  # type: ignore[misc]
        if number < num_levels:
            assert level.shared_gate is not None
            gate = torch.softmax(level.shared_gate(shared), 1)
            shared = sum(gate[:, [index]] * each for index, each in enumerate(said))  # type: ignore[assignment]
    torch.testing.assert_close(module(given), torch.stack(tasks))


@pytest.mark.parametrize("num_levels", [1, 2, 3])
@pytest.mark.parametrize("objective", [0, 1, 2])
def test_an_objective_listens_to_all_and_teaches_its_own_and_the_shared_alone(
    num_levels: int, objective: int
) -> None:
    module, given = built(num_levels, num_task_experts=2), rows()
    assert given.own is not None
    module(given)[objective].square().sum().backward()
    assert given.own.grad is not None
    assert given.shared.grad is not None
    taught = [bool((each != 0).any()) for each in given.own.grad]
    assert taught == [index == objective for index in range(3)]
    assert bool((given.shared.grad != 0).any())
    for level in module.levels:
        assert isinstance(level, ListeningLevel)
        for layer in level.task_experts:
            assert layer.weight.grad is not None
            by_objective = layer.weight.grad.unflatten(0, (3, 2))
            assert [bool((each != 0).any()) for each in by_objective] == taught
        assert bool((level.shared_experts[0].weight.grad != 0).any())
    # It does hear the others: what they say changes what it says.
    others = given.own.detach().clone()
    others[(objective + 1) % 3] += 5.0
    heard = module(Representation(given.shared, others, given.fields))[objective]
    assert bool((heard != module(given)[objective]).any())


def test_all_objectives_together_get_the_gradient_of_differences_to_their_own_embeddings() -> None:
    """One objective's own gradient is that of the loss with the others' experts held fixed."""
    module, given = built(), rows()
    assert given.own is not None
    (got,) = torch.autograd.grad(module(given)[1].square().sum(), given.own)
    held = [run(module.levels[0].task_experts, index, given.own[index]).detach() for index in range(3)]
    level = module.levels[0]
    assert isinstance(level, ListeningLevel)

    def loss(own: Tensor) -> Tensor:
        said = [held[0], run(level.task_experts, 1, own), held[2]]
        said += [run(level.shared_experts, index, given.shared) for index in range(2)]
        logits = (own + given.shared) @ level.task_gates.weight[1] + level.task_gates.bias[1]
        gate = torch.softmax(logits, 1)
        mixed: Tensor = sum(gate[:, [index]] * each for index, each in enumerate(said))  # type: ignore[assignment]
        return mixed.square().sum()

    (expected,) = torch.autograd.grad(loss(given.own[1]), given.own)
    torch.testing.assert_close(got, expected)


def test_gates_name_all_experts() -> None:
    experts = ("click_0", "dwell_0", "retention_0", "shared_0", "shared_1")
    assert built().gate_experts == dict.fromkeys(OBJECTIVES, experts)
    assert list(built(num_levels=2).gate_experts)[3:5] == ["level_1/shared", "level_2/click"]


def test_the_order_of_the_shared_experts_changes_nothing() -> None:
    module, given = built(), rows()
    before, level = module(given), module.levels[0]
    assert isinstance(level, ListeningLevel)
    with torch.no_grad():
        for layer in level.shared_experts:
            layer.weight.copy_(layer.weight.flip(0))
            layer.bias.copy_(layer.bias.flip(0))
        for parameter in level.task_gates.parameters():
            parameter.copy_(parameter[..., [0, 1, 2, 4, 3]])
    torch.testing.assert_close(module(given), before)


def test_settings_out_of_range_are_named() -> None:
    for name in ("num_levels", "num_task_experts", "num_shared_experts"):
        with pytest.raises(ValueError, match=f"{name} is 0"):
            STEM(**{name: 0})
    with pytest.raises(ValueError, match=r"expert_widths is \[\]"):
        STEM(expert_widths=[])
