from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from holdfast.objectives.propensities.randomised_slice import RandomisedSlice

POLICY = {"policy": np.array([0, 1, 1, -1]), "policies": ("standard", "random@2")}


def test_only_rows_of_randomised_policies_count(rows: Any) -> None:
    fitted = RandomisedSlice(num_alternatives=4).fit(rows(4, **POLICY))
    weights, diagnostics = fitted.on_train.weights(where=np.ones(4, dtype=bool))
    assert weights.tolist() == [0.0, 1.0, 1.0, 0.0]
    assert diagnostics.num_missing == 2
    assert diagnostics.mean_inverse_propensity == pytest.approx(4.0)
    assert "chance chose 2 of 4" in fitted.notes[0]


def test_logged_propensities_of_the_slice_are_used_where_there_are_any(rows: Any) -> None:
    logged = np.array([0.9, 0.1, 0.2, 0.3])
    fitted = RandomisedSlice().fit(rows(4, logged=logged, **POLICY))
    assert fitted.on_train.values[1:3].tolist() == [0.1, 0.2]
    assert "all 2 have a logged propensity" in fitted.notes[1]
    logged[[0, 3]] = np.nan
    outside = RandomisedSlice().fit(rows(4, logged=logged, **POLICY))
    assert outside.on_train.values[1:3].tolist() == [0.1, 0.2], "rows that do not count need none"


def test_logged_propensities_that_some_rows_lack_are_not_dropped(rows: Any) -> None:
    partly = rows(4, logged=np.array([0.9, np.nan, 0.5, 0.3]), **POLICY)
    with pytest.raises(ValueError, match="1 of the 2 rows that chance chose have no logged propensity"):
        RandomisedSlice().fit(partly)
    assert RandomisedSlice(num_alternatives=4).fit(partly).on_train.values[1:3].tolist() == [0.25, 0.25]


def test_the_training_window_decides_for_all_windows(rows: Any) -> None:
    logged = rows(4, logged=np.array([0.9, 0.1, 0.5, 0.3]), **POLICY)
    partly, unlogged = rows(4, logged=np.array([0.9, np.nan, 0.5, 0.3]), **POLICY), rows(4, **POLICY)
    fitted = RandomisedSlice().fit(logged)
    for window, count in ((partly, 1), (unlogged, 2)):
        with pytest.raises(ValueError, match=f"{count} of the 2 rows that chance chose have no logged"):
            fitted.of(window)
    alike = RandomisedSlice().fit(unlogged)
    assert "none of the 2 has a logged propensity" in alike.notes[1]
    for window in (logged, partly, unlogged):
        assert alike.of(window).values[1:3].tolist() == [1.0, 1.0]
    nobody = rows(4, policies=("standard",))
    assert fitted.of(nobody).missing.all()


def test_randomised_slots(rows: Any) -> None:
    source = RandomisedSlice(policies=[], slots=[2, 3], num_alternatives=10)
    found = source.fit(rows(4, slot=np.array([0, 2, 3, -1]), **POLICY)).on_train
    assert found.missing.tolist() == [True, False, False, True]


def test_the_slice_tells_the_mean_of_all_items_where_the_log_does_not(rows: Any) -> None:
    rng = np.random.default_rng(0)
    item = rng.integers(0, 10, 20_000)
    by_chance = rng.random(20_000) < 0.3
    # The policy shows items 8 and 9 only, which are liked most.
    item = np.where(by_chance, item, 8 + item % 2)
    click = (rng.random(20_000) < item / 10).astype(float)
    policy = {"policy": by_chance.astype(int), "policies": ("greedy", "random")}
    found = RandomisedSlice().fit(rows(20_000, click=click, item=item, **policy)).on_train
    weights, _ = found.weights(where=np.ones(20_000, dtype=bool))
    bound = 3 * 0.5 / np.sqrt(by_chance.sum())
    assert abs(np.average(click, weights=weights) - 0.45) < bound
    assert abs(click.mean() - 0.45) > 0.2


def test_a_log_without_chance_is_told_what_it_has(rows: Any) -> None:
    with pytest.raises(ValueError, match=r"log's policies are \['standard', 'random@2'\]"):
        RandomisedSlice(policies=["uniform"]).fit(rows(4, **POLICY))


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="both empty"):
        RandomisedSlice(policies=[])
    with pytest.raises(ValueError, match="slots count from 0"):
        RandomisedSlice(slots=[-1])
    with pytest.raises(ValueError, match="num_alternatives is 0"):
        RandomisedSlice(num_alternatives=0)
