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
    alone = rank_stability([0.6, 0.7], [0.5, None])
    assert (alone.tau, alone.winner_stays, alone.num_models, alone.num_left_out) == (None, None, 1, 1)
    nobody = rank_stability([], [])
    assert (nobody.tau, nobody.num_models, nobody.num_left_out) == (None, 0, 0)
    with pytest.raises(ValueError, match="clean has 1 models, stressed 2"):
        rank_stability([0.6], [0.5, 0.4])


def test_nan_is_no_rank() -> None:
    kept = rank_stability([0.6, 0.7, 0.8], [0.5, 0.6, 0.7])
    nan = float("nan")
    for clean, stressed in (
        ([0.6, nan, 0.7, 0.8], [0.5, 0.9, 0.6, 0.7]),
        ([0.6, 0.1, 0.7, 0.8], [0.5, nan, 0.6, 0.7]),
    ):
        found = rank_stability(clean, stressed)
        assert (found.tau, found.winner_stays) == (kept.tau, kept.winner_stays) == (1.0, True)
        assert (found.num_models, found.num_left_out) == (3, 1)
