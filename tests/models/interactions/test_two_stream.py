from __future__ import annotations

import pytest
import torch

from holdfast.core.representation import EmbeddedFields
from holdfast.models.interactions.concatenation import flattened
from holdfast.models.interactions.two_stream import BilinearFusion, TwoStream

SMALL = {"gate_widths": [3], "first_widths": [5, 4], "second_widths": [6], "num_heads": 2, "output_width": 3}


def test_fusion_agrees_with_one_product_after_another():
    torch.manual_seed(0)
    fusion = BilinearFusion(4, 6, num_heads=2, output_width=3).double()
    first = torch.randn(5, 4, dtype=torch.float64)
    second = torch.randn(5, 6, dtype=torch.float64)
    products = fusion.products.unflatten(2, (3, 3))  # head, x, y, output
    expected = first @ fusion.first.weight.T + fusion.first.bias + second @ fusion.second.weight.T
    for row in range(5):
        for out in range(3):
            for head in range(2):
                for x in range(2):
                    for y in range(3):
                        weight = products[head, x, y, out]
                        expected[row, out] += first[row, 2 * head + x] * weight * second[row, 3 * head + y]
    torch.testing.assert_close(fusion(first, second), expected)


def test_agrees_with_its_parts_one_after_another(shape, fields):
    torch.manual_seed(0)
    module = TwoStream(**SMALL, first_context=["item", "user"]).build(shape).double()
    context = torch.cat([fields.vectors[:, 1], fields.vectors[:, 0]], dim=1)
    gate = module.first_gate.layers
    hidden = torch.relu(context @ gate[0].weight.T + gate[0].bias)
    first_factor = 2 / (1 + torch.exp(-(hidden @ gate[2].weight.T + gate[2].bias)))
    gate = module.second_gate.layers
    hidden = torch.relu(module.second_gate.learned @ gate[0].weight.T + gate[0].bias)
    second_factor = 2 / (1 + torch.exp(-(hidden @ gate[2].weight.T + gate[2].bias)))
    rows = flattened(fields)
    first = module.first_stream(rows * first_factor)
    second = module.second_stream(rows * second_factor)
    torch.testing.assert_close(module(fields), module.fusion(first, second))
    assert module.output_width == 3


def test_a_gate_that_listens_to_a_field_hears_no_other(shape, fields):
    torch.manual_seed(0)
    gate = TwoStream(**SMALL, first_context=["item"]).build(shape).double().first_gate
    changed = fields.vectors.clone()
    changed[:, [0, 2]] += 1.0
    assert torch.equal(gate(changed), gate(fields.vectors))
    changed[:, 1] += 1.0
    assert not torch.allclose(gate(changed), gate(fields.vectors))


def test_streams_of_the_same_sizes_start_different(shape, fields):
    torch.manual_seed(0)
    module = TwoStream(first_widths=[6], second_widths=[6], num_heads=2).build(shape).double()
    rows = flattened(fields)
    assert not torch.allclose(module.first_stream(rows), module.second_stream(rows))
    assert not torch.allclose(module.first_gate(fields.vectors), module.second_gate(fields.vectors))


def test_numbers_take_part(shape, fields):
    torch.manual_seed(0)
    module = TwoStream(**SMALL).build(shape).double()
    other = module(EmbeddedFields(fields.vectors, fields.numeric + 1.0))
    assert not torch.allclose(other, module(fields))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_heads": 0}, "num_heads is 0"),
        ({"output_width": 0}, "output_width is 0"),
        ({"first_widths": []}, r"first_widths is \[\]"),
        ({"second_widths": [8, 0]}, r"second_widths is \[8, 0\]"),
        ({"gate_widths": [0]}, r"gate_widths is \[0\]"),
        ({"second_widths": [10]}, "second_widths ends with 10, which 4 heads do not divide"),
        ({"dropout": 1.0}, r"dropout is 1\.0"),
    ],
)
def test_settings_out_of_range_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        TwoStream(**settings)


def test_an_unknown_context_is_named_with_those_there_are(shape):
    with pytest.raises(ValueError, match=r"second_context names \['color'\].*'user', 'item', 'device'"):
        TwoStream(second_context=["item", "color"]).build(shape)
