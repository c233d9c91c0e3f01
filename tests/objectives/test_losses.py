from __future__ import annotations

import math

import torch

from holdfast.objectives.losses import weighted_mean_terms


def test_by_hand_for_one_and_for_several_objectives() -> None:
    losses = torch.tensor([1.0, 2.0, 4.0])
    weight = torch.tensor([0.5, 1.5, 9.0])
    where = torch.tensor([True, True, False])
    assert weighted_mean_terms(losses, weight=weight, where=where).mean().item() == (0.5 + 3.0) / 2
    both = weighted_mean_terms(
        torch.stack([losses, losses], 1),
        weight=torch.stack([weight, torch.ones(3)], 1),
        where=torch.stack([where, torch.tensor([False, False, True])], 1),
    ).mean()
    assert both.tolist() == [1.75, 4.0]


def test_rows_that_do_not_count_may_hold_anything() -> None:
    losses = torch.tensor([1.0, math.inf, math.nan], requires_grad=True)
    weight = torch.tensor([1.0, math.nan, 0.0])
    loss = weighted_mean_terms(losses, weight=weight, where=torch.tensor([True, False, False])).mean()
    loss.backward()
    assert loss.item() == 1.0
    assert losses.grad is not None
    assert losses.grad.tolist() == [1.0, 0.0, 0.0]


def test_nothing_known_is_zero_with_a_zero_gradient() -> None:
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = weighted_mean_terms(losses, weight=torch.ones(2), where=torch.zeros(2, dtype=torch.bool)).mean()
    loss.backward()
    assert loss.item() == 0.0
    assert losses.grad is not None
    assert losses.grad.tolist() == [0.0, 0.0]


def test_gradient_is_right() -> None:
    losses = torch.rand(5, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(5, dtype=torch.float64)
    where = torch.tensor([True, False, True, True, False])
    assert torch.autograd.gradcheck(
        lambda x: weighted_mean_terms(x, weight=weight, where=where).mean(), (losses,)
    )
