from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.focal_bernoulli import FocalBernoulli

ONE = torch.ones(1, dtype=torch.bool)


def loss_of(head: FocalBernoulli, logit: Tensor, label: float) -> Tensor:
    outcome = Outcome(torch.tensor([label], dtype=torch.float64), ONE, ONE)
    return head.negative_log_likelihood(logit.reshape(1, 1), outcome)[0]


@pytest.mark.parametrize(
    ("label", "loss"), [(1.0, -(0.2**2) * math.log(0.8)), (0.0, -(0.8**2) * math.log(0.2))]
)
def test_loss_by_hand(label: float, loss: float) -> None:
    logit = torch.logit(torch.tensor(0.8, dtype=torch.float64))
    assert loss_of(FocalBernoulli(gamma=2.0), logit, label).item() == pytest.approx(loss, abs=1e-12)


def test_without_focusing_it_is_the_cross_entropy_and_its_probability() -> None:
    logits = torch.linspace(-6, 6, 40, dtype=torch.float64)[:, None]
    every = torch.ones(40, dtype=torch.bool)
    outcome = Outcome((torch.arange(40) % 2).double(), every, every)
    head = FocalBernoulli(gamma=0.0)
    plain = Bernoulli()
    torch.testing.assert_close(
        head.negative_log_likelihood(logits, outcome), plain.negative_log_likelihood(logits, outcome)
    )
    torch.testing.assert_close(head.predict(logits, logits), plain.predict(logits, logits))


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("probability", [0.02, 0.3, 0.9])
def test_it_is_no_proper_score_and_the_correction_gives_the_probability_back(
    maximum_likelihood, gamma: float, probability: float
) -> None:
    head = FocalBernoulli(gamma=gamma)
    label = np.arange(1000) < 1000 * probability
    best, _, _ = maximum_likelihood(head, label.astype(float), np.ones(1000, dtype=bool), steps=60)
    parameters = torch.tensor(best)[None]
    raw = FocalBernoulli(gamma=gamma, corrected=False).predict(parameters, ONE)["click_probability"].item()
    corrected = head.predict(parameters, ONE)["click_probability"].item()
    assert corrected == pytest.approx(probability, abs=1e-6)
    # The answer with the least expected loss lies nearer to 1/2 than the truth does.
    assert abs(raw - 0.5) < abs(probability - 0.5) - 0.003


def test_the_correction_keeps_the_order_and_holds_at_the_ends_also_in_single_precision() -> None:
    logits = torch.linspace(-100.0, 100.0, 4001)[:, None]
    probability = FocalBernoulli().predict(logits, logits)["click_probability"]
    exact = FocalBernoulli().predict(logits.double(), logits)["click_probability"]
    assert bool(probability.isfinite().all())
    assert bool((probability.diff() >= 0.0).all())
    assert probability[0].item() == 0.0
    assert probability[-1].item() == 1.0
    torch.testing.assert_close(probability.double(), exact, rtol=1e-4, atol=1e-6)


def test_easy_rows_count_less() -> None:
    easy, hard = torch.tensor(3.0, dtype=torch.float64), torch.tensor(-1.0, dtype=torch.float64)
    head, plain = FocalBernoulli(gamma=2.0), FocalBernoulli(gamma=0.0)
    focal = loss_of(head, easy, 1.0) / loss_of(head, hard, 1.0)
    assert focal < 0.01 * loss_of(plain, easy, 1.0) / loss_of(plain, hard, 1.0)


def test_saturated_rows_have_a_finite_gradient() -> None:
    logits = torch.tensor([[200.0], [-200.0]], requires_grad=True)
    every = torch.ones(2, dtype=torch.bool)
    FocalBernoulli().negative_log_likelihood(
        logits, Outcome(torch.tensor([0.0, 1.0]), every, every)
    ).sum().backward()
    assert logits.grad is not None
    assert logits.grad.tolist() == [[1.0], [-1.0]]


@pytest.mark.parametrize("gamma", [-0.1, math.inf, math.nan])
def test_focusing_out_of_range_is_refused(gamma: float) -> None:
    with pytest.raises(ValueError, match="gamma is"):
        FocalBernoulli(gamma=gamma)
