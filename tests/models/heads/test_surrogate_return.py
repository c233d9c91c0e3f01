from __future__ import annotations

import math

import pytest
import torch

from holdfast.core.batch import Outcome
from holdfast.models.heads.surrogate_return import SurrogateReturn


def test_loss_by_hand_with_an_answer_and_with_what_the_index_expects() -> None:
    parameters = torch.logit(torch.tensor([[0.6]] * 3, dtype=torch.float64))
    every = torch.ones(3, dtype=torch.bool)
    losses = SurrogateReturn().negative_log_likelihood(
        parameters, Outcome(torch.tensor([1.0, 0.0, 0.25]), every, every)
    )
    expected = [-math.log(0.6), -math.log(0.4), -0.25 * math.log(0.6) - 0.75 * math.log(0.4)]
    assert losses.tolist() == pytest.approx(expected, abs=1e-7)


def test_the_expected_loss_is_least_at_the_index() -> None:
    parameters = torch.logit(torch.tensor([[0.25]], dtype=torch.float64)).requires_grad_()
    every = torch.ones(1, dtype=torch.bool)
    target = Outcome(torch.tensor([0.25], dtype=torch.float64), every, every)
    SurrogateReturn().negative_log_likelihood(parameters, target).sum().backward()
    assert parameters.grad is not None
    assert parameters.grad.item() == pytest.approx(0.0, abs=1e-12)


def test_what_it_asks_for_and_answers() -> None:
    head = SurrogateReturn(horizon_days=5, surrogate_days=2)
    assert (head.target, head.predicted_days, head.days_needed) == ("surrogate_index", (5,), 5)
    assert head.quantile(torch.tensor([[2.0], [-2.0]]), 0.5).tolist() == [5.0, math.inf]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"horizon_days": 1}, "horizon_days is 1; it must be at least 2"),
        ({"surrogate_days": 0}, "surrogate_days is 0"),
        ({"horizon_days": 3, "surrogate_days": 3}, "between 1 and 2"),
        ({"ridge": -1.0}, "ridge is -1"),
        ({"ridge": math.nan}, "ridge is nan"),
    ],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SurrogateReturn(**wrong)  # type: ignore[arg-type]
