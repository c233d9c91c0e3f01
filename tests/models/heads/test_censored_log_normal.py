from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.models.heads.censored_log_normal import CensoredLogNormal

HEAD = CensoredLogNormal(
    min_seconds=0.01, max_seconds=5000.0, typical_seconds=20.0, min_scale=0.05, max_scale=2.5
)


def parameters_of(mean: float, scale: float, rows: int = 1) -> Tensor:
    share = (scale - HEAD.min_scale) / (HEAD.max_scale - HEAD.min_scale)
    row = [mean - math.log(HEAD.typical_seconds), math.log(share / (1 - share))]
    return torch.tensor([row] * rows, dtype=torch.float64)


def outcome_of(seconds: Tensor, event: Tensor) -> Outcome:
    return Outcome(seconds, event, torch.ones_like(event))


def test_loss_agrees_with_scipy_for_events_and_censored_rows() -> None:
    seconds = torch.tensor([0.02, 3.0, 40.0, 900.0, 1e9], dtype=torch.float64)
    parameters = parameters_of(3.0, 0.8, rows=5)
    z = (np.log(seconds.numpy()) - 3.0) / 0.8
    events = HEAD.negative_log_likelihood(
        parameters, outcome_of(seconds, torch.ones(5, dtype=torch.bool))
    ).numpy()
    censored = HEAD.negative_log_likelihood(
        parameters, outcome_of(seconds, torch.zeros(5, dtype=torch.bool))
    ).numpy()
    np.testing.assert_allclose(events, -stats.norm(3.0, 0.8).logpdf(np.log(seconds.numpy())), rtol=1e-10)
    np.testing.assert_allclose(censored, -stats.norm.logsf(z), rtol=1e-8)


def test_the_loss_does_not_depend_on_the_unit() -> None:
    minutes = CensoredLogNormal(
        min_seconds=0.01 / 60,
        max_seconds=5000.0 / 60,
        typical_seconds=20.0 / 60,
        min_scale=0.05,
        max_scale=2.5,
    )
    seconds = torch.tensor([5.0, 50.0], dtype=torch.float64)
    event = torch.tensor([True, False])
    parameters = parameters_of(2.0, 1.1, rows=2)
    torch.testing.assert_close(
        HEAD.negative_log_likelihood(parameters, outcome_of(seconds, event)),
        minutes.negative_log_likelihood(parameters, outcome_of(seconds / 60, event)),
    )


def test_a_stay_of_no_time_has_a_finite_loss() -> None:
    parameters = parameters_of(2.0, 1.0).requires_grad_()
    loss = HEAD.negative_log_likelihood(
        parameters, outcome_of(torch.zeros(1, dtype=torch.float64), torch.tensor([True]))
    ).sum()
    loss.backward()
    assert math.isfinite(loss.item())
    assert parameters.grad is not None
    assert bool(parameters.grad.isfinite().all())


@pytest.mark.parametrize(
    ("mean", "scale", "cap"), [(3.0, 0.5, 30.0), (3.0, 2.0, 10.0), (5.0, 1.0, math.inf), (-1.0, 0.3, 60.0)]
)
def test_expected_stay_agrees_with_numerical_integration(mean: float, scale: float, cap: float) -> None:
    predicted = HEAD.predict(parameters_of(mean, scale), torch.tensor([cap], dtype=torch.float64))
    limit = min(cap, HEAD.max_seconds)
    # The mean of min(T, c) is the area under the survival curve up to c.
    law = stats.lognorm(s=scale, scale=math.exp(mean))
    expected, _ = integrate.quad(law.sf, 0.0, limit, points=[math.exp(mean)], limit=400)
    assert predicted["dwell_seconds"].item() == pytest.approx(expected, rel=1e-6)
    assert predicted["dwell_log_mean"].item() == pytest.approx(mean)
    assert predicted["dwell_log_scale"].item() == pytest.approx(scale)


def test_expected_stay_is_finite_and_within_the_cap_for_wild_parameters() -> None:
    grid = torch.tensor([-1e4, -50.0, 0.0, 50.0, 1e4])
    parameters = torch.cartesian_prod(grid, grid)
    caps = torch.full((25,), 90.0)
    stay = HEAD.predict(parameters, caps)["dwell_seconds"]
    assert bool(((stay >= 0.0) & (stay <= 90.0)).all())


def test_quantile_inverts_the_distribution() -> None:
    level = stats.lognorm(s=0.7, scale=math.exp(2.0)).cdf(12.0)
    assert HEAD.quantile(parameters_of(2.0, 0.7), float(level)).item() == pytest.approx(12.0)


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_parameters_are_recovered_and_not_when_censoring_is_ignored(
    censored, recover, cut, naive, half_cut
) -> None:
    generator = torch.Generator().manual_seed(3)
    true = parameters_of(3.2, 0.9)[0]
    stay = torch.exp(3.2 + 0.9 * torch.randn(4000, generator=generator, dtype=torch.float64))
    content = half_cut(stay, generator) if censored else torch.full_like(stay, math.inf)
    outcome = cut(stay, content)
    assert outcome.event.double().mean().item() == pytest.approx(0.5 if censored else 1.0, abs=0.05)
    assert recover(HEAD, outcome).finds(true)
    assert recover(HEAD, naive(outcome)).finds(true) == (not censored)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_seconds": 0.0},
        {"min_seconds": 10.0, "max_seconds": 5.0},
        {"typical_seconds": -1.0},
        {"min_scale": 0.0},
        {"min_scale": 2.0, "max_scale": 1.0},
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        CensoredLogNormal(**settings)
