"""The order of models, clean and under stress."""

from __future__ import annotations

import pytest

from holdfast.evaluation.robustness.rank_stability import rank_stability


def test_by_hand() -> None:
    same = rank_stability([0.6, 0.7, 0.8], [0.5, 0.55, 0.6])
    assert (same.tau, same.winner_stays) == (1.0, True)
    # Of the three pairs one is turned round: (2 - 1) / 3.
    swapped = rank_stability([0.6, 0.7, 0.8], [0.5, 0.6, 0.55])
    assert swapped.tau == pytest.approx(1 / 3)
    assert not swapped.winner_stays


def test_ties_and_missing_values_are_said() -> None:
    tied = rank_stability([0.6, 0.7, None], [0.5, 0.5, 0.4])
    assert (tied.tau, tied.num_models, tied.num_left_out) == (None, 2, 1)
    with pytest.raises(ValueError, match="1 of 2 models have both"):
        rank_stability([0.6, 0.7], [0.5, None])
    with pytest.raises(ValueError, match="clean has 1 models, stressed 2"):
        rank_stability([0.6], [0.5, 0.4])
