from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from holdfast.evaluation.surrogacy import comparability_test, index_effect, surrogacy_test
from holdfast.evaluation.surrogate_index import SurrogateIndex


@dataclass
class Experiment:
    """Users of two arms, several days each: clicks now, a return later."""

    users: np.ndarray
    treated: np.ndarray
    columns: dict[str, np.ndarray]
    outcome: np.ndarray


def experiment(*, past: float, seed: int, users: int = 3000, days: int = 3) -> Experiment:
    """The treatment doubles clicks; ``past`` is its effect on the return that clicks do not show.

    Users have frailties of their own, so that rows of one user go together.
    """
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), days)
    treated = (rng.random(users) < 0.5)[user]
    clicks = rng.poisson(np.where(treated, 2.0, 1.0)).astype(float)
    frailty = rng.normal(size=users)[user]
    logit = -0.5 + 0.4 * clicks + past * treated + 0.5 * frailty
    outcome = (rng.random(user.size) < 1 / (1 + np.exp(-logit))).astype(float)
    return Experiment(user, treated, {"clicks": clicks}, outcome)


def held_against(made: Experiment, **changes):
    index = SurrogateIndex.fit(made.columns, made.outcome)
    return surrogacy_test(
        made.outcome - index.expected(made.columns),
        {"treated": made.treated.astype(float)},
        columns=made.columns,
        users=made.users,
        **changes,
    )


def test_a_treatment_that_works_through_the_surrogate_passes_and_its_effect_is_found() -> None:
    made = experiment(past=0.0, seed=1)
    found = held_against(made)
    assert found.passed
    assert found.warning == ""
    index = SurrogateIndex.fit(made.columns, made.outcome)
    effect, error = index_effect(index.expected(made.columns), made.treated, users=made.users)
    real = made.outcome[made.treated].mean() - made.outcome[~made.treated].mean()
    assert effect == pytest.approx(real, abs=0.03)
    assert effect > 5 * error


def test_a_treatment_that_harms_past_the_surrogate_is_warned_of() -> None:
    # Clickbait: more clicks now, fewer returns later. The index shows a gain where there is a loss.
    made = experiment(past=-1.0, seed=2)
    index = SurrogateIndex.fit(made.columns, made.outcome)
    effect, error = index_effect(index.expected(made.columns), made.treated, users=made.users)
    real = made.outcome[made.treated].mean() - made.outcome[~made.treated].mean()
    assert real < -0.05
    assert effect - real > 10 * error
    found = held_against(made)
    assert found.passed is False
    assert "surrogacy fails" in found.warning
    assert "treated" in found.warning
    assert found.effect[0] < -5 * found.standard_error[0]


def test_where_surrogacy_holds_the_warning_is_as_rare_as_promised() -> None:
    p_values = [held_against(experiment(past=0.0, seed=seed, users=400)).p_value for seed in range(200)]
    # Under independence of rows the mean would be 0.5 and its standard error 0.02; 1 % are below 0.01.
    assert np.mean(np.array(p_values) < 0.01) <= 0.04
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.07)


def test_the_standard_error_counts_users_and_not_rows() -> None:
    one = experiment(past=0.0, seed=3, users=500, days=2)
    twice = Experiment(
        np.tile(one.users, 2),
        np.tile(one.treated, 2),
        {"clicks": np.tile(one.columns["clicks"], 2)},
        np.tile(one.outcome, 2),
    )
    once, again = held_against(one), held_against(twice)
    assert again.standard_error[0] == pytest.approx(once.standard_error[0], rel=1e-2)


def test_without_a_treatment_it_is_assumed_and_says_so() -> None:
    made = experiment(past=0.0, seed=4, users=50)
    index = SurrogateIndex.fit(made.columns, made.outcome)
    residual = made.outcome - index.expected(made.columns)
    nothing = surrogacy_test(residual, {}, columns=made.columns, users=made.users)
    alike = surrogacy_test(
        residual, {"policy": np.ones(residual.size)}, columns=made.columns, users=made.users
    )
    # A policy of each day cannot be told from its day.
    day = np.arange(residual.size) % 3
    daily = surrogacy_test(
        residual, {"second": (day == 1).astype(float)}, columns=made.columns, users=made.users, strata=day
    )
    for found in (nothing, alike, daily):
        assert (found.p_value, found.passed) == (None, None)
        assert "surrogacy is assumed, not tested" in found.warning


def test_an_index_that_went_out_of_date_is_warned_of() -> None:
    rng = np.random.default_rng(5)
    users = np.arange(4000)
    clicks, late = rng.poisson(2.0, 4000).astype(float), users % 2 == 1
    for moved, passes in ((0.0, True), (-0.8, False)):
        chance = 1 / (1 + np.exp(0.5 - 0.4 * clicks - moved * late))
        outcome = (rng.random(4000) < chance).astype(float)
        found = comparability_test({"clicks": clicks}, outcome, late=late, users=users)
        assert found.passed is passes
        assert ("comparability fails" in found.warning) is not passes


def test_comparability_without_late_rows_is_assumed() -> None:
    found = comparability_test({"clicks": [1.0, 2.0]}, [0, 1], late=[False, False], users=[1, 2])
    assert found.passed is None
    assert "comparability is assumed" in found.warning


def test_an_effect_needs_two_groups() -> None:
    with pytest.raises(ValueError, match="one group only"):
        index_effect([0.1, 0.2], [True, True], users=[1, 2])
