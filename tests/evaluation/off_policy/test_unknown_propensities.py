import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy import (
    BalancedInversePropensity,
    diagnose,
    estimate_balanced_weights,
    estimate_propensities,
    evaluate,
)

CONTEXT = ["x0", "x1", "x2"]


def test_propensities_of_a_softmax_are_found(make_bandit):
    bandit = make_bandit(0, num_rows=8000, exploration=0.0, behavior=1.0)
    estimated = estimate_propensities(bandit.frame, context=CONTEXT)
    error = np.abs(np.log(estimated / bandit.frame["propensity"]))
    assert error.median() < 0.06
    calibration = diagnose(bandit.frame.assign(propensity=estimated), bandit.policy).propensities
    assert (calibration["z"].abs() < 4).all()
    again = estimate_propensities(bandit.frame, context=CONTEXT)
    np.testing.assert_array_equal(estimated, again)


def test_without_context_they_are_shares():
    frame = pd.DataFrame({"action": ["a"] * 600 + ["b"] * 300, "slot": [0, 1, 2] * 300})
    estimated = estimate_propensities(frame.drop(columns="slot"), context=[])
    assert estimated[:600].mean() == pytest.approx(2 / 3, abs=0.01)
    assert estimated[600:].mean() == pytest.approx(1 / 3, abs=0.01)


def test_balanced_weights_find_the_value_without_propensities(make_bandit):
    bandit = make_bandit(1, num_rows=8000, exploration=0.0, behavior=0.5, evaluation=1.5)
    weights = estimate_balanced_weights(
        bandit.frame.drop(columns="propensity"), bandit.policy, context=CONTEXT
    )
    row = evaluate(
        bandit.frame, bandit.policy, False, [BalancedInversePropensity()], balanced_weights=weights
    ).iloc[0]
    assert row["mean_weight"] == pytest.approx(1.0, abs=0.05)
    assert abs(row["value"] - bandit.truth) < 0.03
    assert abs(row["value"] - bandit.truth) < 0.2 * abs(bandit.frame["reward"].mean() - bandit.truth)


def test_mistakes(make_bandit):
    bandit = make_bandit(2, num_rows=50)
    with pytest.raises(ValueError, match=r"shrinkage is 0\.0"):
        estimate_propensities(bandit.frame, context=CONTEXT, shrinkage=0.0)
    with pytest.raises(UserError, match="nothing is left to fit on"):
        estimate_propensities(bandit.frame.assign(user_id=1), context=CONTEXT)
    with pytest.raises(UserError, match="actions does not name"):
        estimate_propensities(bandit.frame, context=CONTEXT, actions=[0, 1])
    with pytest.raises(UserError, match="of all actions"):
        estimate_balanced_weights(bandit.frame, np.full(50, 0.5), context=CONTEXT)
    with pytest.raises(UserError, match="no column"):
        estimate_propensities(bandit.frame, context=["mood"])
    with pytest.raises(UserError, match="above 1000"):
        names = bandit.frame.assign(name=[f"n{row}" for row in range(50)])
        estimate_propensities(
            names.loc[np.repeat(np.arange(50), 30)].assign(name=[f"n{row}" for row in range(1500)]),
            context=["name"],
        )
