from __future__ import annotations

import torch

from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.interactions.numeric_vectors import NumericVectors


def test_a_number_scales_its_own_vector(shape, fields):
    module = NumericVectors(shape).double()
    out = module(fields)
    assert out.shape == (6, 5, 4)
    assert module.num_fields == 5
    assert torch.equal(out[:, :3], fields.vectors)
    for index in range(2):
        for row in range(6):
            assert torch.equal(out[row, 3 + index], fields.numeric[row, index] * module.weight[index])


def test_without_numbers_there_is_nothing_to_learn():
    module = NumericVectors(FieldsShape(fields=("a",), embedding_dim=4, num_numeric=0))
    vectors = torch.randn(2, 1, 4)
    assert torch.equal(module(EmbeddedFields(vectors, torch.zeros(2, 0))), vectors)
    assert list(module.parameters()) == []
