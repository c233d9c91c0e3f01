from __future__ import annotations

import pytest
import torch
from torch import Tensor

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.mmoe import GatedExperts, MMoE


def shape_of(width: int) -> RepresentationShape:
    return RepresentationShape(fields=(), embedding_dim=1, num_numeric=width, width=width)


def represented(rows: Tensor) -> Representation:
    return Representation(rows, None, rows[:, :0, None])


def built() -> GatedExperts:
    torch.manual_seed(0)
    module = MMoE(num_experts=3, expert_widths=[5, 4]).build(shape_of(6), ["click", "dwell"])
    assert isinstance(module, GatedExperts)
    return module.double()


def test_agrees_with_one_expert_and_one_gate_after_another() -> None:
    module, rows = built(), torch.randn(7, 6, dtype=torch.float64)
    gates = torch.softmax(module.gates(rows).view(7, 2, 3), dim=-1)
    expected = torch.zeros(2, 7, 4, dtype=torch.float64)
    for expert in range(3):
        hidden = rows
        for layer in module.layers:
            hidden = torch.relu(hidden @ layer.weight[expert] + layer.bias[expert])
        for objective in range(2):
            expected[objective] += gates[:, objective, expert, None] * hidden
    torch.testing.assert_close(module(represented(rows)), expected)
    for index, shares in enumerate(module.gate_weights(represented(rows)).values()):
        torch.testing.assert_close(shares, gates[:, index])


def test_gates_are_named_after_objectives_and_mix_all_experts() -> None:
    experts = ("expert_0", "expert_1", "expert_2")
    assert built().gate_experts == {"click": experts, "dwell": experts}


def test_the_order_of_the_experts_changes_nothing() -> None:
    module, rows = built(), represented(torch.randn(7, 6, dtype=torch.float64))
    before, order = module(rows), [2, 0, 1]
    with torch.no_grad():
        for layer in module.layers:
            layer.weight.copy_(layer.weight[order])
            layer.bias.copy_(layer.bias[order])
        for parameter in module.gates.parameters():
            by_gate = parameter.unflatten(0, (2, 3))
            parameter.copy_(by_gate[:, order].flatten(0, 1))
    torch.testing.assert_close(module(rows), before)


def test_no_two_experts_start_alike() -> None:
    for layer in built().layers:
        for first, second in ((0, 1), (0, 2), (1, 2)):
            assert not torch.equal(layer.weight[first], layer.weight[second])
            assert not torch.equal(layer.bias[first], layer.bias[second])


def test_experts_start_as_a_linear_layer_of_their_input_width_would() -> None:
    torch.manual_seed(0)
    module = MMoE(num_experts=2, expert_widths=[200]).build(shape_of(100), ["click"])
    assert isinstance(module, GatedExperts)
    reference = torch.nn.Linear(100, 200)
    weight = module.layers[0].weight
    assert float(weight.detach().abs().max()) <= 0.1
    assert float(weight.detach().std()) == pytest.approx(float(reference.weight.detach().std()), rel=0.02)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="num_experts is 0"):
        MMoE(num_experts=0)
    with pytest.raises(ValueError, match="expert_widths is \\[\\]"):
        MMoE(expert_widths=[])
    with pytest.raises(ValueError, match=r"dropout is 1\.0"):
        MMoE(dropout=1.0)
