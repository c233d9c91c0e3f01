from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate

from holdfast.core.batch import Outcome
from holdfast.models.heads.weighted_logistic import WeightedLogistic

HEAD = WeightedLogistic(unit_seconds=10.0, max_seconds=5000.0)


def outcome_of(seconds: list[float], event: list[bool]) -> Outcome:
    known = torch.ones(len(seconds), dtype=torch.bool)
    return Outcome(torch.tensor(seconds, dtype=torch.float64), torch.tensor(event), known)


def test_loss_by_hand() -> None:
    # Odds 3: sigma = 3/4. 20 seconds are 2 units: -2 log(3/4) - log(1/4); cut off: -2 log(3/4).
    parameters = torch.full((2, 1), math.log(3.0), dtype=torch.float64)
    losses = HEAD.negative_log_likelihood(parameters, outcome_of([20.0, 20.0], [True, False]))
    assert losses.tolist() == pytest.approx([-2 * math.log(0.75) - math.log(0.25), -2 * math.log(0.75)])


def test_the_odds_are_the_mean(recover) -> None:
    outcome = outcome_of([5.0, 12.0, 0.0, 90.0], [True] * 4)
    fit = recover(HEAD, outcome)
    assert 10.0 * math.exp(fit.parameters.item()) == pytest.approx(107.0 / 4.0, rel=1e-6)
    # Two of them cut off: seconds seen over ends seen, as for an exponential stay.
    fit = recover(HEAD, outcome_of([5.0, 12.0, 0.0, 90.0], [True, False, True, False]))
    assert 10.0 * math.exp(fit.parameters.item()) == pytest.approx(107.0 / 2.0, rel=1e-6)


@pytest.mark.parametrize("cap", [0.01, 0.4, 30.0, 400.0, math.inf])
def test_expected_stay_is_the_capped_mean_of_an_exponential(cap: float) -> None:
    parameters = torch.tensor([[math.log(2.5)]], dtype=torch.float64)
    predicted = HEAD.predict(parameters, torch.tensor([cap], dtype=torch.float64))
    expected, _ = integrate.quad(lambda t: math.exp(-t / 25.0), 0.0, min(cap, 1000.0), limit=200)
    assert predicted["dwell_seconds"].item() == pytest.approx(expected, rel=1e-7)
    single = HEAD.predict(parameters.float(), torch.tensor([cap]))["dwell_seconds"].item()
    assert single == pytest.approx(expected, rel=1e-5)
    assert math.exp(predicted["dwell_log_mean"].item()) == pytest.approx(25.0)


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_the_mean_is_recovered_and_not_when_censoring_is_ignored(
    censored, recover, cut, naive, half_cut
) -> None:
    generator = torch.Generator().manual_seed(1)
    stay = -25.0 * torch.rand(4000, generator=generator, dtype=torch.float64).log()
    content = half_cut(stay, generator) if censored else torch.full_like(stay, math.inf)
    outcome = cut(stay, content)
    assert outcome.event.double().mean().item() == pytest.approx(0.5 if censored else 1.0, abs=0.05)
    true = torch.tensor([math.log(2.5)], dtype=torch.float64)
    assert recover(HEAD, outcome).finds(true)
    assert recover(HEAD, naive(outcome)).finds(true) == (not censored)


@pytest.mark.parametrize("settings", [{"unit_seconds": 0.0}, {"max_seconds": math.inf}])
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        WeightedLogistic(**settings)
