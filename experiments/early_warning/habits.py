"""Rules beside the monitor: the habits of the field, and the two that need no data.

N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from nightly import Spoken

from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.core.arrays import Floats
from holdfast.evaluation.discrimination import roc_auc
from holdfast.monitoring.binned_detectors import PopulationStability
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.monitoring_columns import find_in_columns
from holdfast.monitoring.numeric_detectors import KolmogorovSmirnov
from holdfast.monitoring.reference import Reference

STABILITY_LIMIT, P_VALUE_LIMIT, STANDARD_DEVIATIONS = 0.2, 0.05, 3.0
IDENTITIES = ("user_id", "item_id")
"""Columns on which nobody would set an alarm of these rules."""
ALWAYS, NEVER, STABILITY, UNCONTROLLED, PERFORMANCE = (
    "always",
    "never",
    "PSI > .2",
    "KS p < .05",
    "AUC < mean - 3 sd",
)


def column_rules(reference: Reference, columns: Mapping[int, pd.DataFrame]) -> Iterator[Spoken]:
    """A stability index above .2, and a Kolmogorov-Smirnov p-value below .05, in any column of a day.

    Args:
        reference: of the bundle.
        columns: features and predictions by day, ``[N, ...]`` each.
    """
    compared = [name for name in reference.columns if name not in IDENTITIES]
    for day, rows in columns.items():
        found = find_in_columns(
            reference, rows[compared], detectors=[PopulationStability(), KolmogorovSmirnov()]
        )
        for finding in found:
            rule = _rule_of(finding)
            if rule:
                yield Spoken(rule=rule, told=day, window=day, what=finding.where)


def _rule_of(finding: Finding) -> str | None:
    index, p_value = finding.statistic, finding.p_value
    if finding.kind == "population_stability" and index is not None and index > STABILITY_LIMIT:
        return STABILITY
    if finding.kind == "kolmogorov_smirnov" and p_value is not None and p_value < P_VALUE_LIMIT:
        return UNCONTROLLED
    return None


def daily_auc(rows: ScoredRows, head: str, days: Sequence[int]) -> Floats:
    """AUC of a head on each local day, of rows whose outcome is known in the end; NaN where undefined."""
    outcome = rows.outcomes[head]
    values = []
    for day in days:
        here = (rows.day == day) & outcome.known
        found = roc_auc(outcome.predicted[here], outcome.observed[here]) if here.any() else None
        values.append(np.nan if found is None else found)
    return np.array(values)


def performance_rule(before: Floats, after: Floats, *, head: str, delay_days: int) -> Iterator[Spoken]:
    """A realised figure below the mean less three standard deviations of earlier days.

    Args:
        before: of days that were held out when the model was trained, at least two.
        after: of the watched days.
        head: which outcome it is of.
        delay_days: until its labels are known.
    """
    limit = np.nanmean(before) - STANDARD_DEVIATIONS * np.nanstd(before, ddof=1)
    for day in np.flatnonzero(after < limit):
        yield Spoken(rule=PERFORMANCE, told=int(day) + delay_days, window=int(day), what=f"{head} AUC")


def blind_rules(num_days: int) -> Iterator[Spoken]:
    """An alarm every night; never an alarm says nothing."""
    for day in range(num_days):
        yield Spoken(rule=ALWAYS, told=day, window=day, what="it is night")
