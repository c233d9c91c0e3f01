from __future__ import annotations

import pytest
import torch

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.mmoe import GatedExperts, MMoE


def shape_of(width: int) -> RepresentationShape:
    return RepresentationShape(fields=(), embedding_dim=1, num_numeric=width, width=width)


def built() -> GatedExperts:
    torch.manual_seed(0)
    module = MMoE(num_experts=3, expert_widths=[5, 4]).build(shape_of(6), ["click", "dwell"])
    assert isinstance(module, GatedExperts)
    return module.double()


def test_agrees_with_one_expert_and_one_gate_after_another() -> None:
    module, rows = built(), torch.randn(7, 6, dtype=torch.float64)
    gates = module.gate_weights(rows)
    expected = torch.zeros(2, 7, 4, dtype=torch.float64)
    for expert in range(3):
        hidden = rows
        for layer in module.layers:
            hidden = torch.relu(hidden @ layer.weight[expert] + layer.bias[expert])
        for objective in range(2):
            expected[objective] += gates[:, objective, expert, None] * hidden
    torch.testing.assert_close(module(Representation(rows, None, rows[:, :0, None])), expected)


def test_gates_are_shares() -> None:
    gates = built().gate_weights(torch.randn(7, 6, dtype=torch.float64))
    assert gates.shape == (7, 2, 3)
    assert bool((gates > 0).all())
    torch.testing.assert_close(gates.sum(-1), torch.ones(7, 2, dtype=torch.float64))


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
