from __future__ import annotations

import pytest
import torch
from torch import Tensor

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.ple import PLE, ExtractionLevel, ProgressiveExtraction
from holdfast.models.parallel import ParallelExperts

SHAPE = RepresentationShape(fields=(), embedding_dim=1, num_numeric=6, width=6)
OBJECTIVES = ("click", "dwell")
ROWS = Representation(
    torch.randn(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3)),
    None,
    torch.zeros(7, 0, 1, dtype=torch.float64),
)


def built(
    num_levels: int = 2, num_task_experts: int = 2, num_shared_experts: int = 3
) -> ProgressiveExtraction:
    torch.manual_seed(0)
    module = PLE(
        num_levels=num_levels,
        num_task_experts=num_task_experts,
        num_shared_experts=num_shared_experts,
        expert_widths=[5, 4],
    ).build(SHAPE, OBJECTIVES)
    assert isinstance(module, ProgressiveExtraction)
    return module.double()


def run_expert(experts: ParallelExperts, index: int, rows: Tensor) -> Tensor:
    for layer in experts:
        rows = torch.relu(rows @ layer.weight[index] + layer.bias[index])
    return rows


def by_hand(module: ProgressiveExtraction) -> list[Tensor]:
    """One expert, one gate and one row after another, as the paper has it."""
    inputs = dict.fromkeys((*OBJECTIVES, "shared"), ROWS.shared)
    for number, level in enumerate(module.levels, start=1):
        assert isinstance(level, ExtractionLevel)
        shared = [run_expert(level.shared_experts, index, inputs["shared"]) for index in range(3)]
        own = {
            name: [run_expert(level.task_experts, 2 * place + index, inputs[name]) for index in range(2)]
            for place, name in enumerate(OBJECTIVES)
        }
        made = {}
        for place, name in enumerate(OBJECTIVES):
            gate = torch.softmax(
                inputs[name] @ level.task_gates.weight[place] + level.task_gates.bias[place], 1
            )
            visible = [*own[name], *shared]
            made[name] = sum(gate[:, [index]] * each for index, each in enumerate(visible))
        if number < len(module.levels):
            assert level.shared_gate is not None
            gate = torch.softmax(level.shared_gate(inputs["shared"]), 1)
            visible = [*own["click"], *own["dwell"], *shared]
            made["shared"] = sum(gate[:, [index]] * each for index, each in enumerate(visible))
        else:
            assert level.shared_gate is None
        inputs = made
    return [inputs[name] for name in OBJECTIVES]


@pytest.mark.parametrize("num_levels", [1, 2, 3])
def test_agrees_with_one_expert_and_one_gate_after_another(num_levels: int) -> None:
    module = built(num_levels)
    torch.testing.assert_close(module(ROWS), torch.stack(by_hand(module)))


def changed_by(module: ProgressiveExtraction, experts: ParallelExperts, index: int) -> list[bool]:
    """Which objectives notice that an expert says something else; its output grows, whatever it was."""
    before = module(ROWS)
    with torch.no_grad():
        experts[-1].bias[index] += 10.0
    after = module(ROWS)
    with torch.no_grad():
        experts[-1].bias[index] -= 10.0
    return [bool((one != two).any()) for one, two in zip(before, after, strict=True)]


def test_an_expert_of_an_objective_reaches_that_one_alone_in_the_last_level() -> None:
    module = built(num_levels=2)
    last = module.levels[1]
    assert isinstance(last, ExtractionLevel)
    assert [changed_by(module, last.task_experts, index) for index in range(4)] == [
        [True, False],
        [True, False],
        [False, True],
        [False, True],
    ]
    assert [changed_by(module, last.shared_experts, index) for index in range(3)] == [[True, True]] * 3


def test_below_the_last_level_it_reaches_the_others_by_way_of_the_shared_gate() -> None:
    module = built(num_levels=2)
    first, last = module.levels
    assert isinstance(first, ExtractionLevel)
    assert isinstance(last, ExtractionLevel)
    assert [changed_by(module, first.task_experts, index) for index in range(4)] == [[True, True]] * 4
    # The way there leads through the last level's shared experts, and nowhere else.
    with torch.no_grad():
        for layer in last.shared_experts:
            layer.weight.zero_()
    assert changed_by(module, first.task_experts, 0) == [True, False]
    assert changed_by(module, first.task_experts, 3) == [False, True]


def test_gates_name_what_they_see() -> None:
    one = built(num_levels=1, num_task_experts=1, num_shared_experts=2)
    assert one.gate_experts == {
        "click": ("click_0", "shared_0", "shared_1"),
        "dwell": ("dwell_0", "shared_0", "shared_1"),
    }
    two = built(num_levels=2, num_task_experts=1, num_shared_experts=1)
    assert list(two.gate_experts) == [
        "level_1/click",
        "level_1/dwell",
        "level_1/shared",
        "level_2/click",
        "level_2/dwell",
    ]
    assert two.gate_experts["level_1/shared"] == ("click_0", "dwell_0", "shared_0")


def test_gate_weights_are_those_of_the_expert_named() -> None:
    module = built(num_levels=1)
    level = module.levels[0]
    assert isinstance(level, ExtractionLevel)
    with torch.no_grad():
        level.task_gates.bias[1, 0, 3] += 50.0  # the second shared expert, for dwell
    weights = module.gate_weights(ROWS)
    place = module.gate_experts["dwell"].index("shared_1")
    torch.testing.assert_close(weights["dwell"][:, place], torch.ones(7, dtype=torch.float64))
    torch.testing.assert_close(module(ROWS)[1], run_expert(level.shared_experts, 1, ROWS.shared))


def test_the_order_of_the_shared_experts_changes_nothing() -> None:
    module = built(num_levels=2)
    before, order = module(ROWS), [2, 0, 1]
    with torch.no_grad():
        for level in module.levels:
            assert isinstance(level, ExtractionLevel)
            for layer in level.shared_experts:
                layer.weight.copy_(layer.weight[order])
                layer.bias.copy_(layer.bias[order])
            places = [0, 1, *(2 + index for index in order)]
            for parameter in level.task_gates.parameters():
                parameter.copy_(parameter[..., places])
            if level.shared_gate is not None:
                places = [0, 1, 2, 3, *(4 + index for index in order)]
                for parameter in level.shared_gate.parameters():
                    parameter.copy_(parameter[places])
    torch.testing.assert_close(module(ROWS), before)


@pytest.mark.parametrize("name", ["num_levels", "num_task_experts", "num_shared_experts"])
def test_numbers_of_nothing_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0"):
        PLE(**{name: 0})


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"expert_widths is \[\]"):
        PLE(expert_widths=[])
    with pytest.raises(ValueError, match=r"dropout is -0\.1"):
        PLE(dropout=-0.1)
