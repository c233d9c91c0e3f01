"""Distances between covariances of environments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from holdfast.objectives.robustness.coral import CORAL
from holdfast.objectives.robustness.environment_rows import EnvironmentRows


def rows_of(mixed: torch.Tensor, environment: list[int], count: int) -> EnvironmentRows:
    objectives, rows, _ = mixed.shape
    none = torch.zeros(rows, objectives)
    return EnvironmentRows(
        errors=none,
        weight=none,
        known=none.bool(),
        environment=torch.tensor(environment),
        half=torch.zeros(rows, dtype=torch.bool),
        parameters=(),
        mixed=mixed,
        num_environments=count,
    )


def by_numpy(features: np.ndarray, environment: list[int], count: int) -> float:
    codes = np.array(environment)
    covariances = [np.cov(features[codes == each].T) for each in range(count) if (codes == each).sum() >= 2]
    pairs = [((a - b) ** 2).sum() for a, b in itertools.combinations(covariances, 2)]
    return float(np.mean(pairs)) / (4 * features.shape[1] ** 2)


def test_agrees_with_covariances_of_numpy_and_skips_who_has_no_two_rows() -> None:
    mixed = torch.randn(2, 30, 3, generator=torch.Generator().manual_seed(0))
    environment = [*([0] * 10), *([1] * 12), *([2] * 7), 3]  # the fourth has one row, the fifth none
    method = CORAL(penalty=1.0).build(torch.ones(2, 5))
    found = method.figures(method.sums(rows_of(mixed, environment, 5)))
    expected = [by_numpy(each.numpy().astype(np.float64), environment, 5) for each in mixed]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_training_makes_covariances_alike() -> None:
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(1, 40, 2, generator=generator)
    features[0, 20:] *= 3.0
    features.requires_grad_()
    method = CORAL().build(torch.ones(1, 2))
    environment = [0] * 20 + [1] * 20
    before = method.figures(method.sums(rows_of(features, environment, 2)))
    (gradient,) = torch.autograd.grad(before.sum(), features)
    assert gradient.isfinite().all()
    moved = features - 0.5 * gradient
    assert method.figures(method.sums(rows_of(moved, environment, 2))) < 0.9 * before


@pytest.mark.parametrize("environment", [[0, 0, 0], [0, 1, 1]])
def test_one_environment_has_no_distance_and_no_gradient(environment: list[int]) -> None:
    features = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    method = CORAL(penalty=3.0).build(torch.ones(1, 2))
    sums = method.sums(rows_of(features, environment, 2))
    method.learn(sums)
    losses = method.losses(sums)
    assert losses.item() == 0.0
    (gradient,) = torch.autograd.grad(losses.sum(), features)
    assert (gradient == 0.0).all()
