from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.models.kaplan_meier import kaplan_meier, kaplan_meier_quantiles


def test_by_hand() -> None:
    # At risk: 5 at 1, 4 at 2 (one of two ends), 2 at 4.
    value = np.array([1.0, 2.0, 2.0, 4.0, 5.0])
    event = np.array([True, True, False, True, False])
    moments, distribution = kaplan_meier(value, event)
    assert moments.tolist() == [1.0, 2.0, 4.0]
    assert distribution.tolist() == pytest.approx([0.2, 1 - 0.8 * 0.75, 1 - 0.8 * 0.75 * 0.5])


def test_a_weight_of_two_is_a_row_twice() -> None:
    value, event = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    once = kaplan_meier(value, event, weight=np.array([2.0, 1.0, 1.0]))
    twice = kaplan_meier(value[[0, 0, 1, 2]], event[[0, 0, 1, 2]])
    np.testing.assert_allclose(once[1], twice[1])


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=40))
def test_it_agrees_with_the_definition(rows: list[tuple[int, bool]]) -> None:
    value = np.array([row[0] for row in rows], dtype=np.float64)
    event = np.array([row[1] for row in rows])
    moments, distribution = kaplan_meier(value, event)
    stays = 1.0
    for moment, found in zip(moments, distribution, strict=True):
        stays *= 1.0 - (event & (value == moment)).sum() / (value >= moment).sum()
        assert found == pytest.approx(1.0 - stays)
    assert set(moments) == set(value[event])


def test_quantiles_of_whole_rows_are_the_empirical_ones_and_beyond_what_was_seen_the_longest() -> None:
    value = np.arange(1.0, 1001.0)
    levels = np.array([0.1, 0.5, 0.9])
    found, beyond = kaplan_meier_quantiles(value, np.ones(1000, dtype=bool), levels)
    np.testing.assert_allclose(found, np.quantile(value, levels), atol=1.0)
    assert beyond == 0
    # The upper half was cut off at 500: half of the levels cannot be known.
    cut = np.minimum(value, 500.0)
    found, beyond = kaplan_meier_quantiles(cut, value < 500.0, levels)
    assert found.tolist() == pytest.approx([100.0, 500.0, 500.0], abs=1.0)
    assert beyond == 2
