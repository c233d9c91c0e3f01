from __future__ import annotations

import pytest
import torch

from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.interactions.concatenation import flattened
from holdfast.models.interactions.cross_network import CrossNetwork


def by_hand(rows, matrices, biases):
    """Every number of every layer by its formula."""
    out = rows.clone()
    for matrix, bias in zip(matrices, biases, strict=True):
        following = out.clone()
        for row in range(rows.shape[0]):
            for place in range(rows.shape[1]):
                inner = sum(matrix[place, k] * out[row, k] for k in range(rows.shape[1])) + bias[place]
                following[row, place] = rows[row, place] * inner + out[row, place]
        out = following
    return out


def test_full_matrices_agree_with_the_formula_number_by_number(shape, fields):
    torch.manual_seed(0)
    module = CrossNetwork(num_layers=2).build(shape).double()
    expected = by_hand(
        flattened(fields), [layer.weight for layer in module.layers], [layer.bias for layer in module.layers]
    )
    assert module.output_width == 14
    torch.testing.assert_close(module(fields), expected)


def test_a_low_rank_is_a_product_of_two_thin_matrices(shape, fields):
    torch.manual_seed(0)
    module = CrossNetwork(num_layers=2, rank=3).build(shape).double()
    matrices = [layer[1].weight @ layer[0].weight for layer in module.layers]
    assert [int(torch.linalg.matrix_rank(each)) for each in matrices] == [3, 3]
    expected = by_hand(flattened(fields), matrices, [layer[1].bias for layer in module.layers])
    torch.testing.assert_close(module(fields), expected)


def test_two_layers_hold_products_of_three_inputs_and_no_more(shape, fields):
    torch.manual_seed(0)
    module = CrossNetwork(num_layers=2).build(shape).double()

    def along(step: float) -> torch.Tensor:
        return module(EmbeddedFields(step * fields.vectors, step * fields.numeric))

    # A cubic has constant third differences, and they do not vanish.
    steps = torch.stack([along(float(step)) for step in range(6)])
    third = steps.diff(n=3, dim=0)
    torch.testing.assert_close(third[1:], third[:-1])
    assert float(third.detach().abs().max()) > 1e-3


def test_permuted_fields_with_permuted_weights_are_permuted(shape, fields):
    torch.manual_seed(0)
    module = CrossNetwork(num_layers=2).build(shape).double()
    order = torch.cat([torch.arange(4) + 8, torch.arange(4), torch.arange(4) + 4, torch.tensor([13, 12])])
    other = CrossNetwork(num_layers=2).build(shape).double()
    for mine, theirs in zip(module.layers, other.layers, strict=True):
        theirs.weight.data = mine.weight.data[order][:, order]
        theirs.bias.data = mine.bias.data[order]
    swapped = EmbeddedFields(fields.vectors[:, [2, 0, 1]], fields.numeric[:, [1, 0]])
    torch.testing.assert_close(other(swapped), module(fields)[:, order])


def test_settings_out_of_range_are_named(shape):
    with pytest.raises(ValueError, match="num_layers is 0"):
        CrossNetwork(num_layers=0)
    with pytest.raises(ValueError, match="rank is 0"):
        CrossNetwork(rank=0)
    with pytest.raises(ValueError, match=r"rank is 7, and a row has 14 numbers.*at most 6"):
        CrossNetwork(rank=7).build(shape)
    assert CrossNetwork(rank=6).build(shape).output_width == 14
    narrow = FieldsShape(fields=(), embedding_dim=4, num_numeric=2)
    with pytest.raises(ValueError, match=r"rank is 1, and a row has 2 numbers.*choose null$"):
        CrossNetwork(rank=1).build(narrow)
