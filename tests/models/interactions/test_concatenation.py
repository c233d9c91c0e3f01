from __future__ import annotations

import torch

from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.models.interactions.concatenation import Concatenation


def test_fields_in_order_and_then_the_numbers(shape, fields):
    module = Concatenation().build(shape)
    assert module.output_width == 14
    expected = [fields.vectors[:, 0], fields.vectors[:, 1], fields.vectors[:, 2], fields.numeric]
    assert torch.equal(module(fields), torch.cat(expected, dim=1))
    assert list(module.parameters()) == []


def test_numbers_alone():
    module = Concatenation().build(FieldsShape(fields=(), embedding_dim=4, num_numeric=2))
    numbers = torch.randn(3, 2)
    assert torch.equal(module(EmbeddedFields(torch.zeros(3, 0, 4), numbers)), numbers)
