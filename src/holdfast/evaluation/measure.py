"""From prepared metrics to numbers with intervals and notes.

N rows (or user-days, or requests).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation.bootstrap import ClusterBootstrap, Interval
from holdfast.evaluation.calibration import poisson_ratio_interval
from holdfast.evaluation.metric_value import WEIGHTED_SUFFIX, MetricValue, WeightedMetric
from holdfast.evaluation.weighted_mean import effective_sample_size

Fallback = Callable[[float], Interval]
"""An analytic interval at a level, for when resampling gives none."""


@dataclass(frozen=True)
class Measure:
    """A metric that waits to be measured.

    Attributes:
        name: without the suffix of the weighted version.
        metric: prepared on the rows.
        undefined: why the metric has no value where it has none.
        note: what a reader must know in any case.
        fallback: an interval for unweighted rows where resampling gives none.
    """

    name: str
    metric: WeightedMetric
    undefined: str
    note: str = ""
    fallback: Fallback | None = None


def measure(
    measures: Sequence[Measure],
    *,
    clusters: Ints,
    bootstrap: ClusterBootstrap,
    weight: Floats | None = None,
    unit: str = "rows",
) -> list[MetricValue]:
    """Value and interval of each metric, all on the same rows and the same resamples.

    Args:
        measures: prepared on the same N rows.
        clusters: integer code of each row's user, ``[N]``.
        bootstrap: how to resample.
        weight: propensity weights, >= 0, ``[N]``; None for the unweighted version.
        unit: what a row is, in notes.
    """
    num_rows = int(np.asarray(clusters).size)
    counts = np.ones(num_rows) if weight is None else weight
    values = [each.metric(counts) for each in measures]
    defined = [index for index, value in enumerate(values) if value is not None]
    found = bootstrap.intervals(
        [measures[index].metric for index in defined], clusters=clusters, weight=weight
    )
    intervals = dict(zip(defined, found, strict=True))
    results = []
    for index, each in enumerate(measures):
        interval = intervals.get(index, Interval(None, None))
        too_few = interval.low is None and (values[index] is None or interval.num_undefined > 0)
        if too_few and each.fallback and weight is None and num_rows and bootstrap.num_resamples:
            interval = each.fallback(bootstrap.level)
        notes = [each.note, interval.note]
        if values[index] is None:
            notes.insert(0, f"undefined: {each.undefined if num_rows else f'no {unit}'}")
        elif weight is not None:
            notes.append(f"effective sample size {effective_sample_size(weight):.0f} of {num_rows} {unit}")
        results.append(
            MetricValue(
                name=each.name + (WEIGHTED_SUFFIX if weight is not None else ""),
                value=values[index],
                low=interval.low,
                high=interval.high,
                n=num_rows,
                weighted=weight is not None,
                note="; ".join(note for note in notes if note),
            )
        )
    return results


def poisson_fallback(predicted: Floats, observed: Floats) -> Fallback:
    """The analytic interval of predicted over observed for 0/1 outcomes, ``[N]`` each."""

    def interval(level: float) -> Interval:
        low, high = poisson_ratio_interval(float(predicted.sum()), int(observed.sum()), level=level)
        return Interval(low, high, note="interval from the count of positives alone (Garwood)")

    return interval
