from __future__ import annotations

import numpy as np
import pytest
import torch

from holdfast.core.importance import inverse_propensity_weights
from holdfast.core.propensity import MEANINGS, Propensity

VALUES = np.array([0.5, 0.05, 1.0, 0.25])
EVERY = np.ones(4, dtype=bool)


def propensity(values: object = VALUES, **changes: object) -> Propensity:
    settings: dict[str, object] = {"meaning": "item_in_slot", "source": "by hand", **changes}
    return Propensity(values=np.asarray(values), **settings)  # type: ignore[arg-type]


def test_capped_weights_by_hand() -> None:
    weights, diagnostics = propensity().capped(10.0).weights(where=EVERY)
    # 1 / p capped at 10 is 2, 10, 1, 4, with mean 17 / 4.
    np.testing.assert_allclose(weights, np.array([2, 10, 1, 4]) * 4 / 17)
    assert weights.mean() == pytest.approx(1.0)
    assert diagnostics.mean_weight == pytest.approx(17 / 4)
    assert diagnostics.mean_inverse_propensity == pytest.approx((2 + 20 + 1 + 4) / 4)
    assert diagnostics.clipped_share == 0.25
    assert diagnostics.num_missing == 0


def test_the_weights_are_those_of_the_function_that_everything_shares() -> None:
    spread, fact = np.array([1.0, 0.5, 0.5, 1.0]), np.array([0, 1, 1, 2])
    ours = propensity().capped(10.0).weights(where=EVERY, spread=spread, fact=fact)
    theirs = inverse_propensity_weights(VALUES, where=EVERY, max_weight=10.0, spread=spread, fact=fact)
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1]


def test_floored_values_and_capped_weights_are_one_thing() -> None:
    capped = propensity().capped(10.0)
    np.testing.assert_allclose(capped.floored(), [0.5, 0.1, 1.0, 0.25])
    weights, _ = capped.weights(where=EVERY)
    inverse = 1.0 / capped.floored()
    np.testing.assert_allclose(weights, inverse / inverse.mean())


def test_a_cap_is_set_once() -> None:
    capped = propensity().capped(10.0)
    assert capped.capped(10.0).max_weight == 10.0
    with pytest.raises(ValueError, match=r"capped at 10\.0 already"):
        capped.capped(5.0)


def test_no_cap_clips_nothing() -> None:
    weights, diagnostics = propensity().weights(where=EVERY)
    np.testing.assert_allclose(weights, (1 / VALUES) / (1 / VALUES).mean())
    assert diagnostics.clipped_share == 0.0


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.0001, np.inf])
def test_values_out_of_range_are_refused_with_their_place(bad: float) -> None:
    with pytest.raises(ValueError, match=r"1 of 4 propensities \(by hand\) are outside .* in row 1"):
        propensity([0.5, bad, 1.0, 0.25])


def test_a_missing_value_is_refused_where_it_counts_and_nowhere_else() -> None:
    partial = propensity([0.5, np.nan, 1.0, 0.25])
    with pytest.raises(ValueError, match="1 of 4 propensities are missing"):
        partial.weights(where=EVERY)
    weights, _ = partial.weights(where=~partial.missing)
    assert weights[1] == 0.0
    assert weights[~partial.missing].mean() == pytest.approx(1.0)


def test_rows_that_a_source_sets_aside_are_counted() -> None:
    slice_of_log = propensity([0.5, np.nan, 1.0, np.nan], sets_aside=True)
    weights, diagnostics = slice_of_log.weights(where=np.array([True, True, True, False]))
    assert weights.tolist() == pytest.approx([4 / 3, 0.0, 2 / 3, 0.0])
    assert diagnostics.num_missing == 1
    assert diagnostics.num_rows == 2


def test_ratio_to_another_policy_by_hand() -> None:
    ratio = propensity().capped(4.0).ratio(np.array([0.25, 0.5, 0.0, 0.25]), where=EVERY)
    assert ratio.tolist() == [0.5, 4.0, 0.0, 1.0]


def test_the_ratio_estimates_the_value_of_another_policy() -> None:
    # Two actions, logged with 0.8 and 0.2, rewards 1 and 3; the other policy takes the second with 0.7.
    rng = np.random.default_rng(0)
    second = rng.random(40_000) < 0.2
    logged = propensity(np.where(second, 0.2, 0.8))
    ratio = logged.ratio(np.where(second, 0.7, 0.3), where=np.ones(len(second), dtype=bool))
    rewards = ratio * np.where(second, 3.0, 1.0)
    error = rewards.std() / np.sqrt(len(rewards))
    assert abs(rewards.mean() - (0.7 * 3 + 0.3 * 1)) < 3 * error


def test_a_ratio_needs_a_policys_choice() -> None:
    with pytest.raises(ValueError, match="no choice of a policy"):
        propensity(meaning="clicked").ratio(VALUES, where=EVERY)
    with pytest.raises(ValueError, match="1 rows that count have no propensity"):
        propensity([np.nan, 0.5, 0.5, 0.5]).ratio(VALUES, where=EVERY)
    with pytest.raises(ValueError, match="1 target probabilities"):
        propensity().ratio(np.array([1.5, 0.5, 0.5, 0.5]), where=EVERY)


def test_no_gradient_and_no_way_to_change_the_values() -> None:
    assert not propensity().tensor().requires_grad
    assert propensity().tensor(torch.float64).tolist() == VALUES.tolist()
    with pytest.raises(ValueError, match="read-only"):
        propensity().values[0] = 0.1


def test_empty_and_part() -> None:
    weights, diagnostics = propensity(np.zeros(0)).weights(where=np.zeros(0, dtype=bool))
    assert len(weights) == 0
    assert diagnostics.num_rows == 0
    assert propensity().take(np.array([2, 0])).values.tolist() == [1.0, 0.5]


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="meaning is 'luck'"):
        propensity(meaning="luck")
    with pytest.raises(ValueError, match=r"max_weight is 0\.5"):
        propensity(max_weight=0.5)
    with pytest.raises(ValueError, match="one number a row"):
        propensity(np.full((2, 2), 0.5))
    assert len(MEANINGS) == 5
