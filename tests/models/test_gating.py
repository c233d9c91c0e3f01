from __future__ import annotations

import math

import pytest
import torch

from holdfast.models.gating import gate_name, mix, normalised_entropy


def test_mix_is_a_weighted_sum() -> None:
    weights, shared = torch.rand(2, 7, 3), torch.randn(3, 7, 4)
    own = torch.randn(2, 3, 7, 4)
    torch.testing.assert_close(mix(weights, shared), torch.einsum("gbe,ebo->gbo", weights, shared))
    torch.testing.assert_close(mix(weights, own), torch.einsum("gbe,gebo->gbo", weights, own))
    assert mix(weights[:, :0], shared[:, :0]).shape == (2, 0, 4)


def test_entropy_is_one_where_experts_count_alike_and_zero_where_one_counts_alone() -> None:
    weights = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]])
    torch.testing.assert_close(normalised_entropy(weights), torch.tensor([1.0, 0.0, 0.5]))
    two = normalised_entropy(torch.tensor([0.1, 0.9]))
    expected = -(0.1 * math.log(0.1) + 0.9 * math.log(0.9)) / math.log(2.0)
    assert float(two) == pytest.approx(expected, rel=1e-6)


def test_a_gate_of_a_single_expert_has_nothing_to_choose() -> None:
    assert torch.equal(normalised_entropy(torch.ones(5, 1)), torch.ones(5))


def test_levels_are_named_where_there_are_several() -> None:
    assert gate_name("click", level=0, num_levels=1) == "click"
    assert gate_name("click", level=1, num_levels=2) == "level_2/click"
