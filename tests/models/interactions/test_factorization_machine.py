from __future__ import annotations

from itertools import combinations

import torch

from holdfast.models.interactions.concatenation import flattened
from holdfast.models.interactions.factorization_machine import FactorizationMachine, sum_of_pairs


def test_agrees_with_one_pair_after_another(shape, fields):
    module = FactorizationMachine().build(shape).double()
    all_fields = [*fields.vectors.unbind(1), *module.numeric(fields)[:, 3:].unbind(1)]
    assert len(all_fields) == 5
    pairs = sum(one * other for one, other in combinations(all_fields, 2))
    out = module(fields)
    assert out.shape == (6, module.output_width) == (6, 18)
    assert torch.equal(out[:, :14], flattened(fields))
    torch.testing.assert_close(out[:, 14:], pairs)
    # Their sum is what a factorization machine adds to its logit: inner products of all pairs.
    second_order = sum((one * other).sum(1) for one, other in combinations(all_fields, 2))
    torch.testing.assert_close(out[:, 14:].sum(1), second_order)


def test_the_order_of_the_fields_does_not_matter_and_one_field_has_no_pair(fields):
    torch.testing.assert_close(sum_of_pairs(fields.vectors[:, [2, 0, 1]]), sum_of_pairs(fields.vectors))
    assert torch.equal(sum_of_pairs(fields.vectors[:, :1]), torch.zeros(6, 4, dtype=torch.float64))
