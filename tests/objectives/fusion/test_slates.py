from __future__ import annotations

import itertools

import numpy as np
import pytest

from holdfast.objectives.fusion.slates import (
    Slates,
    discounted_gains,
    expected_discounts,
    group_slates,
    mean_gains,
)


def test_requests_of_unknown_rows_are_left_out_and_the_rest_is_complete():
    request = np.array([7, 3, 7, 5, 3, 9])
    slates = group_slates(request, np.array([True, True, True, False, True, True]), most=10, seed=0)
    assert sorted(sorted(row) for each in slates.rows for row in each.tolist()) == [[0, 2], [1, 4], [5]]
    assert slates.num_requests == 3
    assert slates.num_left_out == 1
    assert sorted(request[slates.first_row].tolist()) == [3, 7, 9]


def test_too_many_requests_are_drawn_by_the_seed():
    request = np.repeat(np.arange(50), 2)
    known = np.ones(100, dtype=bool)
    one, same, other = (group_slates(request, known, most=10, seed=seed) for seed in (1, 1, 2))
    assert one.num_requests == 10
    assert one.num_left_out == 40
    assert one.first_row.tolist() == same.first_row.tolist()
    assert one.first_row.tolist() != other.first_row.tolist()


def test_no_rows():
    slates = group_slates(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), most=5, seed=0)
    assert slates.num_requests == 0
    assert slates.first_row.size == 0


def test_discounts_by_hand_with_ties():
    discount = 1.0 / np.log2(np.arange(4) + 2.0)
    found = expected_discounts(np.array([[3.0, 1.0, 2.0, 0.0], [1.0, 2.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(found[0], discount[[0, 2, 1, 3]])
    np.testing.assert_allclose(
        found[1], [discount[1:].mean(), discount[0], discount[1:].mean(), discount[1:].mean()]
    )
    np.testing.assert_allclose(found[2], np.full(4, discount.mean()))


def test_ties_are_the_mean_over_orders():
    score, gain = np.array([2.0, 1.0, 2.0, 1.0, 2.0]), np.array([5.0, 1.0, 0.0, 2.0, 3.0])
    values = []
    for order in itertools.permutations(range(5)):
        if all(score[a] >= score[b] for a, b in itertools.pairwise(order)):
            values.append(sum(gain[row] / np.log2(place + 2.0) for place, row in enumerate(order)))
    assert float(expected_discounts(score[None])[0] @ gain) == pytest.approx(np.mean(values))


def test_gains_of_many_weights_against_a_loop():
    random = np.random.default_rng(0)
    request = random.integers(0, 12, 60)
    terms, gains, weights = random.normal(size=(2, 60)), random.random((3, 60)), random.random((4, 2))
    slates = group_slates(request, np.ones(60, dtype=bool), most=100, seed=0)
    found = discounted_gains(slates, terms, gains, weights)
    codes = request[slates.first_row]
    for point, place in itertools.product(range(4), range(len(codes))):
        rows = np.flatnonzero(request == codes[place])
        ranked = rows[np.argsort(-(weights[point] @ terms[:, rows]))]
        expected = (gains[:, ranked] / np.log2(np.arange(len(rows)) + 2.0)).sum(axis=1)
        np.testing.assert_allclose(found[point, place], expected)
    np.testing.assert_allclose(mean_gains(slates, terms, gains, weights), found.mean(axis=1))


def test_whether_a_column_is_constant_in_each_request():
    slates = Slates((np.array([[0, 1], [2, 3]]), np.array([[4]])))
    assert slates.constant(np.array([1, 1, 2, 2, 3]))
    assert not slates.constant(np.array([1, 1, 2, 3, 3]))
