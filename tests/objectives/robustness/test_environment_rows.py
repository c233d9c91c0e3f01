"""Sums by environment, and gradients through functions of sums over processes."""

from __future__ import annotations

import torch
from torch import Tensor

from holdfast.objectives.estimators.rows import Processes
from holdfast.objectives.robustness.environment_rows import (
    EnvironmentRows,
    mean_over,
    means,
    through_totals,
)


def make_rows(errors: Tensor, **changes: object) -> EnvironmentRows:
    rows, objectives = errors.shape
    arguments: dict[str, object] = {
        "errors": errors,
        "weight": torch.ones(rows, objectives),
        "known": torch.ones(rows, objectives, dtype=torch.bool),
        "environment": torch.zeros(rows, dtype=torch.int64),
        "half": torch.arange(rows) % 2 == 1,
        "parameters": (),
        "mixed": torch.zeros(objectives, rows, 1),
        "num_environments": 3,
        **changes,
    }
    return EnvironmentRows(**arguments)  # type: ignore[arg-type]


def test_sums_by_hand_and_an_unknown_row_leaves_no_trace() -> None:
    errors = torch.tensor([[1.0], [2.0], [float("nan")], [4.0]], requires_grad=True)
    rows = make_rows(
        errors,
        weight=torch.tensor([[1.0], [3.0], [float("inf")], [0.5]]),
        known=torch.tensor([[True], [True], [False], [True]]),
        environment=torch.tensor([0, 0, 0, 2]),
    )
    sums = rows.sums(rows.errors)
    assert sums.tolist() == [[7.0, 0.0, 2.0]]
    assert rows.counts().tolist() == [[2.0, 0.0, 1.0]]
    assert rows.sums_by_half(rows.errors).tolist() == [[[1.0, 6.0], [0.0, 0.0], [0.0, 2.0]]]
    assert rows.counts_by_half().tolist() == [[[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]]
    sums.sum().backward()
    assert errors.grad is not None
    assert errors.grad.flatten().tolist() == [1.0, 3.0, 0.0, 0.5]


def test_means_where_nothing_was_counted_are_zero_with_a_zero_gradient() -> None:
    sums = torch.tensor([6.0, 0.0], requires_grad=True)
    values, present = means(sums, torch.tensor([4.0, 0.0]))
    assert values.tolist() == [1.5, 0.0]
    assert present.tolist() == [True, False]
    assert mean_over(values, present) == 1.5
    assert mean_over(values, torch.zeros(2, dtype=torch.bool)) == 0.0
    values.sum().backward()
    assert sums.grad is not None
    assert sums.grad.tolist() == [0.25, 0.0]


def test_processes_that_average_their_gradients_have_that_of_one_with_all_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(4, dtype=torch.float64, generator=generator).requires_grad_()
    parts = [torch.randn(size, 4, dtype=torch.float64, generator=generator) for size in (5, 3)]

    def sums_of(inputs: Tensor) -> Tensor:
        return torch.stack([(inputs @ weights).exp().sum(), (inputs @ weights).sin().sum()]).reshape(1, 2)

    def crooked(totals: Tensor) -> Tensor:
        return totals[:, 0].log() * totals[:, 1].square()

    (exact,) = torch.autograd.grad(crooked(sums_of(torch.cat(parts))).sum(), weights)
    total = sum(sums_of(part) for part in parts).detach()  # type: ignore[union-attr]
    across = Processes(lambda _: total, 2)
    made = [through_totals(crooked, sums_of(part), across) for part in parts]
    assert made[0] == made[1] == crooked(total)
    averaged = sum(torch.autograd.grad(each.sum(), weights)[0] for each in made) / 2.0
    torch.testing.assert_close(averaged, exact)
