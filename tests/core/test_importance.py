import numpy as np
import pytest

from holdfast.core.importance import WeightDiagnostics, inverse_propensity_weights

EVERY = np.ones(4, dtype=bool)


def test_weights_by_hand():
    weights, diagnostics = inverse_propensity_weights(
        np.array([1.0, 0.5, 0.25, 0.01]), where=EVERY, max_weight=10.0
    )
    raw = np.array([1.0, 2.0, 4.0, 10.0])  # 1 / 0.01 is clipped to 10
    np.testing.assert_allclose(weights, raw / 4.25, rtol=1e-15)
    assert weights.mean() == pytest.approx(1.0)
    assert diagnostics.num_rows == 4
    assert diagnostics.effective_sample_size == pytest.approx(17.0**2 / (1 + 4 + 16 + 100))
    assert diagnostics.largest_weight == pytest.approx(10 / 4.25)
    assert diagnostics.clipped_share == 0.25
    assert diagnostics.mean_inverse_propensity == pytest.approx((1 + 2 + 4 + 100) / 4)


def test_rows_that_do_not_count_may_hold_anything():
    where = np.array([True, False, True, False])
    weights, diagnostics = inverse_propensity_weights(
        np.array([0.5, np.nan, 0.25, -3.0]), where=where, max_weight=100.0
    )
    np.testing.assert_allclose(weights, [2 / 3, 0.0, 4 / 3, 0.0])
    assert diagnostics.num_rows == 2


def test_spread_rows_count_less_in_the_mean():
    propensity, spread = np.array([0.5, 0.25, 0.125, 1.0]), np.array([0.5, 0.5, 1.0, 1.0])
    weights, diagnostics = inverse_propensity_weights(
        propensity, where=EVERY, max_weight=100.0, spread=spread
    )
    assert (spread * weights).sum() / spread.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(weights / weights[3], [2.0, 4.0, 8.0, 1.0])
    total = spread * weights
    assert diagnostics.effective_sample_size == pytest.approx(total.sum() ** 2 / (total**2).sum())


def test_equal_propensities_weigh_one_each():
    weights, diagnostics = inverse_propensity_weights(np.full(4, 0.2), where=EVERY, max_weight=5.0)
    np.testing.assert_allclose(weights, 1.0, rtol=1e-15)
    assert diagnostics.effective_sample_size == pytest.approx(4.0)
    assert diagnostics.clipped_share == 0.0


def test_a_weight_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(0)
    propensity, order = rng.uniform(0.01, 1, 50), rng.permutation(50)
    where = np.ones(50, dtype=bool)
    weights, _ = inverse_propensity_weights(propensity, where=where, max_weight=20.0)
    shuffled, _ = inverse_propensity_weights(propensity[order], where=where, max_weight=20.0)
    np.testing.assert_allclose(shuffled, weights[order], rtol=1e-14)


def test_self_normalised_mean_recovers_the_truth():
    # Rows are logged with probability p; weighting undoes that. Bound: five standard errors.
    rng = np.random.default_rng(1)
    x = rng.normal(size=40_000)
    p = 1 / (1 + np.exp(-x))
    logged = rng.random(x.size) < p
    weights, diagnostics = inverse_propensity_weights(
        p[logged], where=np.ones(logged.sum(), dtype=bool), max_weight=1e6
    )
    bound = 5 * x.std() / np.sqrt(diagnostics.effective_sample_size)
    assert abs((weights * x[logged]).mean() - 0.0) < bound
    assert x[logged].mean() > 2 * bound  # which it is not without weights


def test_no_row_that_counts_gives_zeros():
    weights, diagnostics = inverse_propensity_weights(
        np.full(4, np.nan), where=np.zeros(4, dtype=bool), max_weight=10.0
    )
    assert weights.tolist() == [0.0] * 4
    assert diagnostics == WeightDiagnostics(
        num_rows=0,
        effective_sample_size=0.0,
        largest_weight=0.0,
        clipped_share=0.0,
        mean_inverse_propensity=0.0,
    )


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.0001, np.nan, np.inf])
def test_a_bad_propensity_that_counts_is_refused(bad: float):
    with pytest.raises(ValueError, match="1 of 4 propensities are missing or outside"):
        inverse_propensity_weights(np.array([0.5, bad, 1.0, 1.0]), where=EVERY, max_weight=10.0)


def test_a_bound_below_one_is_refused():
    with pytest.raises(ValueError, match=r"max_weight is 0\.5"):
        inverse_propensity_weights(np.ones(4), where=EVERY, max_weight=0.5)


def test_rows_of_one_fact_are_no_more_evidence_than_one():
    propensity, spread = np.full(6, 0.5), np.array([1 / 3, 1 / 3, 1 / 3, 1.0, 0.5, 0.5])
    fact = np.array([7, 7, 7, 3, 5, 5])
    where = np.ones(6, dtype=bool)
    _, by_fact = inverse_propensity_weights(propensity, where=where, max_weight=10, spread=spread, fact=fact)
    _, by_row = inverse_propensity_weights(propensity, where=where, max_weight=10, spread=spread)
    assert (by_fact.num_rows, by_row.num_rows) == (3, 6)
    assert by_fact.effective_sample_size == pytest.approx(3.0)
    assert by_row.effective_sample_size > 3.0
