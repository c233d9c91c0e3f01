from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.models.heads.discrete_hazard import DiscreteHazard

HAZARD = np.array([0.3, 0.2, 0.1])
HEAD = DiscreteHazard(horizon_days=3)


def logits(rows: int = 1) -> Tensor:
    return torch.logit(torch.tensor(HAZARD)).expand(rows, 3).clone()


@pytest.mark.parametrize(
    ("value", "event", "likelihood"),
    [
        (1.0, True, 0.3),
        (3.0, True, 0.7 * 0.8 * 0.1),
        (2.0, False, 0.7 * 0.8),
        (3.0, False, 0.7 * 0.8 * 0.9),
        (0.0, False, 1.0),
        # A return after the horizon says that there was none within it.
        (5.0, True, 0.7 * 0.8 * 0.9),
    ],
)
def test_loss_by_hand(value: float, event: bool, likelihood: float) -> None:
    outcome = Outcome(torch.tensor([value]), torch.tensor([event]), torch.tensor([True]))
    loss = HEAD.negative_log_likelihood(logits(), outcome)
    assert loss.item() == pytest.approx(-math.log(likelihood), abs=1e-12)


def test_days_that_nobody_watched_have_no_gradient() -> None:
    parameters = logits().requires_grad_()
    outcome = Outcome(torch.tensor([2.0]), torch.tensor([False]), torch.tensor([True]))
    HEAD.negative_log_likelihood(parameters, outcome).sum().backward()
    assert parameters.grad is not None
    assert parameters.grad[0, 2].item() == 0.0
    assert bool((parameters.grad[0, :2] > 0).all())


def test_predictions_by_hand() -> None:
    outputs = HEAD.predict(logits(2), torch.ones(2))
    by_day = 1.0 - np.cumprod(1.0 - HAZARD)
    np.testing.assert_allclose(outputs["return_by_day"].numpy(), np.tile(by_day, (2, 1)), rtol=1e-12)
    np.testing.assert_allclose(outputs["return_probability"].numpy(), [by_day[-1]] * 2, rtol=1e-12)
    np.testing.assert_allclose(outputs["return_hazard"].numpy(), np.tile(HAZARD, (2, 1)), rtol=1e-12)


def test_quantile_is_the_first_day_with_enough_returns_or_never() -> None:
    # Back by day 1, 2, 3 with 0.3, 0.44, 0.496.
    assert HEAD.quantile(logits(), 0.25).item() == 1.0
    assert HEAD.quantile(logits(), 0.4).item() == 2.0
    assert HEAD.quantile(logits(), 0.5).item() == math.inf


def test_hazards_are_recovered_under_censoring_and_not_when_it_is_ignored() -> None:
    generator = np.random.default_rng(1)
    rows = 6000
    back = np.full(rows, 99)
    for day in (3, 2, 1):
        back = np.where(generator.random(rows) < HAZARD[day - 1], day, back)
    watched = generator.integers(0, 4, rows)
    event = back <= watched
    value = np.where(event, back, watched)

    def fitted(value: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outcome = Outcome(
            torch.tensor(value, dtype=torch.float64),
            torch.tensor(event),
            torch.ones(len(value), dtype=torch.bool),
        )

        def loss(parameters: Tensor) -> Tensor:
            return HEAD.negative_log_likelihood(parameters.expand(len(value), 3), outcome).sum()

        parameters = torch.zeros(3, dtype=torch.float64)
        for _ in range(12):  # Newton's method; the loss is convex
            gradient = torch.autograd.functional.jacobian(loss, parameters)
            hessian = torch.autograd.functional.hessian(loss, parameters)
            parameters = parameters - torch.linalg.solve(hessian, gradient)
        return parameters.numpy(), torch.linalg.inv(hessian).diagonal().sqrt().numpy()

    true = logits()[0].numpy()
    found, error = fitted(value, event)
    assert (np.abs(found - true) < 3 * error).all()
    # The naive label: who was not seen to come back did not, in the whole horizon.
    naive, naive_error = fitted(np.where(event, value, 3), event)
    assert (np.abs(naive - true) > 3 * naive_error).any()


def test_a_horizon_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon_days is 0"):
        DiscreteHazard(horizon_days=0)
