"""What every head of return must do: loss and prediction are one distribution, and days are said plainly."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import pytest
import torch
from torch import Tensor

import holdfast.models.heads
from holdfast.core.batch import Outcome
from holdfast.core.return_head import ReturnHead

ROWS = 7


def return_heads() -> list[ReturnHead]:
    found = []
    for module in pkgutil.iter_modules(holdfast.models.heads.__path__, "holdfast.models.heads."):
        for member in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(member)
                and member.__module__ == module.name
                and dataclasses.is_dataclass(member)
                and isinstance(member(), ReturnHead)
            ):
                found.append(member(horizon_days=5))
    return found


HEADS = return_heads()
every_head = pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
by_gaps = pytest.mark.parametrize(
    "head", [head for head in HEADS if head.target == "gap"], ids=lambda head: type(head).__name__
)


def parameters_for(head: ReturnHead) -> Tensor:
    return 2.0 * torch.randn(
        ROWS, head.num_parameters, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )


def likelihood(head: ReturnHead, parameters: Tensor, value: float, *, event: bool) -> Tensor:
    outcome = Outcome(
        torch.full((ROWS,), value, dtype=torch.float64),
        torch.full((ROWS,), event),
        torch.ones(ROWS, dtype=torch.bool),
    )
    return torch.exp(-head.negative_log_likelihood(parameters, outcome))


def test_the_suite_finds_every_head_of_return() -> None:
    assert {type(head).__name__ for head in HEADS} == {
        "BernoulliHorizon",
        "BetaGeometric",
        "DelayedReturn",
        "DiscreteHazard",
        "SurrogateReturn",
    }


@every_head
def test_days_are_said_plainly(head: ReturnHead) -> None:
    assert head.predicted_days[-1] == head.horizon_days == 5
    assert list(head.predicted_days) == sorted(set(head.predicted_days))
    assert 1 <= head.days_needed <= head.horizon_days
    assert head.score == "return_probability"


@every_head
def test_the_chance_to_be_back_does_not_fall_with_the_days(head: ReturnHead) -> None:
    outputs = head.predict(parameters_for(head), torch.ones(ROWS))
    probability = outputs["return_probability"]
    assert bool(((probability > 0.0) & (probability < 1.0)).all())
    if len(head.predicted_days) > 1:
        by_day = outputs["return_by_day"]
        assert by_day.shape == (ROWS, 5)
        assert bool((by_day.diff(dim=1) >= 0.0).all())
        torch.testing.assert_close(by_day[:, -1], probability)


@by_gaps
def test_a_censored_row_has_the_chance_not_to_be_back_yet(head: ReturnHead) -> None:
    parameters = parameters_for(head)
    by_day = head.predict(parameters, torch.ones(ROWS))["return_by_day"]
    for day in range(1, 6):
        torch.testing.assert_close(
            likelihood(head, parameters, float(day), event=False), 1.0 - by_day[:, day - 1]
        )


@by_gaps
def test_the_days_of_return_and_never_make_one(head: ReturnHead) -> None:
    parameters = parameters_for(head)
    days = [likelihood(head, parameters, float(day), event=True) for day in range(1, 6)]
    later = likelihood(head, parameters, 5.0, event=False)
    torch.testing.assert_close(torch.stack([*days, later]).sum(0), torch.ones(ROWS, dtype=torch.float64))


@pytest.mark.parametrize("name", ["BernoulliHorizon", "SurrogateReturn"])
def test_an_answer_has_the_chance_that_is_predicted(name: str) -> None:
    head = next(head for head in HEADS if type(head).__name__ == name)
    parameters = parameters_for(head)
    probability = head.predict(parameters, torch.ones(ROWS))["return_probability"]
    torch.testing.assert_close(likelihood(head, parameters, 1.0, event=True), probability)
