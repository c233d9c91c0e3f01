from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from holdfast.models import binned

EDGES = torch.tensor([0.0, 2.0, 6.0, 10.0], dtype=torch.float64)
SURVIVAL = torch.tensor([[1.0, 0.5, 0.25, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("cap", "expected"),
    [(0.0, 0.0), (1.0, 0.875), (2.0, 1.5), (4.0, 1.5 + 0.875), (10.0, 3.5), (math.inf, 3.5)],
)
def test_the_capped_mean_by_hand(cap: float, expected: float) -> None:
    found = binned.capped_mean(SURVIVAL, EDGES, torch.tensor([cap], dtype=torch.float64))
    assert found.item() == pytest.approx(expected)


def test_survival_and_quantile_by_hand() -> None:
    moments = torch.tensor([[0.0, 1.0, 2.0, 4.0, 10.0, 11.0]], dtype=torch.float64)
    found = binned.survival_at(SURVIVAL, EDGES, moments)[0]
    assert found.tolist() == pytest.approx([1.0, 0.75, 0.5, 0.375, 0.0, 0.0])
    for level, seconds in ((0.25, 1.0), (0.5, 2.0), (0.625, 4.0), (0.875, 8.0)):
        assert binned.quantile(SURVIVAL, EDGES, level).item() == pytest.approx(seconds)


def test_edges_of_their_own_for_each_row() -> None:
    edges = torch.stack([EDGES, 10.0 * EDGES])
    survival = SURVIVAL.expand(2, -1)
    moments = torch.tensor([[4.0], [40.0]], dtype=torch.float64)
    assert binned.survival_at(survival, edges, moments)[:, 0].tolist() == pytest.approx([0.375, 0.375])
    caps = torch.tensor([4.0, 40.0], dtype=torch.float64)
    assert binned.capped_mean(survival, edges, caps).tolist() == pytest.approx([2.375, 23.75])


def test_ties_are_set_apart_by_what_single_precision_can_tell() -> None:
    moved, number = binned.strictly_rising(np.array([0.0, 3.0, 3.0, 3.0, 100_000.0, 100_000.0]))
    assert number == 3
    assert (np.diff(moved.astype(np.float32)) > 0).all()
    np.testing.assert_allclose(moved, [0.0, 3.0, 3.0, 3.0, 1e5, 1e5], rtol=1e-3)


def test_edges_hold_equal_shares_of_weight() -> None:
    value = np.arange(1.0, 101.0)
    edges, moved = binned.edges_at(value, np.array([0.5]), weight=np.where(value <= 50, 3.0, 1.0))
    # 200 of weight: half of it lies in the first 33 rows.
    assert edges[0] == 0.0
    assert edges[1] == pytest.approx(33.5, abs=1.0)
    late = value[value > edges[1]]
    weight = np.where(late <= 50, 3.0, 1.0)
    assert edges[2] == pytest.approx(2.0 * np.average(late, weights=weight) - edges[1])
    assert moved == 0
