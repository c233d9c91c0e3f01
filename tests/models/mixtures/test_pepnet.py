from __future__ import annotations

import pytest
import torch
from torch import Tensor

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.pepnet import GateUnit, PEPNet, PersonalisedTrunks

SHAPE = RepresentationShape(
    fields=("device", "user_id", "item_id", "history"), embedding_dim=2, num_numeric=1, width=6
)


def built(prior: list[str] | None = None) -> PersonalisedTrunks:
    torch.manual_seed(0)
    settings = PEPNet(widths=[5, 4], gate_width=3, prior=prior or ["user_id", "item_id"])
    module = settings.build(SHAPE, ["click", "dwell"])
    assert isinstance(module, PersonalisedTrunks)
    return module.double()


def rows() -> Representation:
    random = torch.Generator().manual_seed(3)
    shared = torch.randn(7, 6, dtype=torch.float64, generator=random, requires_grad=True)
    fields = torch.randn(7, 4, 2, dtype=torch.float64, generator=random, requires_grad=True)
    return Representation(shared, None, fields)


def gate_by_hand(unit: GateUnit, asked: Tensor) -> Tensor:
    hidden = (asked @ unit.hidden.weight.T + unit.hidden.bias).clamp(min=0.0)
    return 2.0 / (1.0 + torch.exp(-(hidden @ unit.output.weight.T + unit.output.bias)))


def test_agrees_with_the_equations() -> None:
    module, given = built(), rows()
    prior = torch.cat([given.fields[:, 1], given.fields[:, 2]], dim=1)
    gated = given.shared * gate_by_hand(module.representation_gate, torch.cat([prior, given.shared], 1))
    asked, expected = torch.cat([prior, gated], 1), []
    for task in range(2):
        hidden = gated
        for layer, unit, width in zip(module.layers, module.layer_gates, (5, 4), strict=True):
            assert isinstance(unit, GateUnit)
            gates = gate_by_hand(unit, asked)[:, task * width : (task + 1) * width]
            hidden = gates * torch.relu(hidden @ layer.weight[task] + layer.bias[task])
        expected.append(hidden)
    torch.testing.assert_close(module(given), torch.stack(expected))


def test_gates_read_the_representation_without_teaching_it() -> None:
    module, given = built(), rows()
    (got,) = torch.autograd.grad(module(given).square().sum(), given.shared)
    fixed = given.shared.detach()
    prior = torch.cat([given.fields[:, 1], given.fields[:, 2]], dim=1)
    first = module.representation_gate(torch.cat([prior, fixed], 1))
    asked = torch.cat([prior, (first * fixed)], 1)
    hidden = (first * given.shared).expand(2, 7, 6)
    for layer, unit in zip(module.layers, module.layer_gates, strict=True):
        gates = unit(asked).unflatten(1, (2, -1)).transpose(0, 1)
        hidden = gates.detach() * torch.relu(layer(hidden))
    (expected,) = torch.autograd.grad(hidden.square().sum(), given.shared)
    torch.testing.assert_close(got, expected)


def test_the_prior_is_made_of_the_fields_named_and_learns() -> None:
    given = rows()
    built(["item_id"])(given).sum().backward()
    assert given.fields.grad is not None
    taught = [bool((given.fields.grad[:, place] != 0).any()) for place in range(4)]
    assert taught == [False, False, True, False]


def test_fields_that_a_model_lacks_are_passed_over_but_one_must_be_there() -> None:
    assert built(["author", "history"]).prior_fields.tolist() == [3]
    with pytest.raises(ValueError, match=r"prior is \['author'\].* choose from \['device', 'user_id'"):
        built(["author"])


def test_fresh_gates_turn_nothing_up_or_down_by_much() -> None:
    given = rows()
    prior = given.fields[:, 1:3].flatten(1)
    gates = built().representation_gate(torch.cat([prior, given.shared], 1))
    assert 0.4 < float(gates.detach().min()) < float(gates.detach().max()) < 1.6


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"prior is \[\]"):
        PEPNet(prior=[])
    with pytest.raises(ValueError, match="each once"):
        PEPNet(prior=["item_id", "item_id"])
    with pytest.raises(ValueError, match="gate_width is 0"):
        PEPNet(gate_width=0)
    with pytest.raises(ValueError, match=r"widths is \[\]"):
        PEPNet(widths=[])
