"""Whether models keep their order when conditions change.

M models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau


@dataclass(frozen=True)
class RankStability:
    """The order of models, clean against stressed.

    Attributes:
        tau: Kendall's tau-b, in [-1, 1]; None where all models tie on one side, or with fewer than two.
        winner_stays: whether a best clean model is also a best one under stress; None with fewer than two.
        num_models: compared.
        num_left_out: models without a finite value on one of the sides.
    """

    tau: float | None
    winner_stays: bool | None
    num_models: int
    num_left_out: int


def rank_stability(clean: Sequence[float | None], stressed: Sequence[float | None]) -> RankStability:
    """Compare the order of models by clean quality with that by stressed quality; higher is better.

    Args:
        clean: ``[M]``; None or NaN where undefined. Such a model is left out, and counted.
        stressed: ``[M]``; None or NaN where undefined.

    Raises:
        ValueError: the lengths differ.

    Source: Kendall (1945) for tau-b.
    """
    if len(clean) != len(stressed):
        raise ValueError(f"clean has {len(clean)} models, stressed {len(stressed)}")
    # None becomes NaN, which no order may hold: comparisons with it are false on both sides.
    first, second = (np.array(side, dtype=np.float64) for side in (clean, stressed))
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    left_out = len(clean) - first.size
    if first.size < 2:
        return RankStability(None, None, first.size, left_out)
    tau = float(kendalltau(first, second).statistic) if np.ptp(first) > 0 and np.ptp(second) > 0 else None
    stays = bool(((first == first.max()) & (second == second.max())).any())
    return RankStability(tau, stays, first.size, left_out)
