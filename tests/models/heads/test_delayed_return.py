from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.delayed_return import DelayedReturn

HEAD = DelayedReturn(horizon_days=4)
EVER, DAILY = 0.7, 0.3


def parameters_of(ever: float = EVER, daily: float = DAILY, rows: int = 1) -> Tensor:
    return torch.logit(torch.tensor([[ever, daily]], dtype=torch.float64)).expand(rows, 2).clone()


@pytest.mark.parametrize(
    ("value", "event", "likelihood"),
    [
        (1.0, True, 0.7 * 0.3),
        (3.0, True, 0.7 * 0.7 * 0.7 * 0.3),
        (2.0, False, 0.3 + 0.7 * 0.7**2),
        # The loss uses what was watched, also beyond the days that are reported.
        (9.0, True, 0.7 * 0.7**8 * 0.3),
        (9.0, False, 0.3 + 0.7 * 0.7**9),
        (0.0, False, 1.0),
    ],
)
def test_loss_by_hand(value: float, event: bool, likelihood: float) -> None:
    outcome = Outcome(torch.tensor([value]), torch.tensor([event]), torch.tensor([True]))
    loss = HEAD.negative_log_likelihood(parameters_of(), outcome)
    assert loss.item() == pytest.approx(-math.log(likelihood), abs=1e-12)


def test_the_delay_is_an_exponential_one_in_whole_days() -> None:
    rate = -math.log(1 - DAILY)
    outcome = Outcome(torch.tensor([3.0]), torch.tensor([True]), torch.tensor([True]))
    likelihood = EVER * (math.exp(-2 * rate) - math.exp(-3 * rate))
    loss = HEAD.negative_log_likelihood(parameters_of(), outcome)
    assert loss.item() == pytest.approx(-math.log(likelihood), abs=1e-12)


def test_predictions_by_hand() -> None:
    outputs = HEAD.predict(parameters_of(rows=2), torch.ones(2))
    by_day = EVER * (1 - (1 - DAILY) ** np.arange(1, 5))
    np.testing.assert_allclose(outputs["return_by_day"].numpy(), [by_day, by_day], rtol=1e-12)
    np.testing.assert_allclose(outputs["return_probability"].numpy(), [by_day[-1]] * 2, rtol=1e-12)
    np.testing.assert_allclose(outputs["ever_return_probability"].numpy(), [EVER] * 2, rtol=1e-12)
    np.testing.assert_allclose(outputs["return_delay_days"].numpy(), [1 / DAILY] * 2, rtol=1e-12)


def test_quantile_is_the_first_day_with_enough_returns_or_never() -> None:
    # Back by day 1, 2 with 0.21, 0.357; never with 0.3.
    assert HEAD.quantile(parameters_of(), 0.2).item() == 1.0
    assert HEAD.quantile(parameters_of(), 0.3).item() == 2.0
    assert HEAD.quantile(parameters_of(), 0.9).item() == math.inf


def test_saturated_parameters_have_a_finite_loss_and_gradient() -> None:
    parameters = torch.tensor([[90.0, 90.0], [-90.0, -90.0]], requires_grad=True)
    outcome = Outcome(torch.tensor([2.0, 2.0]), torch.tensor([False, True]), torch.ones(2).bool())
    losses = HEAD.negative_log_likelihood(parameters, outcome)
    losses.sum().backward()
    assert bool(losses.isfinite().all())
    assert parameters.grad is not None
    assert bool(parameters.grad.isfinite().all())


def late(*, rows: int, longest: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gaps or days watched, and whether the user was seen to come back, of the head's own model."""
    rng = np.random.default_rng(seed)
    gap = np.where(rng.random(rows) < EVER, rng.geometric(DAILY, rows), 10_000)
    watched = rng.integers(1, longest + 1, rows)
    return np.where(gap <= watched, gap, watched), gap <= watched


@pytest.mark.parametrize(("longest", "censored"), [(60, 0.35), (8, 0.5)])
def test_its_own_model_is_recovered_and_not_when_not_yet_is_taken_for_never(
    maximum_likelihood, longest: int, censored: float
) -> None:
    value, event = late(rows=40_000, longest=longest, seed=7)
    assert (~event).mean() == pytest.approx(censored, abs=0.05)
    true = parameters_of()[0].numpy()
    found, error, _ = maximum_likelihood(HEAD, value, event)
    assert (np.abs(found - true) < 3 * error).all()
    label = event.astype(float)
    naive, naive_error, _ = maximum_likelihood(Bernoulli(), label, np.ones_like(event))
    assert abs(naive[0] - true[0]) > 3 * naive_error[0]


def test_a_horizon_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon_days is 0"):
        DelayedReturn(horizon_days=0)
