from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from holdfast.simulation import candidates
from holdfast.simulation.candidates import candidate_weights, draw_candidates, lottery
from holdfast.simulation.draws import draws


def drawn(user: np.ndarray, weights: np.ndarray, *, num_candidates: int, seed: int) -> np.ndarray:
    items = lottery(weights, num_candidates=num_candidates, day=0)
    return draw_candidates(user, items, num_candidates=num_candidates, chance=draws(seed, "c"))


def test_weights_halve_with_age_and_are_zero_before_birth():
    found = candidate_weights(np.array([5, 6, 3, -5]), day=5, half_life_days=2.0)
    assert np.allclose(found, [1.0, 0.0, 0.5, 2.0**-5])


def test_candidates_differ_and_are_alive():
    weights = np.r_[np.zeros(3), np.ones(10), 1000.0]
    found = drawn(np.arange(500), weights, num_candidates=8, seed=0)
    assert found.shape == (500, 8)
    assert found.min() >= 3
    assert all(len(set(row)) == 8 for row in found.tolist())
    # all eleven that can be drawn: every row is a permutation of them, however rare the last one is
    everything = drawn(np.arange(200), weights, num_candidates=11, seed=0)
    assert np.array_equal(np.sort(everything, axis=1), np.tile(np.arange(3, 14), (200, 1)))


def test_order_follows_the_law_of_drawing_without_replacement():
    weights = np.array([1.0, 2.0, 5.0, 0.5])
    num_draws = 100_000
    found = drawn(np.arange(num_draws), weights, num_candidates=2, seed=2)
    total = weights.sum()
    pairs = list(permutations(range(4), 2))
    expected = np.array([weights[a] / total * weights[b] / (total - weights[a]) for a, b in pairs])
    observed = [((found[:, 0] == a) & (found[:, 1] == b)).sum() for a, b in pairs]
    assert stats.chisquare(observed, num_draws * expected).pvalue > 1e-4


def test_clocks_go_on_where_the_draws_stop(monkeypatch: pytest.MonkeyPatch):
    """The same law when only the first two of what may be many draws are made; p above 1e-4."""
    monkeypatch.setattr(candidates, "MOST_DRAWS", 3)
    weights = np.array([1.0, 2.0, 5.0, 0.5])
    num_draws = 100_000
    found = drawn(np.arange(num_draws), weights, num_candidates=3, seed=4)
    triples = list(permutations(range(4), 3))
    expected = []
    for a, b, c in triples:
        left = weights.sum() - weights[a]
        expected.append(weights[a] / weights.sum() * weights[b] / left * weights[c] / (left - weights[b]))
    observed = [(found == triple).all(axis=1).sum() for triple in triples]
    assert sum(observed) == num_draws
    assert stats.chisquare(observed, num_draws * np.array(expected)).pvalue > 1e-4


def test_weights_that_are_next_to_nothing_are_drawn_last_and_at_once():
    weights = np.r_[np.full(4, 1.0), np.full(3, 1e-200), np.full(30, 5e-324)]
    found = drawn(np.arange(2000), weights, num_candidates=9, seed=0)
    assert np.array_equal(np.sort(found[:, :4], axis=1), np.tile(np.arange(4), (2000, 1)))
    assert np.array_equal(np.sort(found[:, 4:7], axis=1), np.tile([4, 5, 6], (2000, 1)))
    assert found[:, 7:].min() >= 7
    assert np.bincount(found[:, 7], minlength=37)[7:].min() > 25, "67 of each are expected"
    assert all(len(set(row)) == 9 for row in found.tolist())


def test_who_else_asks_does_not_matter():
    weights = np.linspace(0.1, 3.0, 50)
    together = drawn(np.arange(40), weights, num_candidates=12, seed=0)
    alone = drawn(np.array([17]), weights, num_candidates=12, seed=0)
    assert np.array_equal(alone[0], together[17])


def test_too_few_items_are_named():
    with pytest.raises(ValueError, match="only 2 items are alive on day 9, and a request needs candidates=3"):
        lottery(np.array([1.0, 0.0, 1.0]), num_candidates=3, day=9)


@pytest.mark.parametrize("spread", [0.0, 1.0, 8.0])
def test_a_look_into_a_bucket_finds_what_a_search_finds(spread: float):
    draw = np.random.default_rng(0)
    weights = np.exp(spread * draw.standard_normal(700)) * (draw.random(700) < 0.8)
    items = lottery(weights, num_candidates=1, day=0)
    # the borders of buckets and of items, where a wrong comparison would show
    edges = np.r_[items.steps[:-1], np.nextafter(items.steps[:-1], 0.0), np.arange(1, 4096) / 4096]
    uniform = np.r_[draw.random(20_000), edges].reshape(-1, 1)
    expected = np.searchsorted(items.steps, uniform, side="right")
    assert np.array_equal(items.draw(uniform), expected)
    assert np.array_equal(items.alive, np.flatnonzero(weights))
