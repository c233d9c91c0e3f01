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
        tau: Kendall's tau-b, in [-1, 1]; None where all models tie on one side.
        winner_stays: whether a best clean model is also a best one under stress.
        num_models: compared; those without a value on either side are left out.
        num_left_out: of them.
    """

    tau: float | None
    winner_stays: bool
    num_models: int
    num_left_out: int


def rank_stability(clean: Sequence[float | None], stressed: Sequence[float | None]) -> RankStability:
    """Compare the order of models by clean quality with that by stressed quality; higher is better.

    Args:
        clean: ``[M]``; None where undefined.
        stressed: ``[M]``; None where undefined.

    Raises:
        ValueError: the lengths differ, or fewer than two models have both.

    Source: Kendall (1945) for tau-b.
    """
    if len(clean) != len(stressed):
        raise ValueError(f"clean has {len(clean)} models, stressed {len(stressed)}")
    both = [(one, other) for one, other in zip(clean, stressed, strict=True) if None not in (one, other)]
    if len(both) < 2:
        raise ValueError(f"{len(both)} of {len(clean)} models have both qualities; an order needs two")
    first, second = (np.array(side, dtype=np.float64) for side in zip(*both, strict=True))
    tau = float(kendalltau(first, second).statistic) if np.ptp(first) > 0 and np.ptp(second) > 0 else None
    stays = bool(((first == first.max()) & (second == second.max())).any())
    return RankStability(tau, stays, len(both), len(clean) - len(both))
