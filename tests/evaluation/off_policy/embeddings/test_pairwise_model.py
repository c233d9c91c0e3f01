from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.off_policy.embeddings import PairwiseRewardModel, cluster_actions
from holdfast.evaluation.off_policy.embeddings.pairwise_model import within_clusters
from holdfast.evaluation.off_policy.reward_models import RidgeStatistics

CLUSTERS = np.array([0, 0, 1, 1, 1, 2])


def log(seed: int, *, num_rows: int = 60, num_features: int = 0):
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(num_rows, num_features)) * [1.0, 1e5][:num_features]
    actions = draw.integers(6, size=num_rows)
    reward = CLUSTERS[actions] * 3.0 + 0.5 * actions + draw.normal(size=num_rows)
    return features, actions, reward


@pytest.mark.parametrize("shrinkage", [0.5, 10.0])
def test_the_first_step_is_the_regression_on_all_pairs(shrinkage: float):
    features, actions, reward = log(0)
    pairs, differences, counts = [], [], []
    sizes = np.bincount(CLUSTERS[actions])
    for i in range(len(reward)):
        for j in range(i):
            if CLUSTERS[actions[i]] == CLUSTERS[actions[j]]:
                pairs.append(np.eye(6)[actions[i]] - np.eye(6)[actions[j]])
                differences.append(reward[i] - reward[j])
                counts.append(1.0 / sizes[CLUSTERS[actions[i]]])
    design = np.array(pairs) * np.array(counts)[:, None]
    expected = np.linalg.solve(np.array(pairs).T @ design + shrinkage * np.eye(6), design.T @ differences)
    statistics = RidgeStatistics.empty(features, 6)
    statistics.add(features, actions, reward, np.ones(len(reward)))
    found = within_clusters(statistics, CLUSTERS, shrinkage=shrinkage)
    assert np.allclose(found[:, 0], expected, rtol=1e-9, atol=1e-12)
    assert found[5, 0] == pytest.approx(0.0, abs=1e-12), "an action alone in its cluster has no difference"


def test_levels_of_clusters_do_not_reach_the_differences():
    features, actions, reward = log(1, num_features=2)
    fitted = [
        PairwiseRewardModel(CLUSTERS).fit(
            features, actions, reward + shift * CLUSTERS[actions], weight=np.ones(60), num_actions=6
        )
        for shift in (0.0, 100.0)
    ]
    assert np.allclose(fitted[0].deviations, fitted[1].deviations, rtol=1e-6, atol=1e-9)


def test_a_linear_truth_is_found():
    draw = np.random.default_rng(2)
    features = draw.normal(size=(5000, 2)) * [1.0, 1e4]
    actions = draw.integers(6, size=5000)
    slopes = draw.normal(size=(6, 3)) / [1.0, 1.0, 1e4]
    truth = slopes[:, 0] + features @ slopes[:, 1:].T
    model = PairwiseRewardModel(CLUSTERS, shrinkage=1e-6)
    fitted = model.fit(
        features, actions, truth[np.arange(5000), actions], weight=np.ones(5000), num_actions=6
    )
    rows = np.arange(5000)
    assert np.allclose(fitted.predict(features)[rows, actions], truth[rows, actions], atol=1e-4)


def test_an_action_that_was_never_logged_is_like_its_cluster():
    features, actions, reward = log(3)
    actions[actions == 4] = 3
    fitted = PairwiseRewardModel(CLUSTERS).fit(features, actions, reward, weight=np.ones(60), num_actions=6)
    assert fitted.deviations[4, 0] == pytest.approx(0.0, abs=1e-12)
    assert np.isfinite(fitted.predict(features)).all()


def test_settings_and_clusters_are_checked():
    with pytest.raises(ValueError, match="shrinkage is 0"):
        PairwiseRewardModel(CLUSTERS, shrinkage=0.0)
    with pytest.raises(ValueError, match="num_clusters is 7"):
        cluster_actions(np.zeros((6, 2)), 7)
    with pytest.raises(ValueError, match="finite numbers"):
        cluster_actions(np.full((6, 2), np.nan), 2)


def test_clusters_of_actions_that_lie_together():
    draw = np.random.default_rng(4)
    centers = np.repeat([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], 5, axis=0)
    found = cluster_actions(centers + 0.1 * draw.normal(size=centers.shape), 3)
    assert sorted(set(found.tolist())) == [0, 1, 2]
    assert all(len(set(found[start : start + 5].tolist())) == 1 for start in (0, 5, 10))
