from __future__ import annotations

import pytest
import torch
from torch import Tensor

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.adatt import AdaTT, FusionLevel, TaskToTaskFusion

SHAPE = RepresentationShape(fields=(), embedding_dim=1, num_numeric=6, width=6)
ROWS = Representation(
    torch.randn(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3)),
    None,
    torch.zeros(7, 0, 1, dtype=torch.float64),
)


def built(num_levels: int, num_task_experts: int) -> TaskToTaskFusion:
    torch.manual_seed(0)
    settings = AdaTT(num_levels=num_levels, num_task_experts=num_task_experts, expert_widths=[5, 4])
    module = settings.build(SHAPE, ["click", "dwell", "retention"])
    assert isinstance(module, TaskToTaskFusion)
    return module.double()


def by_hand(module: TaskToTaskFusion, num_task_experts: int) -> Tensor:
    inputs = [ROWS.shared] * 3
    for level in module.levels:
        assert isinstance(level, FusionLevel)
        said = []
        for index in range(3 * num_task_experts):
            hidden = inputs[index // num_task_experts]
            for layer in level.experts:
                hidden = torch.relu(hidden @ layer.weight[index] + layer.bias[index])
            said.append(hidden)
        fused = []
        for task in range(3):
            gate = torch.softmax(inputs[task] @ level.gates.weight[task] + level.gates.bias[task], dim=1)
            total = sum(gate[:, [index]] * each for index, each in enumerate(said))
            for own in range(num_task_experts):
                weight = 1.0 if level.native is None else level.native[task, own]
                total = total + weight * said[task * num_task_experts + own]
            fused.append(total)
        inputs = fused
    return torch.stack(inputs)


@pytest.mark.parametrize(("num_levels", "num_task_experts"), [(1, 1), (1, 2), (2, 1), (3, 2)])
def test_agrees_with_one_expert_and_one_gate_after_another(num_levels: int, num_task_experts: int) -> None:
    module = built(num_levels, num_task_experts)
    torch.testing.assert_close(module(ROWS), by_hand(module, num_task_experts))


def test_an_objectives_own_expert_gets_through_where_its_gate_is_shut() -> None:
    module = built(1, 1)
    level = module.levels[0]
    assert isinstance(level, FusionLevel)
    with torch.no_grad():
        level.gates.weight.zero_()
        level.gates.bias.zero_()
        level.gates.bias[0, 0, 2] = 60.0  # click listens to the expert of retention alone
    said = level.experts(ROWS.shared)
    torch.testing.assert_close(module(ROWS)[0], said[2] + said[0])
    torch.testing.assert_close(
        module.gate_weights(ROWS)["click"][:, module.gate_experts["click"].index("retention_0")],
        torch.ones(7, dtype=torch.float64),
    )


def test_the_order_of_an_objectives_experts_changes_nothing() -> None:
    module = built(2, 2)
    before, order = module(ROWS), [1, 0, 3, 2, 5, 4]
    with torch.no_grad():
        for level in module.levels:
            assert isinstance(level, FusionLevel)
            for layer in level.experts:
                layer.weight.copy_(layer.weight[order])
                layer.bias.copy_(layer.bias[order])
            for parameter in level.gates.parameters():
                parameter.copy_(parameter[..., order])
            assert level.native is not None
            level.native.copy_(level.native.flip(1))
    torch.testing.assert_close(module(ROWS), before)


def test_the_linear_fusion_starts_within_the_bound_of_the_authors() -> None:
    native = built(1, 2).levels[0].native
    assert native is not None
    assert 0.0 < float(native.detach().abs().max()) <= 0.5**0.5


def test_settings_out_of_range_are_named() -> None:
    for name in ("num_levels", "num_task_experts"):
        with pytest.raises(ValueError, match=f"{name} is 0"):
            AdaTT(**{name: 0})
    with pytest.raises(ValueError, match=r"expert_widths is \[0\]"):
        AdaTT(expert_widths=[0])
