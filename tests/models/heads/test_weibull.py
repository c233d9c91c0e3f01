from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from holdfast.core.batch import Outcome
from holdfast.models.heads.weibull import Weibull

HEAD = Weibull(min_seconds=0.01, max_seconds=5000.0, typical_seconds=20.0, min_shape=0.2, max_shape=5.0)


def parameters_of(lifetime: float, shape: float, rows: int = 1) -> torch.Tensor:
    share = math.log(shape / HEAD.min_shape) / math.log(HEAD.max_shape / HEAD.min_shape)
    row = [math.log(lifetime / HEAD.typical_seconds), math.log(share / (1.0 - share))]
    return torch.tensor([row] * rows, dtype=torch.float64)


def outcome_of(seconds: list[float], event: list[bool]) -> Outcome:
    known = torch.ones(len(seconds), dtype=torch.bool)
    return Outcome(torch.tensor(seconds, dtype=torch.float64), torch.tensor(event), known)


def test_loss_by_hand() -> None:
    # lifetime 10, shape 2, t = 20: w = 2 log 2, e^w = 4; event 4 - log 4 - log 2, cut 4.
    losses = HEAD.negative_log_likelihood(
        parameters_of(10.0, 2.0, rows=2), outcome_of([20.0, 20.0], [True, False])
    )
    assert losses.tolist() == pytest.approx([4.0 - math.log(8.0), 4.0])


def test_loss_agrees_with_scipy() -> None:
    seconds = [0.02, 3.0, 15.0, 60.0]
    for lifetime, shape in ((10.0, 0.6), (25.0, 1.7)):
        law = stats.weibull_min(shape, scale=lifetime)
        parameters = parameters_of(lifetime, shape, rows=4)
        # Of the logarithm: the density times the seconds.
        density = -(law.logpdf(seconds) + np.log(seconds))
        events = HEAD.negative_log_likelihood(parameters, outcome_of(seconds, [True] * 4))
        censored = HEAD.negative_log_likelihood(parameters, outcome_of(seconds, [False] * 4))
        np.testing.assert_allclose(events.numpy(), density, rtol=1e-10)
        np.testing.assert_allclose(censored.numpy(), -law.logsf(seconds), rtol=1e-10)


@pytest.mark.parametrize("shape", [0.21, 0.5, 0.9, 1.0, 1.3, 4.9])
@pytest.mark.parametrize("cap", [0.5, 12.0, 80.0, math.inf])
def test_expected_stay_agrees_with_numerical_integration(shape: float, cap: float) -> None:
    predicted = HEAD.predict(parameters_of(15.0, shape), torch.tensor([cap], dtype=torch.float64))
    law = stats.weibull_min(shape, scale=15.0)
    limit = min(cap, HEAD.max_seconds)
    expected, _ = integrate.quad(law.sf, 0.0, limit, limit=500, points=[min(1.0, limit), min(60.0, limit)])
    assert predicted["dwell_seconds"].item() == pytest.approx(expected, rel=1e-6)
    assert predicted["dwell_log_lifetime"].item() == pytest.approx(math.log(15.0))
    assert predicted["dwell_shape"].item() == pytest.approx(shape)


def test_an_impossible_dwell_has_a_finite_loss_and_slope() -> None:
    parameters = parameters_of(1e-6, 4.9, rows=2).float().requires_grad_()
    losses = HEAD.negative_log_likelihood(parameters, outcome_of([1e5, 0.0], [False, True]))
    losses.sum().backward()
    assert parameters.grad is not None
    assert bool(losses.isfinite().all())
    assert bool(parameters.grad.isfinite().all())
    assert parameters.grad[0, 0].item() != 0.0


def test_quantile_inverts_the_distribution() -> None:
    level = float(stats.weibull_min(1.4, scale=9.0).cdf(12.0))
    assert HEAD.quantile(parameters_of(9.0, 1.4), level).item() == pytest.approx(12.0)


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_parameters_are_recovered_and_not_when_censoring_is_ignored(
    censored, recover, cut, naive, half_cut
) -> None:
    generator = torch.Generator().manual_seed(4)
    true = parameters_of(18.0, 0.8)[0]
    uniform = torch.rand(4000, generator=generator, dtype=torch.float64)
    stay = 18.0 * (-uniform.log()) ** (1.0 / 0.8)
    content = half_cut(stay, generator) if censored else torch.full_like(stay, math.inf)
    outcome = cut(stay, content)
    assert outcome.event.double().mean().item() == pytest.approx(0.5 if censored else 1.0, abs=0.05)
    assert recover(HEAD, outcome).finds(true)
    assert recover(HEAD, naive(outcome)).finds(true) == (not censored)


@pytest.mark.parametrize(
    "settings",
    [
        {"min_seconds": 0.0},
        {"max_seconds": math.inf},
        {"typical_seconds": -1.0},
        {"min_shape": 0.0},
        {"max_shape": 0.1},
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Weibull(**settings)
