import numpy as np
import pytest

from holdfast.evaluation.off_policy import DoublyRobust, Tuned, compare, evaluate
from holdfast.evaluation.off_policy.tuning import choose_by_error, choose_by_slope


def test_slope_stops_where_a_bias_shows():
    # Half-widths fall from left to right; the third estimate is far from the first two.
    values = np.array([1.0, 1.05, 2.0, 1.0])
    variances = np.array([0.16, 0.04, 0.01, 0.0001])
    assert choose_by_slope(values, variances, num_rows=101, delta=0.1) == 1
    assert choose_by_slope(np.ones(4), variances, num_rows=101, delta=0.1) == 3


def test_slope_does_not_mind_the_order():
    values = np.array([2.0, 1.0, 1.05])
    variances = np.array([0.01, 0.16, 0.04])
    assert choose_by_slope(values, variances, num_rows=101, delta=0.1) == 2


def test_slope_compares_with_every_accepted_one():
    # With t = 1.29 and 101 rows, c is .0516, .0258 and .0129; the third agrees with the second only.
    values = np.array([1.0, 1.08, 1.12])
    variances = np.array([0.16, 0.04, 0.01])
    assert choose_by_slope(values, variances, num_rows=101, delta=0.1) == 1
    assert choose_by_slope(values[1:], variances[1:], num_rows=101, delta=0.1) == 1


def test_error_by_hand():
    log_term = np.log(20.0)
    slack = np.sqrt(2 * 4.0 * log_term / 100) + 2 * 10.0 * log_term / 300
    errors = [1.0 / 100 + slack**2, 0.1 / 100 + (0.01 + slack) ** 2, (0.5 + slack) ** 2]
    chosen = choose_by_error(
        np.array([1.0, 0.1, 0.0]),
        np.array([0.0, -0.01, 0.5]),
        num_rows=100,
        mean_square_weight=4.0,
        largest=10.0,
        delta=0.1,
    )
    assert chosen == int(np.argmin(errors)) == 0


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"estimator": "dr"}, "these can be tuned"),
        ({"estimator": "dr_os", "method": "best"}, "'slope' or 'mse'"),
        ({"estimator": "dr_os", "delta": 0.0}, "delta is 0.0"),
        ({"estimator": "clipped_ips", "grid": [0.0]}, "max_weight is 0.0"),
        ({"estimator": "sub_gaussian_dr", "grid": [2.0]}, "shrinkage is 2.0"),
    ],
)
def test_bad_settings(settings, match):
    with pytest.raises(ValueError, match=match):
        Tuned(**settings)


def test_what_comes_back_to_full_weights_sends_to_them(make_bandit):
    """The model is blind here: switching is all bias, tuning keeps every weight, and DR has the number."""
    bandit = make_bandit(0, num_rows=4000, evaluation=1.5)
    estimators = [DoublyRobust(), Tuned(estimator="switch_dr"), Tuned(estimator="clipped_ips")]
    table = evaluate(bandit.frame, bandit.policy, estimators=estimators).set_index("estimator")
    assert table["value"]["switch_dr_slope"] == pytest.approx(table["value"]["dr"], rel=1e-12)
    assert table["clipped_share"]["switch_dr_slope"] == 0.0
    assert table["status"]["dr"] == "ok"
    assert "tuning left all weights alone" in table["status"]["switch_dr_slope"]
    assert "'dr'" in table["status"]["switch_dr_slope"]
    # The rule is for models: what clipping comes back to covers.
    assert "tuning" not in table["status"]["clipped_ips_slope"]
    against = compare(
        bandit.frame, {"new": bandit.policy, "log": np.full((4000, 5), 0.2)}, None, estimators, baseline="log"
    ).set_index("estimator")
    assert "tuning left all weights alone" in against["status"]["switch_dr_slope"]


def test_weights_that_no_candidate_cuts_are_no_choice(make_bandit):
    bandit = make_bandit(0)
    uniform = np.full((1000, 5), 0.2)
    frame = bandit.frame.assign(propensity=0.2)
    table = evaluate(frame, uniform, estimators=[Tuned(estimator="switch_dr")], context=["x0"])
    assert table["status"].iloc[0] == "ok"
