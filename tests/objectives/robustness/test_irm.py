"""Slopes of losses by a common scale."""

from __future__ import annotations

import pytest
import torch

from holdfast.core.batch import Outcome
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.beta_geometric import BetaGeometric
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.heads.focal_bernoulli import FocalBernoulli
from holdfast.models.heads.weibull import Weibull
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal
from holdfast.objectives.robustness.irm import IRM, scale_penalty, scale_slopes

HEADS = [
    Bernoulli(),
    FocalBernoulli(),
    CensoredLogNormal(),
    Weibull(),
    ZeroInflatedLogNormal(),
    DiscreteHazard(horizon_days=4),
    BetaGeometric(horizon_days=4),
]


def outcome_for(head: object, rows: int) -> Outcome:
    generator = torch.Generator().manual_seed(1)
    name = type(head).__name__
    if "Bernoulli" in name:
        value = (torch.rand(rows, generator=generator) < 0.4).double()
        event = torch.ones(rows, dtype=torch.bool)
    elif name in ("DiscreteHazard", "BetaGeometric"):
        value = torch.randint(1, 5, (rows,), generator=generator).double()
        event = torch.rand(rows, generator=generator) < 0.7
    else:
        value = 1.0 + 50.0 * torch.rand(rows, generator=generator).double()
        event = torch.rand(rows, generator=generator) < 0.7
    known = torch.ones(rows, dtype=torch.bool)
    known[0] = False
    value[0] = float("nan")
    return Outcome(value, event, known, torch.full((rows,), 100.0, dtype=torch.float64))


@pytest.mark.parametrize("head", HEADS, ids=lambda each: type(each).__name__)
def test_slopes_agree_with_differences_for_every_kind_of_head(head) -> None:
    rows = 12
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(rows, head.num_parameters, dtype=torch.float64, generator=generator)
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    parameters = raw * scale
    outcome = outcome_for(head, rows)
    errors = head.negative_log_likelihood(parameters, outcome)
    slopes = scale_slopes(errors.unsqueeze(1), (parameters,))
    step = 1e-6
    above, below = (head.negative_log_likelihood(raw * (1.0 + d), outcome) for d in (step, -step))
    torch.testing.assert_close(slopes[:, 0], (above - below) / (2.0 * step), rtol=1e-4, atol=1e-6)
    assert slopes[0, 0] == 0.0
    (second,) = torch.autograd.grad(slopes.sum(), scale)  # the penalty is trained
    assert second.isfinite() and second != 0.0


def test_a_click_by_hand_is_no_softmax_over_the_batch() -> None:
    logits = torch.tensor([[0.5], [-2.0], [3.0]], dtype=torch.float64, requires_grad=True)
    clicks = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    errors = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], clicks, reduction="none")
    slopes = scale_slopes(errors.unsqueeze(1), (logits,))
    by_hand = logits[:, 0] * (torch.sigmoid(logits[:, 0]) - clicks)
    torch.testing.assert_close(slopes[:, 0], by_hand)
    # A row's slope does not depend on the rows beside it.
    alone = torch.nn.functional.binary_cross_entropy_with_logits(logits[:1, 0], clicks[:1], reduction="none")
    torch.testing.assert_close(scale_slopes(alone.unsqueeze(1), (logits,))[0], slopes[0])


def test_the_penalty_by_hand() -> None:
    slopes = torch.tensor([[[4.0, -6.0], [2.0, 1.0], [5.0, 0.0]]], dtype=torch.float64)
    counts = torch.tensor([[[2.0, 3.0], [1.0, 1.0], [5.0, 0.0]]], dtype=torch.float64)
    # Means 2 and -2, then 2 and 1; the third environment has rows in one half only.
    assert scale_penalty(slopes, counts).item() == pytest.approx((-4.0 + 2.0) / 2.0)
    assert scale_penalty(slopes[:, 2:], counts[:, 2:]).item() == 0.0


def test_the_penalty_is_right_on_average_where_the_square_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    true_slope, rows, batches = 0.3, 8, 20_000
    drawn = true_slope + torch.randn(batches, 1, 2, rows // 2, dtype=torch.float64, generator=generator)
    halves = scale_penalty(drawn.sum(-1), torch.full((batches, 1, 2), rows / 2.0, dtype=torch.float64))
    # Variance of one product: 2 m^2 v + v^2 with v = 1 / 4; four standard errors of the mean.
    bound = 4.0 * ((2 * true_slope**2 / 4 + 1 / 16) / batches) ** 0.5
    assert abs(halves.mean().item() - true_slope**2) < bound
    assert drawn.mean((-1, -2)).square().mean().item() > true_slope**2 + bound


def test_loss_and_penalty_together() -> None:
    method = IRM(penalty=2.0).build(torch.tensor([[9]]))
    # losses 3 + 5 over 4 rows; mean slopes 1 and 2
    totals = torch.tensor([[[[3.0, 2.0, 2.0], [5.0, 4.0, 2.0]]]], dtype=torch.float64)
    method.learn(totals)
    assert method.losses(totals).item() == pytest.approx((2.0 + 2.0 * 2.0) / 2.0)
