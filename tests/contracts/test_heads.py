"""What every head in holdfast.models.heads must do, whatever it predicts."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import math
import pkgutil
import typing
from itertools import pairwise

import pytest
import torch
from torch import Tensor

import holdfast.models.heads
from holdfast.core.batch import Outcome
from holdfast.core.protocols import Head


def heads() -> list[Head]:
    found: list[Head] = []
    for module in pkgutil.iter_modules(holdfast.models.heads.__path__, "holdfast.models.heads."):
        for member in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(member)
                and member.__module__ == module.name
                and dataclasses.is_dataclass(member)
            ):
                found.append(typing.cast(Head, member()))
    return found


HEADS = heads()
pytestmark = pytest.mark.parametrize("head", HEADS, ids=[type(head).__name__ for head in HEADS])
ROWS = 6


def parameters_for(head: Head) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(ROWS, head.num_parameters, generator=generator, dtype=torch.float64)


def outcome_with(known: list[bool]) -> Outcome:
    mask = torch.tensor(known)
    value = torch.tensor([1.0, 0.0, 1.0, 2.0, 1.0, 3.0], dtype=torch.float64).masked_fill(~mask, math.nan)
    return Outcome(value, torch.tensor([True, True, False, True, True, False]), mask)


def test_is_a_head(head: Head) -> None:
    assert isinstance(head, Head)
    assert dataclasses.is_dataclass(head)
    assert head.num_parameters >= 1


def test_gradients_are_right(head: Head) -> None:
    outcome = outcome_with([True] * ROWS)
    parameters = parameters_for(head).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: head.negative_log_likelihood(x, outcome), (parameters,))


def test_unknown_rows_have_no_loss_and_no_gradient_even_if_their_label_is_not_a_number(head: Head) -> None:
    outcome = outcome_with([True, False, True, False, True, False])
    parameters = parameters_for(head).requires_grad_()
    losses = head.negative_log_likelihood(parameters, outcome)
    losses.sum().backward()
    assert losses.shape == (ROWS,)
    assert losses[~outcome.known].tolist() == [0.0, 0.0, 0.0]
    assert parameters.grad is not None
    assert bool((parameters.grad[~outcome.known] == 0.0).all())
    assert bool(parameters.grad.isfinite().all())
    assert bool((parameters.grad[0] != 0.0).any())


def test_a_row_counts_for_itself(head: Head) -> None:
    parameters, outcome = parameters_for(head), outcome_with([True] * ROWS)
    together = head.negative_log_likelihood(parameters, outcome)
    alone = torch.cat(
        [
            head.negative_log_likelihood(
                parameters[row : row + 1],
                Outcome(*(getattr(outcome, name)[row : row + 1] for name in ("value", "event", "known"))),
            )
            for row in range(ROWS)
        ]
    )
    torch.testing.assert_close(together, alone)


def test_no_rows_are_no_trouble(head: Head) -> None:
    empty = torch.zeros(0)
    outcome = Outcome(empty, empty.bool(), empty.bool())
    parameters = torch.zeros(0, head.num_parameters)
    assert head.negative_log_likelihood(parameters, outcome).shape == (0,)
    assert all(len(values) == 0 for values in head.predict(parameters, empty).values())


def test_predictions_are_finite_and_hold_the_score(head: Head) -> None:
    content = torch.tensor([1.0, 30.0, math.inf, 600.0, 5.0, 1e9], dtype=torch.float64)
    outputs = head.predict(100.0 * parameters_for(head), content)
    assert outputs[head.score].shape == (ROWS,)
    for values in outputs.values():
        assert values.shape[0] == ROWS
        assert bool(values.isfinite().all())


def test_quantiles_do_not_fall_with_the_level(head: Head) -> None:
    parameters = parameters_for(head)
    levels = [head.quantile(parameters, level) for level in (0.05, 0.3, 0.5, 0.8, 0.99)]
    assert all(values.shape == (ROWS,) for values in levels)
    assert all(bool((lower <= higher).all()) for lower, higher in pairwise(levels))
