from __future__ import annotations

import pytest
import torch
from torch import nn

from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.interactions.self_attention import AttentionLayer, SelfAttention


def test_a_layer_agrees_with_pytorchs_attention():
    torch.manual_seed(0)
    layer = AttentionLayer(6, 6, num_heads=3).double()
    theirs = nn.MultiheadAttention(6, 3, bias=False, batch_first=True).double()
    query, key, value, residual = layer.projection.weight.detach().chunk(4)
    theirs.in_proj_weight.data = torch.cat([query, key, value])
    theirs.out_proj.weight.data = torch.eye(6, dtype=torch.float64)
    fields = torch.randn(5, 7, 6, dtype=torch.float64)
    attended, _ = theirs(fields, fields, fields, need_weights=False)
    torch.testing.assert_close(layer(fields), torch.relu(attended + fields @ residual.T))


def test_the_last_layer_side_by_side(shape, fields):
    torch.manual_seed(0)
    module = SelfAttention(num_layers=2, num_heads=2, attention_width=6).build(shape).double()
    assert module.output_width == 5 * 6
    expected = module.layers[1](module.layers[0](module.numeric(fields))).flatten(1)
    assert torch.equal(module(fields), expected)


def test_permuted_fields_are_permuted_and_nothing_else(shape, fields):
    torch.manual_seed(0)
    module = SelfAttention().build(shape).double()
    swapped = EmbeddedFields(fields.vectors[:, [2, 0, 1]], fields.numeric)
    out = module(fields).unflatten(1, (5, -1))
    torch.testing.assert_close(module(swapped).unflatten(1, (5, -1)), out[:, [2, 0, 1, 3, 4]])


def test_one_field_attends_to_itself():
    torch.manual_seed(0)
    module = SelfAttention(num_layers=1).build(FieldsShape(fields=("a",), embedding_dim=4, num_numeric=0))
    vectors = torch.randn(3, 1, 4)
    _, _, value, residual = module.layers[0].projection.weight.chunk(4)
    expected = torch.relu(vectors[:, 0] @ (value + residual).T)
    torch.testing.assert_close(module(EmbeddedFields(vectors, torch.zeros(3, 0))), expected)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"num_layers": 0}, "num_layers is 0"),
        ({"num_heads": 0}, "num_heads is 0"),
        ({"attention_width": 0}, "attention_width is 0"),
        ({"num_heads": 3}, "attention_width is 16, which 3 heads do not divide"),
    ],
)
def test_settings_out_of_range_are_named(settings, said):
    with pytest.raises(ValueError, match=said):
        SelfAttention(**settings)
