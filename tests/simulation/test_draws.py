from __future__ import annotations

import numpy as np
from scipy import stats

from holdfast.simulation.draws import Draws, draws


def test_a_number_depends_on_its_place_alone():
    table = draws(7, "click", 3)
    units = np.array([5, 0, 123_456_789, 5])
    wide = table.uniform(units, 9)
    assert np.array_equal(wide[0], wide[3])
    assert np.array_equal(table.uniform(units[[2]], 4)[0], wide[2, :4])
    assert np.array_equal(draws(7, "click", 3).uniform(units, 9), wide)
    assert not np.isin(draws(7, "click", 4).uniform(units, 9), wide).any()
    assert not np.isin(draws(8, "click", 3).uniform(units, 9), wide).any()


def test_the_first_numbers_stay_what_they_are():
    # Fixed once: a change here changes every world that was ever written.
    found = Draws(12345).uniform(np.array([0, 1]), 2)
    expected = [
        [_reference(12345, 0, 0), _reference(12345, 0, 1)],
        [_reference(12345, 1, 0), _reference(12345, 1, 1)],
    ]
    assert np.array_equal(found, expected)


def test_numbers_are_uniform_and_unrelated_along_both_axes():
    values = draws(0, "check").uniform(np.arange(1000), 200)
    assert values.min() > 0.0
    assert values.max() < 1.0
    assert stats.kstest(values.ravel(), "uniform").pvalue > 1e-3
    assert len(np.unique(values)) == values.size
    bound = 4.0 / np.sqrt(values.size)
    assert abs(np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1]) < bound
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < bound
    other = draws(0, "check", 1).uniform(np.arange(1000), 200)
    assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) < bound


def test_normal_numbers_are_normal():
    values = draws(0, "check").normal(np.arange(500), 100).ravel()
    assert stats.kstest(values, "norm").pvalue > 1e-3


def test_nobody_draws_nothing():
    assert draws(0, "x").uniform(np.zeros(0, dtype=np.int64), 3).shape == (0, 3)


def test_no_number_is_0_or_1_whatever_the_bits():
    """Keys that scramble to bits that are all ones, or all zeros: their halves would round to 1 and to 0."""
    for bits, expected in ((2**64 - 1, 1.0 - 2.0**-53), (2**64 - 2048, 1.0 - 2.0**-53), (0, 2.0**-54)):
        key = _unmix((_unmix(bits) - 0x9E3779B97F4A7C15) % 2**64)
        unit = np.array([key ^ (key % 2**63)], dtype=np.uint64)  # a key has 63 bits, the unit the last one
        table = Draws(key % 2**63)
        assert table.uniform(unit, 1).tolist() == [[expected]]
        assert np.isfinite(table.normal(unit, 1)).all()
    below = _unmix((_unmix(2**64 - 4096) - 0x9E3779B97F4A7C15) % 2**64)
    unit = np.array([below ^ (below % 2**63)], dtype=np.uint64)
    # the neighbour is what it was: (2^53 - 2 + 1/2) / 2^53, halves rounded to even
    assert Draws(below % 2**63).uniform(unit, 1).tolist() == [[(2**53 - 2 + 0.5) / 2**53]]


def _reference(key: int, unit: int, index: int) -> float:
    """The formula of the docstring in Python's unbounded integers."""
    bits = _mix((_mix(unit ^ key) + (index + 1) * 0x9E3779B97F4A7C15) % 2**64)
    return ((bits >> 11) + 0.5) / 2**53


def _mix(state: int) -> int:
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state >> 31)


def _unmix(state: int) -> int:
    """The scrambler backwards."""
    state = _unshifted(state, 31) * pow(0x94D049BB133111EB, -1, 2**64) % 2**64
    state = _unshifted(state, 27) * pow(0xBF58476D1CE4E5B9, -1, 2**64) % 2**64
    return _unshifted(state, 30)


def _unshifted(state: int, by: int) -> int:
    """The x with ``x ^ (x >> by) == state``."""
    found = state
    for _ in range(64 // by + 1):
        found = state ^ (found >> by)
    return found
