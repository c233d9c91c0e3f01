"""Maximum likelihood with a head's own loss, for tests that draw data from the head's own model."""

from __future__ import annotations

from collections.abc import Callable

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
