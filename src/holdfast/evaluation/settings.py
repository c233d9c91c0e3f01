"""What a user may choose about evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from holdfast.evaluation.bootstrap import ClusterBootstrap


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """How a window is evaluated.

    Attributes:
        num_resamples: bootstrap resamples of users for intervals; 0 for no intervals, otherwise at least 20.
        level: share of resamples inside an interval, in (0, 1).
        cutoffs: k of NDCG at k, each at least 1.
        retention_days: horizons d of 'back within d days', each at least 1.
        seed: of the resamples.
        calibration_bins: bins of calibration error and calibration tables, at least 2.
        dwell_limit_seconds: dwell beyond this does not count in the score of a distribution, where content is
            longer or has no end; the same for all heads that are compared; > 0.
        pareto_points: sets of fusion weights whose gains are measured for the front, at least 16; 0 for none.
    """

    num_resamples: int = 200
    level: float = 0.95
    cutoffs: list[int] = field(default_factory=lambda: [5, 10])
    retention_days: list[int] = field(default_factory=lambda: [1, 3, 7])
    seed: int = 0
    calibration_bins: int = 10
    dwell_limit_seconds: float = 3600.0
    pareto_points: int = 256

    def __post_init__(self) -> None:
        try:
            ClusterBootstrap(num_resamples=self.num_resamples, seed=self.seed, level=self.level)
        except ValueError as error:
            raise ValueError(f"evaluation.{error}") from error
        for name in ("cutoffs", "retention_days"):
            values = getattr(self, name)
            if not values or min(values) < 1 or len(set(values)) != len(values):
                raise ValueError(
                    f"evaluation.{name} is {list(values)}; give at least one, each once, each at least 1"
                )
        if self.calibration_bins < 2:
            raise ValueError(f"evaluation.calibration_bins is {self.calibration_bins}; it must be at least 2")
        if self.pareto_points != 0 and self.pareto_points < 16:
            raise ValueError(
                f"evaluation.pareto_points is {self.pareto_points}; it must be 0 (no front) or at least 16"
            )
        if not 0.0 < self.dwell_limit_seconds < math.inf:
            raise ValueError(
                f"evaluation.dwell_limit_seconds is {self.dwell_limit_seconds}; it must be above 0 and finite"
            )

    @property
    def bootstrap(self) -> ClusterBootstrap:
        """The bootstrap that these settings describe."""
        return ClusterBootstrap(num_resamples=self.num_resamples, seed=self.seed, level=self.level)
