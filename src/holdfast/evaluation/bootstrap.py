"""Intervals for metrics whose rows come in clusters: the rows of one user are not independent.

N rows, U clusters (users), R resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import generator
from holdfast.evaluation import checks
from holdfast.evaluation.metric_value import WeightedMetric

MAX_UNDEFINED_SHARE = 0.1
"""With more undefined resamples than this, the others are too selected to make an interval of."""
MIN_RESAMPLES = 20


@dataclass(frozen=True)
class Interval:
    """A percentile interval.

    Attributes:
        low: None where there is no interval.
        high: None where there is no interval.
        num_undefined: resamples in which the metric was undefined.
        note: why there is no interval, or how many resamples were undefined; empty where nothing is to say.
    """

    low: float | None
    high: float | None
    num_undefined: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ClusterBootstrap:
    """Percentile intervals from resampled users.

    Each resample gives every user an independent Poisson(1) weight, which all rows of the user share: the
    bootstrap of users with a random total. Draws depend on the seed and on the sorted user codes only, so
    the order of the rows does not matter, and two metrics of the same rows are resampled alike (paired).

    Attributes:
        num_resamples: R; 0 for no intervals, otherwise at least 20.
        seed: of the draws.
        level: share of resamples inside the interval, in (0, 1).

    Source: Hanley and MacGibbon (2006) and Chamandy et al. (2012) for Poisson weights; Field and Welsh (2007)
    for resampling clusters.
    """

    num_resamples: int = 200
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.num_resamples != 0 and self.num_resamples < MIN_RESAMPLES:
            raise ValueError(
                f"num_resamples is {self.num_resamples}; it must be 0 (no intervals) or at least "
                f"{MIN_RESAMPLES}, because percentiles of fewer mean nothing"
            )
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must lie between 0 and 1, as 0.95 does")

    def resamples(self, clusters: Ints) -> Iterator[Floats]:
        """Row weights ``[N]`` of each resample.

        Args:
            clusters: integer code of each row's cluster, ``[N]``.
        """
        names, cluster_of_row = np.unique(clusters, return_inverse=True)
        draw = generator(self.seed, "cluster bootstrap")
        for _ in range(self.num_resamples):
            yield draw.poisson(1.0, size=names.size).astype(np.float64)[cluster_of_row]

    def intervals(
        self, metrics: Sequence[WeightedMetric], *, clusters: Ints, weight: Floats | None = None
    ) -> list[Interval]:
        """An interval for each metric, all from the same resamples.

        Args:
            metrics: prepared on the same N rows.
            clusters: integer code of each row's cluster, ``[N]``.
            weight: what a row counts before resampling, >= 0, ``[N]``; ones when None.

        Returns:
            One interval a metric, in their order. Without ends where fewer than 2 clusters have weight, or
            more than a tenth of the resamples are undefined.
        """
        clusters = np.asarray(clusters)
        base = checks.row_weights(weight, num_rows=clusters.size)
        if self.num_resamples == 0:
            return [Interval(None, None) for _ in metrics]
        if np.unique(clusters[base > 0.0]).size < 2:
            return [Interval(None, None, note="no interval: fewer than 2 users") for _ in metrics]
        values = np.full((len(metrics), self.num_resamples), np.nan)
        for index, resample in enumerate(self.resamples(clusters)):
            rows = resample if weight is None else resample * base
            for place, metric in enumerate(metrics):
                value = metric(rows)
                if value is not None:
                    values[place, index] = value
        return [self._percentiles(row) for row in values]

    def _percentiles(self, values: Floats) -> Interval:
        defined = values[~np.isnan(values)]
        undefined = int(values.size - defined.size)
        note = f"{undefined} of {values.size} resamples undefined" if undefined else ""
        if undefined > MAX_UNDEFINED_SHARE * values.size:
            return Interval(None, None, undefined, f"no interval: {note}")
        tail = (1.0 - self.level) / 2.0
        low, high = np.quantile(defined, [tail, 1.0 - tail])
        return Interval(float(low), float(high), undefined, note)
