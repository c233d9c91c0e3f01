import numpy as np
import pandas as pd
import pytest

from holdfast.evaluation.off_policy import IndexedRows, InversePropensity, diagnose, evaluate


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two slots; action 2 is logged in slot 1 only, action 3 nowhere."""
    return pd.DataFrame(
        {
            "action": [0, 1, 0, 1, 2, 0],
            "slot": [0, 0, 0, 1, 1, 1],
            "propensity": [0.5, 0.5, 0.5, 0.25, 0.5, 0.25],
            "reward": [0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
        }
    )


POLICY = np.array([[0.2, 0.3, 0.4, 0.1]] * 6)


def test_counts_by_hand(frame):
    overlap = diagnose(frame, POLICY)
    assert overlap.never_logged == (3,)
    # Slot 0 misses actions 2 and 3 (.5), slot 1 misses action 3 (.1).
    assert overlap.by_slot["support_violation"].tolist() == pytest.approx([0.5, 0.1])
    assert overlap.support_violation == pytest.approx(0.3)
    weight = np.array([0.4, 0.6, 0.4])
    assert overlap.by_slot["effective_sample_size"][0] == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    assert overlap.by_slot["mean_weight"][0] == pytest.approx(weight.mean())
    assert overlap.weights["rows"].sum() == 6
    assert overlap.weights["weight_share"].sum() == pytest.approx(1.0)
    assert (overlap.weights["weight_from"] < overlap.weights["weight_to"]).all()
    table = evaluate(frame, POLICY, False, [InversePropensity()])
    assert table["support_violation"].iloc[0] == pytest.approx(0.3)


def test_propensities_by_hand(frame):
    table = diagnose(frame, POLICY).propensities
    assert table["mean_inverse_weight"].tolist() == pytest.approx([8 / 6, 6 / 6, 2 / 6, 0.0])
    terms = np.array([2.0, 0.0, 2.0, 0.0, 0.0, 4.0])
    assert table["standard_error"][0] == pytest.approx(terms.std() / np.sqrt(6))


def test_what_exploration_would_do(make_bandit):
    """The size foreseen is the size that a log with that exploration then has."""
    bandit = make_bandit(0, num_rows=20_000, behavior=-1.5, exploration=0.05)
    foreseen = diagnose(bandit.frame, bandit.policy).size_with_exploration
    uniform = make_bandit(1, num_rows=20_000, behavior=-1.5, exploration=1.0)
    actual = evaluate(uniform.frame, uniform.policy, False, [InversePropensity()])
    assert foreseen[1.0] == pytest.approx(float(actual["effective_sample_size"].iloc[0]), rel=0.1)
    sizes = list(foreseen.values())
    assert sizes == sorted(sizes)


def test_an_indexed_policy_is_counted_alike(frame):
    indexed = diagnose(frame, IndexedRows(POLICY[:1], np.zeros(6, dtype=np.int64)))
    plain = diagnose(frame, POLICY)
    pd.testing.assert_frame_equal(indexed.by_slot, plain.by_slot)
    assert indexed.size_with_exploration == pytest.approx(plain.size_with_exploration)


def test_logged_probabilities_alone(frame):
    overlap = diagnose(frame, np.full(6, 0.25))
    assert not overlap.actions_known
    assert overlap.support_violation == 0.0
    assert overlap.size_with_exploration == {}
    assert overlap.weights["rows"].sum() == 6
