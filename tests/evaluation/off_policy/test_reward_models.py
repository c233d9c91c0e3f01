import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy import DirectMethod, PerRowRegressor, RidgeRewardModel, evaluate
from holdfast.evaluation.off_policy.cross_fitting import cross_fit, fold_of_key, mrdr_weights


@pytest.fixture
def rows():
    draw = np.random.default_rng(0)
    features = draw.normal(loc=[5.0, -100.0], scale=[1.0, 20.0], size=(600, 2))
    actions = draw.integers(3, size=600)
    reward = features @ [0.5, 0.02] + actions * features[:, 0] * 0.1 + draw.normal(size=600)
    return features, actions, reward, draw.random(600) + 0.5


def test_little_shrinkage_is_least_squares_per_action(rows):
    features, actions, reward, weight = rows
    fitted = RidgeRewardModel(shrinkage=1e-6).fit(features, actions, reward, weight=weight, num_actions=4)
    predicted = fitted.predict(features)
    for action in range(3):
        here = actions == action
        reference = LinearRegression().fit(features[here], reward[here], sample_weight=weight[here])
        wanted = np.clip(reference.predict(features), reward.min(), reward.max())
        np.testing.assert_allclose(predicted[:, action], wanted, atol=1e-5)


def test_an_action_never_seen_gets_what_all_share(rows):
    features, actions, reward, _ = rows
    ones = np.ones(600)
    fitted = RidgeRewardModel(shrinkage=10.0).fit(features, actions, reward, weight=ones, num_actions=4)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    reference = Ridge(alpha=10.0).fit(scaled, reward)
    np.testing.assert_allclose(fitted.predict(features)[:, 3], reference.predict(scaled), atol=1e-8)
    strong = RidgeRewardModel(shrinkage=1e9).fit(features, actions, reward, weight=ones, num_actions=4)
    np.testing.assert_allclose(strong.predict(features), reward.mean(), atol=1e-4)


def test_without_features_it_is_a_shrunk_mean():
    actions, reward = np.array([0, 0, 0, 1]), np.array([1.0, 1.0, 0.0, 0.0])
    fitted = RidgeRewardModel(shrinkage=2.0).fit(
        np.empty((4, 0)), actions, reward, weight=np.ones(4), num_actions=3
    )
    wanted = [0.5 + (2 / 3 - 0.5) * 3 / 5, 0.5 - 0.5 * 1 / 3, 0.5]
    np.testing.assert_allclose(fitted.predict(np.empty((1, 0)))[0], wanted)


def test_folds_never_see_their_own_rows(rows):
    features, actions, _, _ = rows
    keys = np.arange(600, dtype=np.uint64) // 2
    folds = fold_of_key(keys, num_folds=3, seed=0)
    assert (folds[::2] == folds[1::2]).all()
    assert np.bincount(folds).min() > 120
    # The reward is the fold itself: a model that saw its own fold would know.
    reward = (folds == 1).astype(float)
    fitted = cross_fit(RidgeRewardModel(), features, actions, reward, folds=folds, num_folds=3, num_actions=3)
    assert (fitted.rows(slice(0, 600))[folds == 1] == 0.0).all()


def test_library_models_serve(make_bandit):
    bandit = make_bandit(1, num_rows=600)
    for template in (LogisticRegression(), Ridge()):
        table = evaluate(
            bandit.frame,
            bandit.policy,
            PerRowRegressor(template),
            [DirectMethod()],
            context=["x0", "x1", "x2"],
        )
        assert 0.0 < table["value"].iloc[0] < 1.0
    one_class = bandit.frame.assign(reward=0.0)
    with pytest.raises(ValueError, match="class"):
        evaluate(one_class, bandit.policy, PerRowRegressor(LogisticRegression()), [DirectMethod()])


def test_mrdr_weights_by_hand():
    # w = (2, 1), p = (.2, .5): w^2 (1 - p) = (3.2, .5), whose mean is 1.85.
    found = mrdr_weights(np.array([2.0, 1.0]), np.array([0.2, 0.5]))
    np.testing.assert_allclose(found, np.array([3.2, 0.5]) / 1.85 + 1e-3)
    np.testing.assert_array_equal(mrdr_weights(np.array([1.0, 1.0]), np.ones(2)), 1.0)


def test_mistakes():
    with pytest.raises(ValueError, match="shrinkage is 0"):
        RidgeRewardModel(shrinkage=0)
    with pytest.raises(UserError, match="no row has weight"):
        RidgeRewardModel().fit(
            np.empty((2, 0)), np.array([0, 1]), np.ones(2), weight=np.zeros(2), num_actions=2
        )
