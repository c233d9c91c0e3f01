from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.off_policy.selection import pseudo_policies


def rows(seed: int, *, concentration: float) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(5, concentration), size=300)


@pytest.mark.parametrize("concentration", [3.0, 0.3])
def test_the_logs_are_of_the_policies_that_are_said(concentration):
    evaluation, behavior = rows(0, concentration=concentration), rows(1, concentration=concentration)
    pseudo = pseudo_policies(evaluation, behavior, share=0.2)
    joint = behavior * pseudo.chosen
    np.testing.assert_allclose(joint.sum(axis=1), pseudo.share, rtol=1e-9)
    np.testing.assert_allclose(pseudo.evaluation, joint / pseudo.share[:, None], rtol=1e-9)
    np.testing.assert_allclose(
        pseudo.behavior, (behavior - joint) / (1.0 - pseudo.share)[:, None], rtol=1e-6, atol=1e-12
    )
    for policy in (pseudo.evaluation, pseudo.behavior):
        np.testing.assert_allclose(policy.sum(axis=1), 1.0, rtol=1e-9)


@pytest.mark.parametrize("concentration", [3.0, 0.3])
def test_weights_are_those_of_the_pair_times_at_most_a_quarter_more(concentration):
    evaluation, behavior = rows(2, concentration=concentration), rows(3, concentration=concentration)
    pseudo = pseudo_policies(evaluation, behavior, share=0.2)
    ratio = pseudo.evaluation / pseudo.behavior / (evaluation / behavior)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-6)
    assert ratio.min() >= 1.0 - 1e-9
    assert ratio.max() <= 1.25 + 1e-9
    assert pseudo.share.max() <= 0.2 + 1e-9
    # One of the two limits is reached everywhere: no row is left out without need.
    assert np.all((ratio[:, 0] > 1.25 - 1e-6) | (pseudo.share > 0.2 - 1e-6))


def test_equal_policies_give_every_row_the_same_chance():
    behavior = rows(4, concentration=1.0)
    pseudo = pseudo_policies(behavior, behavior, share=0.3)
    np.testing.assert_allclose(pseudo.chosen, 0.3, rtol=1e-9)
    np.testing.assert_allclose(pseudo.evaluation, behavior, rtol=1e-9)


def test_a_policy_that_chooses_one_action_by_hand():
    """pi_b = (.2, .8), w = (5, 0): the first action goes with chance s, unless weights stretch too far."""
    pseudo = pseudo_policies(np.array([[1.0, 0.0]]), np.array([[0.2, 0.8]]), share=0.1)
    assert pseudo.chosen[0] == pytest.approx([0.1, 0.0])
    assert pseudo.evaluation[0] == pytest.approx([1.0, 0.0])
    assert pseudo.behavior[0] == pytest.approx([0.18 / 0.98, 0.8 / 0.98])


def test_actions_that_only_one_of_them_knows():
    pseudo = pseudo_policies(np.array([[0.5, 0.5, 0.0]]), np.array([[0.5, 0.0, 0.5]]), share=0.2)
    assert pseudo.evaluation[0] == pytest.approx([1.0, 0.0, 0.0])
    assert pseudo.behavior[0, 1] == 0.0
    assert np.isfinite(pseudo.chosen).all()
