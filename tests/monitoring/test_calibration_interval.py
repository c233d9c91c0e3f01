import numpy as np
import pytest
from scipy.stats import beta, binomtest
from scipy.stats import t as student

from holdfast.monitoring.calibration_interval import design_effect, mean_ratio, share_ratio


def test_independent_rows_are_clopper_pearson():
    # TableShift's published interval of 455 of 520.
    y = np.r_[np.ones(455), np.zeros(65)]
    found = share_ratio(np.full(520, 0.875), y, users=np.arange(520))
    assert found.effective_rows == pytest.approx(520, rel=0.01)
    exact = binomtest(455, 520).proportion_ci()
    assert 0.875 / found.high == pytest.approx(0.8434662799079922, abs=2e-4)
    assert 0.875 / found.low == pytest.approx(exact.high, abs=2e-4)


def test_p_value_and_interval_agree():
    rng = np.random.default_rng(1)
    for _ in range(100):
        p = rng.random(80) * 0.3
        y = rng.random(80) < rng.choice([0.05, 0.15, 0.3])
        found = share_ratio(p, y, users=rng.integers(40, size=80))
        if found.low is None or found.p_value is None:
            continue
        outside = found.low > 1.0 or (found.high is not None and found.high < 1.0)
        assert outside == (found.p_value < 0.05)


@pytest.mark.parametrize(("rows_per_user", "shared"), [(1, 0.0), (8, 0.0), (8, 2.0)])
def test_covers_where_users_come_in_clusters(rows_per_user, shared):
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(150), rows_per_user)
    hits = 0
    for _ in range(400):
        level = rng.normal(-2.5, 1.0 if rows_per_user > 1 else 0.5, size=150)
        p = 1 / (1 + np.exp(-level))
        # What users share is not in the predictions: on average they are still right.
        luck = rng.gamma(1 / shared, shared, size=150) if shared else np.ones(150)
        y = rng.random(users.size) < np.minimum(p * luck, 1.0)[users]
        found = share_ratio(p[users], y, users=users)
        truth = p.mean() / np.minimum(p * luck, 1.0).mean() if not shared else 1.0
        hits += (found.low or 0.0) <= truth <= (found.high or np.inf)
    assert 0.92 <= hits / 400 <= 1.0


def test_rows_as_independent_would_not_cover():
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(150), 8)
    effects = []
    for _ in range(50):
        rate = np.minimum(0.1 * rng.gamma(0.5, 2.0, size=150), 1.0)
        y = (rng.random(users.size) < rate[users]).astype(float)
        effects.append(design_effect(np.full(users.size, 0.1), y, users=users))
    assert np.mean(effects) > 1.8


def test_over_prediction_at_three_percent_is_found_and_perfection_is_not():
    """An ECE cannot tell these two apart."""
    rng = np.random.default_rng(2)
    alarms = {"perfect": 0, "double": 0}
    for _ in range(300):
        p = np.clip(rng.beta(2, 64, size=500), 0, 1)
        y = rng.random(500) < p
        alarms["perfect"] += share_ratio(p, y, users=np.arange(500)).p_value < 0.05
        p = np.clip(rng.beta(2, 64, size=5000), 0, 1)
        y = rng.random(5000) < p
        alarms["double"] += share_ratio(2.1 * p, y, users=np.arange(5000)).p_value < 1e-4
    assert alarms["double"] == 300
    assert alarms["perfect"] / 300 <= 0.07


def test_few_rows_never_nan():
    nothing = share_ratio([], [], users=np.zeros(0, dtype=int))
    assert (nothing.ratio, nothing.low, nothing.p_value) == (None, None, None)
    assert nothing.note
    none = share_ratio([0.1] * 40, [0] * 40, users=np.arange(40))
    assert none.ratio is None
    assert none.high is None
    assert none.low == pytest.approx(0.1 / (1 - 0.025 ** (1 / 40)))
    all_of_them = share_ratio([0.5] * 9, [1] * 9, users=np.arange(9))
    assert all_of_them.low == pytest.approx(0.5)
    as_predicted = share_ratio([0.25] * 8, [1, 1, 0, 0, 0, 0, 0, 0], users=[0, 0, 1, 1, 2, 2, 3, 3])
    assert as_predicted.p_value == 1.0
    one_user = share_ratio([0.1] * 40, [1] * 20 + [0] * 20, users=np.zeros(40, dtype=int))
    assert one_user.effective_rows == pytest.approx(1.0)
    assert one_user.p_value > 0.05
    certain = share_ratio([0.0, 0.0], [0, 1], users=np.arange(2))
    assert certain.p_value == 0.0


