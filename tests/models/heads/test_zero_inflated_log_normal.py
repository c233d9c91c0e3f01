from __future__ import annotations

import math

import pytest
import torch

from holdfast.core.batch import Outcome
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal

HEAD = ZeroInflatedLogNormal(min_seconds=0.01, typical_seconds=20.0, min_scale=0.05, max_scale=2.5)


def parameters_of(opened: float, mean: float, scale: float) -> torch.Tensor:
    share = (scale - HEAD.min_scale) / (HEAD.max_scale - HEAD.min_scale)
    row = [
        math.log(opened / (1.0 - opened)),
        mean - math.log(HEAD.typical_seconds),
        math.log(share / (1.0 - share)),
    ]
    return torch.tensor([row], dtype=torch.float64)


def test_loss_by_hand() -> None:
    parameters = parameters_of(0.25, 3.0, 1.0).expand(4, 3)
    seconds = torch.tensor([0.0, math.e**3, math.e**3, 7.0], dtype=torch.float64)
    outcome = Outcome(
        seconds, torch.tensor([True, True, False, True]), torch.tensor([True, True, True, False])
    )
    losses = HEAD.negative_log_likelihood(parameters, outcome)
    # Closed: -log .75. Opened at the median: -log .25 + log sqrt(2 pi). Cut there: -log .25 - log .5.
    expected = [
        -math.log(0.75),
        -math.log(0.25) + 0.5 * math.log(2.0 * math.pi),
        -math.log(0.25) - math.log(0.5),
        0.0,
    ]
    assert losses.tolist() == pytest.approx(expected)


def test_a_stay_is_the_log_normals_and_an_impression_is_worth_its_share() -> None:
    parameters = parameters_of(0.25, 3.0, 0.9)
    content = torch.tensor([60.0], dtype=torch.float64)
    stay = CensoredLogNormal(min_seconds=0.01, typical_seconds=20.0, min_scale=0.05, max_scale=2.5).predict(
        parameters[:, 1:], content
    )
    outputs = HEAD.predict(parameters, content)
    assert outputs["dwell_seconds"].item() == pytest.approx(stay["dwell_seconds"].item())
    assert outputs["dwell_open_probability"].item() == pytest.approx(0.25)
    assert outputs["dwell_impression_seconds"].item() == pytest.approx(0.25 * stay["dwell_seconds"].item())


def test_quantiles_of_rows_start_with_those_not_opened() -> None:
    parameters = parameters_of(0.25, 3.0, 1.0)
    assert HEAD.quantile(parameters, 0.7).item() == 0.0
    # Half of the opened quarter: the median of the stay.
    assert HEAD.quantile(parameters, 0.875).item() == pytest.approx(math.e**3)


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_parameters_are_recovered_and_not_when_censoring_is_ignored(
    censored, recover, cut, naive, half_cut
) -> None:
    generator = torch.Generator().manual_seed(9)
    true = parameters_of(0.3, 3.2, 0.9)[0]
    stay = torch.exp(3.2 + 0.9 * torch.randn(8000, generator=generator, dtype=torch.float64))
    content = half_cut(stay, generator) if censored else torch.full_like(stay, math.inf)
    opened = torch.rand(8000, generator=generator, dtype=torch.float64) < 0.3
    seen = cut(stay, content)
    outcome = Outcome(torch.where(opened, seen.value, 0.0), seen.event | ~opened, seen.known, content)
    assert seen.event[opened].double().mean().item() == pytest.approx(0.5 if censored else 1.0, abs=0.05)
    assert recover(HEAD, outcome).finds(true)
    assert recover(HEAD, naive(outcome)).finds(true) == (not censored)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="min_scale"):
        ZeroInflatedLogNormal(min_scale=0.0)
