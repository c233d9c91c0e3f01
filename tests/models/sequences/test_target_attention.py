"""Target attention against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from holdfast.models.sequences.target_attention import TargetAttention

EVENTS = torch.tensor([[[1.0, 2.0], [3.0, -1.0], [9.0, 9.0]]])
PRESENT = torch.tensor([[True, True, False]])
TARGET = torch.tensor([[2.0, 1.0]])


def by_hand_module(*, softmax: bool):
    """A unit of one hidden number, a PReLU of slope 0.25, and a score of 3 times that plus 0.5.

    The number: sum of the target + 2 first of the event + 10 first of the difference + sum of the product.
    """
    module = TargetAttention(widths=[1], softmax=softmax).build(3, 2)
    hidden, slope, score = module.unit
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor([[1.0, 1.0, 2.0, 0.0, 10.0, 0.0, 1.0, 1.0]]))
        hidden.bias.zero_()
        slope.weight.fill_(0.25)
        score.weight.fill_(3.0)
        score.bias.fill_(0.5)
    return module


def test_weights_by_hand():
    # Event (1, 2), target (2, 1): 3 + 2*1 + 10*(2-1) + (2+2) = 19, so 57.5.
    # Event (3, -1): 3 + 2*3 + 10*(2-3) + (6-1) = 4, so 12.5.
    module = by_hand_module(softmax=False)
    expected = 57.5 * torch.tensor([[1.0, 2.0]]) + 12.5 * torch.tensor([[3.0, -1.0]])
    torch.testing.assert_close(module(EVENTS, PRESENT, TARGET, None), expected)
    # Event (3, -1) against (1, 1): 2 + 6 - 20 + 2 = -10, of which the PReLU leaves -2.5, so -7.
    found = module(EVENTS[:, 1:2], PRESENT[:, 1:2], torch.tensor([[1.0, 1.0]]), None)
    torch.testing.assert_close(found, -7.0 * torch.tensor([[3.0, -1.0]]))


def test_normalised_weights_by_hand():
    module = by_hand_module(softmax=True)
    second = 1.0 / (1.0 + math.exp(45.0))
    weights = module.weights(EVENTS, PRESENT, TARGET)
    torch.testing.assert_close(weights, torch.tensor([[1.0 - second, second, 0.0]]))
    empty = module(EVENTS, torch.zeros_like(PRESENT), TARGET, None)
    assert torch.equal(empty, torch.zeros(1, 2))


def test_the_order_of_events_does_not_count_and_the_target_does():
    torch.manual_seed(0)
    module = TargetAttention().build(3, 2)
    present = torch.ones(1, 3, dtype=torch.bool)
    found = module(EVENTS, present, TARGET, None)
    torch.testing.assert_close(module(EVENTS.flip(1), present, TARGET, None), found)
    assert not torch.allclose(module(EVENTS, present, -TARGET, None), found, atol=1e-3)


def test_settings_are_checked():
    with pytest.raises(ValueError, match=r"widths is \[\]"):
        TargetAttention(widths=[])
    with pytest.raises(ValueError, match=r"widths is \[8, 0\]"):
        TargetAttention(widths=[8, 0])
