from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import beta
from scipy.stats import betabinom
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.models.heads.beta_geometric import BetaGeometric
from holdfast.models.heads.discrete_hazard import DiscreteHazard

HEAD = BetaGeometric(horizon_days=5)
A, B = 1.5, 3.0


def parameters_of(a: float, b: float, rows: int = 1) -> Tensor:
    one = torch.tensor([math.log(a / b), -math.log(a + b)], dtype=torch.float64)
    return one.expand(rows, 2).clone()


def drawn(a: float, b: float, *, rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.geometric(rng.beta(a, b, rows))


def loss_of(value: float, event: bool, head: BetaGeometric = HEAD) -> float:
    outcome = Outcome(torch.tensor([value]), torch.tensor([event]), torch.tensor([True]))
    return head.negative_log_likelihood(parameters_of(A, B), outcome).item()


@pytest.mark.parametrize(
    ("value", "event", "likelihood"),
    [
        (1.0, True, 1.5 / 4.5),
        # Not on day 1, 3 / 4.5; back on day 2, 1.5 / 5.5.
        (2.0, True, (3.0 / 4.5) * (1.5 / 5.5)),
        (3.0, False, beta(A, B + 3) / beta(A, B)),
        (5.0, True, beta(A + 1, B + 4) / beta(A, B)),
        (0.0, False, 1.0),
        # A return after the horizon says that there was none within it.
        (9.0, True, beta(A, B + 5) / beta(A, B)),
    ],
)
def test_loss_by_hand_and_by_beta_functions(value: float, event: bool, likelihood: float) -> None:
    assert loss_of(value, event) == pytest.approx(-math.log(likelihood), abs=1e-12)


def test_survival_is_that_of_no_success_in_a_beta_binomial() -> None:
    outputs = HEAD.predict(parameters_of(A, B, rows=2), torch.ones(2))
    expected = [1.0 - betabinom.pmf(0, days, A, B) for days in range(1, 6)]
    np.testing.assert_allclose(outputs["return_by_day"].numpy(), [expected, expected], rtol=1e-10)
    np.testing.assert_allclose(outputs["return_probability"].numpy(), [expected[-1]] * 2, rtol=1e-10)
    hazard = [A / (A + B + day) for day in range(5)]
    np.testing.assert_allclose(outputs["return_hazard"].numpy(), [hazard, hazard], rtol=1e-10)
    np.testing.assert_allclose(outputs["return_correlation"].numpy(), [1 / (A + B + 1)] * 2, rtol=1e-10)


def test_without_spread_it_is_the_geometric_law_also_in_single_precision() -> None:
    parameters = torch.tensor([[math.log(0.3 / 0.7), -60.0]])
    by_day = HEAD.predict(parameters, torch.ones(1))["return_by_day"]
    torch.testing.assert_close(by_day, 1.0 - 0.7 ** torch.arange(1.0, 6.0)[None], rtol=1e-5, atol=1e-6)


def test_saturated_parameters_have_a_finite_loss_and_gradient() -> None:
    parameters = torch.tensor([[90.0, 50.0], [-90.0, 50.0], [90.0, -90.0]], requires_grad=True)
    outcome = Outcome(torch.tensor([3.0, 3.0, 3.0]), torch.tensor([True, False, False]), torch.ones(3).bool())
    losses = HEAD.negative_log_likelihood(parameters, outcome)
    losses.sum().backward()
    assert bool(losses.isfinite().all())
    assert parameters.grad is not None
    assert bool(parameters.grad.isfinite().all())


def test_a_horizon_of_one_day_is_a_bernoulli() -> None:
    outcome = Outcome(torch.tensor([1.0]), torch.tensor([True]), torch.tensor([True]))
    loss = BetaGeometric(horizon_days=1).negative_log_likelihood(parameters_of(A, B), outcome)
    assert loss.item() == pytest.approx(math.log(3.0), abs=1e-12)


def test_quantile_is_the_first_day_with_enough_returns_or_never() -> None:
    # Back by day 1, 2 with 1/3, 1 - 2/3 * 4/5.5 = 0.515.
    assert HEAD.quantile(parameters_of(A, B), 0.3).item() == 1.0
    assert HEAD.quantile(parameters_of(A, B), 0.5).item() == 2.0
    assert HEAD.quantile(parameters_of(A, B), 0.999).item() == math.inf


@pytest.mark.parametrize("censoring", [0.0, 0.5])
def test_its_own_model_is_recovered_and_not_when_censored_rows_are_dropped(
    maximum_likelihood, censoring: float
) -> None:
    head, gap = BetaGeometric(horizon_days=14), drawn(A, B, rows=30_000, seed=2)
    rng = np.random.default_rng(3)
    watched = rng.integers(1, 5, gap.size) if censoring else np.full(gap.size, 14)
    event = gap <= watched
    if censoring:
        assert (~event).mean() == pytest.approx(0.5, abs=0.1)
    true = parameters_of(A, B)[0].numpy()
    value = np.where(event, gap, watched)
    found, error, _ = maximum_likelihood(head, value, event)
    assert (np.abs(found - true) < 3 * error).all()
    if censoring:
        naive, naive_error, _ = maximum_likelihood(head, value, event, known=event)
        assert (np.abs(naive - true) > 3 * naive_error).any()


def test_one_hazard_for_all_is_rejected_where_people_differ_and_kept_where_they_do_not(
    maximum_likelihood,
) -> None:
    head, rows = BetaGeometric(horizon_days=10), 20_000
    rng = np.random.default_rng(5)
    for gap, differ in ((drawn(A, B, rows=rows, seed=4), True), (rng.geometric(0.4, rows), False)):
        value, event = np.minimum(gap, 10), gap <= 10
        _, _, loss = maximum_likelihood(head, value, event, steps=60)
        tries = value.sum()
        constant = -(event.sum() * math.log(event.sum() / tries))
        constant -= (tries - event.sum()) * math.log(1 - event.sum() / tries)
        # Likelihood ratio; 10.8 is the 0.999 quantile of chi-square with one degree of freedom.
        assert (2 * (constant - loss) > 10.8) == differ


def test_on_a_real_panel_it_tells_who_is_still_away_after_a_week(maximum_likelihood) -> None:
    value, event = panel_gaps()
    head = BetaGeometric(horizon_days=22)
    found, _, _ = maximum_likelihood(head, value, event, steps=60)
    by_day = head.predict(torch.tensor(found)[None], torch.ones(1))["return_by_day"][0].numpy()
    constant = event.sum() / value.sum()
    hazards, _, _ = maximum_likelihood(DiscreteHazard(horizon_days=7), value, event, steps=60)
    observed = np.cumprod(1 / (1 + np.exp(hazards)))[-1]
    assert observed == pytest.approx(0.086, abs=0.003)
    assert (1 - constant) ** 7 == pytest.approx(0.028, abs=0.003)
    # The bound is a tenth of what the constant hazard misses.
    assert abs(1 - by_day[6] - observed) < 0.1 * abs((1 - constant) ** 7 - observed)


def panel_gaps() -> tuple[np.ndarray, np.ndarray]:
    """Gaps between active days from day 8 on, and whether they ended before the panel did."""
    shared = os.environ.get("HOLDFAST_SHARED_DATA", str(Path(__file__).parents[3] / ".." / "shared" / "data"))
    files = sorted(Path(shared, "kwai2018_activity").glob("*.parquet"))
    if not files:
        pytest.skip("no copy of the activity panel; set HOLDFAST_SHARED_DATA to the folder that has it")
    panel = pd.read_parquet(files[0], columns=["user_id", "day_id", "n_all"])
    active = panel[(panel["n_all"] > 0) & (panel["day_id"] >= 8)].sort_values(["user_id", "day_id"])
    gap = active.groupby("user_id")["day_id"].shift(-1) - active["day_id"]
    until_end = 30 - active["day_id"]
    event = gap.notna().to_numpy()
    value = gap.fillna(until_end).to_numpy()
    return value[value >= 1], event[value >= 1]


def test_a_horizon_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon_days is 0"):
        BetaGeometric(horizon_days=0)
