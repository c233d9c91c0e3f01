"""Maximum likelihood with a head's own loss, for tests that draw data from the head's own model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.core.protocols import Head

Estimate = tuple[np.ndarray, np.ndarray, float]


@pytest.fixture(scope="session")
def maximum_likelihood() -> Callable[..., Estimate]:
    """Fits parameters that all rows share: estimates, standard errors ``[P]`` each, and the loss there."""

    def fit(
        head: Head, value: np.ndarray, event: np.ndarray, *, known: np.ndarray | None = None, steps: int = 25
    ) -> Estimate:
        # Rows that are alike count as one with a weight, so that many rows cost no more than few.
        known = np.ones(len(value), dtype=bool) if known is None else known
        rows = np.stack([np.where(known, value, 0.0), event, known], axis=1).astype(float)
        distinct, counts = np.unique(rows, axis=0, return_counts=True)
        outcome = Outcome(
            torch.tensor(distinct[:, 0]), torch.tensor(distinct[:, 1] > 0), torch.tensor(distinct[:, 2] > 0)
        )
        weight = torch.tensor(counts, dtype=torch.float64)

        def loss(parameters: Tensor) -> Tensor:
            each = head.negative_log_likelihood(parameters.expand(len(counts), -1), outcome)
            return (weight * each).sum()

        parameters = torch.zeros(head.num_parameters, dtype=torch.float64)
        for _ in range(steps):  # Newton's method, with steps short enough not to leave where it converges
            gradient = torch.autograd.functional.jacobian(loss, parameters)
            hessian = torch.autograd.functional.hessian(loss, parameters)
            ridge = max(0.0, 1e-6 - torch.linalg.eigvalsh(hessian).min().item())
            step = torch.linalg.solve(hessian + ridge * torch.eye(len(parameters)), gradient)
            parameters = parameters - step.clamp(-1.0, 1.0)
        assert gradient.abs().max() < 1e-6 * weight.sum(), "not converged"
        errors = torch.linalg.inv(hessian).diagonal().sqrt()
        return parameters.numpy(), errors.numpy(), float(loss(parameters))

    return fit


@dataclass(frozen=True)
class Fit:
    """Parameters ``[P]`` and their standard errors ``[P]``."""

    parameters: Tensor
    errors: Tensor

    def finds(self, true: Tensor) -> bool:
        """Whether every parameter lies within 3 standard errors of the truth."""
        return bool(((self.parameters - true).abs() < 3.0 * self.errors).all())


def fit_constant(head: Head, outcome: Outcome) -> Fit:
    """Minimise the summed loss from zero; errors are the sandwich of curvature and gradients of rows."""

    def losses(parameters: Tensor) -> Tensor:
        return head.negative_log_likelihood(parameters.expand(len(outcome.value), -1), outcome)

    parameters = torch.zeros(head.num_parameters, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [parameters],
        max_iter=200,
        tolerance_grad=1e-9,
        tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = losses(parameters).sum()
        value.backward()
        return value

    optimizer.step(closure)
    found = parameters.detach()
    curvature = torch.autograd.functional.hessian(lambda x: losses(x).sum(), found)
    of_rows = found.expand(len(outcome.value), -1).clone().requires_grad_()
    (slopes,) = torch.autograd.grad(head.negative_log_likelihood(of_rows, outcome).sum(), of_rows)
    inverse = torch.linalg.inv(curvature)
    covariance = inverse @ (slopes.T @ slopes) @ inverse
    return Fit(found, covariance.diagonal().sqrt())


def cut_at(stay: Tensor, content: Tensor) -> Outcome:
    """What is seen of stays on content of these lengths."""
    event = stay < content
    return Outcome(torch.minimum(stay, content), event, torch.ones_like(event), content)


def naively(outcome: Outcome) -> Outcome:
    """The same rows by somebody who takes what was cut off for whole, and does not know the lengths."""
    return Outcome(
        outcome.value,
        torch.ones_like(outcome.event),
        outcome.known,
        torch.full_like(outcome.value, torch.inf),
    )


@pytest.fixture(scope="session")
def recover() -> Callable[[Head, Outcome], Fit]:
    return fit_constant


@pytest.fixture(scope="session")
def cut() -> Callable[[Tensor, Tensor], Outcome]:
    return cut_at


@pytest.fixture(scope="session")
def naive() -> Callable[[Outcome], Outcome]:
    return naively


def contents_for(stay: Tensor, generator: torch.Generator) -> Tensor:
    """Lengths, drawn without a look at the row's own stay, that cut about half of the stays off."""
    share = 0.4 + 0.2 * torch.rand(len(stay), generator=generator, dtype=torch.float64)
    return torch.quantile(stay, share)


@pytest.fixture(scope="session")
def half_cut() -> Callable[[Tensor, torch.Generator], Tensor]:
    return contents_for
