"""The log of another policy, held against that policy."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.drift.policies.importance_resampled import ImportanceResampled

N = 60_000
LADDER = [0.1, 0.25, 0.5, 0.75, 1.0]


@pytest.fixture
def logged(table):
    """One-row requests of a policy that takes the first of its items with .7, the others with .2 and .1."""
    item = np.random.default_rng(0).choice(3, size=N, p=[0.7, 0.2, 0.1])
    return table(item_id=item, propensity=np.array([0.7, 0.2, 0.1])[item])


@pytest.mark.parametrize("towards", ["random", "greedy"])
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_what_is_kept_is_distributed_as_the_stated_policy_would(logged, towards, severity):
    drifted = ImportanceResampled(strengths=LADDER, towards=towards).inject(logged, severity=severity, seed=0)
    strength = LADDER[severity - 1]
    power = 1.0 - strength if towards == "random" else 1.0 + strength
    policy = np.array([0.7, 0.2, 0.1]) ** power
    policy /= policy.sum()
    shares = np.bincount(drifted.rows.rows["item_id"], minlength=3) / len(drifted.rows)
    # Four standard errors of a share.
    assert (np.abs(shares - policy) < 4.0 * np.sqrt(policy * (1.0 - policy) / len(drifted.rows))).all()


def test_the_effective_sample_size_is_that_of_the_weights(logged):
    figures = ImportanceResampled(strengths=LADDER).inject(logged, severity=3, seed=0).figures
    weight = logged.rows["propensity"].to_numpy() ** -0.5
    assert figures["effective_sample_size_of_weights"] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


@pytest.mark.parametrize("propensity_of", ["item_in_slot", "slate"])
def test_a_request_has_the_product_of_its_rows_or_its_slates(table, propensity_of):
    rows = table(
        request_id=[0, 0, 1, 1],
        slot=[0, 1, 0, 1],
        propensity=[0.5, 0.5, 0.4, 0.4],
        propensity_of=propensity_of,
    )
    injector = ImportanceResampled(strengths=[1.0] * 5)
    kept = [len(injector.inject(rows, severity=1, seed=seed).rows) for seed in range(400)]
    chance = np.mean([each == 4 for each in kept])
    # The likelier request is kept with the ratio of the chances; four standard errors of 400 draws.
    expected = (0.4 / 0.5) ** 2 if propensity_of == "item_in_slot" else 0.4 / 0.5
    assert chance == pytest.approx(expected, abs=0.1)


def test_without_propensities_it_does_not_fit(table):
    injector = ImportanceResampled()
    assert "no propensities" in (injector.fits(table(propensity=[0.5, 0.4], propensity_of=None)) or "")
    assert "no propensities" in (injector.fits(table(price=[0.5, 0.4])) or "")
    assert "1 of 2 rows have no propensity" in (injector.fits(table(propensity=[0.5, np.nan])) or "")
    assert "equally likely" in (injector.fits(table(propensity=[0.5, 0.5])) or "")


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="towards is 'odd'"):
        ImportanceResampled(towards="odd")
    with pytest.raises(ValueError, match="strengths is"):
        ImportanceResampled(strengths=[0.1, 0.2, 0.3, 0.4, 1.5])