def test_ratio_of_means_covers_and_says_when_it_cannot():
    rng = np.random.default_rng(4)
    users = np.repeat(np.arange(60), 5)
    hits = 0
    for _ in range(400):
        luck = rng.gamma(4, 0.25, size=60)
        p = rng.gamma(2, 10, size=300)
        y = p * luck[users] * rng.gamma(1, 1, size=300)
        found = mean_ratio(1.2 * p, y, users=users)
        hits += found.low <= 1.2 <= found.high
    assert 0.92 <= hits / 400 <= 0.98
    assert mean_ratio([1.0], [0.0], users=[0]).ratio is None
    assert mean_ratio([1.0, 2.0], [2.0, 2.0], users=[0, 0]).low is None
    with pytest.raises(ValueError, match="negative"):
        mean_ratio([1.0], [-1.0], users=[0])


def test_few_users_make_the_rows_worth_less_by_the_quantiles_of_student():
    """Korn and Graubard (1998): n* = n / deff x (t of n - 1 over t of the degrees of freedom) squared."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(8), 25)
    y = (rng.random(200) < np.repeat(rng.beta(2, 18, size=8), 25)).astype(float)
    p = np.full(200, 0.1)
    found = share_ratio(p, y, users=users, level=0.9)
    factor = (student.ppf(0.95, 199) / student.ppf(0.95, 7)) ** 2
    assert factor < 0.77
    assert found.effective_rows == pytest.approx(200 / design_effect(p, y, users=users) * factor)
    seen = y.mean() * found.effective_rows
    ends = beta.ppf(
        [0.05, 0.95], [seen, seen + 1], [found.effective_rows - seen + 1, found.effective_rows - seen]
    )
    assert (0.1 / found.high, 0.1 / found.low) == pytest.approx(tuple(ends))


@pytest.mark.parametrize("level", [0.5, 0.9, 0.999])
def test_the_p_value_is_the_interval_that_just_reaches_1_at_every_level(level):
    rng = np.random.default_rng(3)
    users = np.repeat(np.arange(12), 20)
    inside = 0
    for _ in range(60):
        p = np.repeat(rng.uniform(0.05, 0.2, size=12), 20)
        y = (rng.random(240) < np.minimum(p * np.repeat(rng.gamma(2, 0.5, size=12), 20), 1)).astype(float)
        found = share_ratio(p, y, users=users, level=level)
        if found.ratio is None:
            continue
        outside = found.low > 1.0 or (found.high is not None and found.high < 1.0)
        assert outside == (found.p_value < 1.0 - level)
        inside += not outside
    assert inside > 0


def test_covers_where_users_are_few():
    """30 users of 20 rows, correlated by .05 within a user: at least 93 of 100 at a level of 95."""
    rng = np.random.default_rng(11)
    users = np.repeat(np.arange(30), 20)
    rate, correlation = 0.08, 0.05
    size = (1 - correlation) / correlation
    hits = 0
    for _ in range(1000):
        y = rng.random(600) < rng.beta(rate * size, (1 - rate) * size, size=30)[users]
        found = share_ratio(np.full(600, rate), y, users=users)
        hits += found.p_value >= 0.05
    assert 0.93 <= hits / 1000 <= 0.99


def test_no_event_among_many_predicted_is_certain_and_finite():
    users = np.arange(10_000) % 500
    none = share_ratio(np.full(10_000, 0.03), np.zeros(10_000), users=users)
    # No row says how alike a user's rows are: 500 users are 500 observations.
    assert design_effect(np.full(10_000, 0.03), np.zeros(10_000), users=users) == pytest.approx(20.0)
    factor = (student.ppf(0.975, 9999) / student.ppf(0.975, 499)) ** 2
    assert none.low == pytest.approx(0.03 / (1 - 0.025 ** (1 / (500 * factor))))
    assert 0.0 < none.p_value < 1e-5
    alone = share_ratio(np.full(10_000, 0.03), np.zeros(10_000), users=np.arange(10_000))
    assert alone.p_value == pytest.approx(2 * 0.97**10_000)
    amounts = mean_ratio(np.full(100, 30.0), np.zeros(100), users=np.arange(100) % 50)
    assert amounts.ratio is None
    assert amounts.low > 5.0
    assert 0.0 < amounts.p_value < 1e-6


def test_events_among_predictions_of_0_are_certain():
    found = share_ratio(np.zeros(20), np.r_[np.ones(3), np.zeros(17)], users=np.arange(20))
    assert (found.ratio, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 0.0)
