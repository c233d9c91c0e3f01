"""From findings to alarms: at a rate that was chosen, and each with what it means and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from holdfast.monitoring.alarm import HARM_COLUMNS, Alarm, alarm_table
from holdfast.monitoring.alarm_control import (
    Control,
    adjusted_p_values,
    check_control,
    check_rate,
    window_rate,
)
from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.next_steps import is_fault, is_harmful, next_step
from holdfast.monitoring.pair import Place
from holdfast.monitoring.retraining import Action, RetrainingTrigger, retraining_trigger
from holdfast.monitoring.stream_budget import StreamBudget
from holdfast.monitoring.window_null import change_point

__all__ = [
    "HARM_COLUMNS",
    "Action",
    "Alarm",
    "HarmOf",
    "RetrainingTrigger",
    "alarm_table",
    "raise_alarms",
    "retraining_trigger",
]

HarmOf = Callable[[Finding], Harm | None]
"""The harm of what a finding on a column says; None where it cannot be estimated, as for a column that no
model has. ``HarmEstimator.by_day`` makes one."""


def raise_alarms(
    findings: Sequence[Finding],
    *,
    rate: float = 0.05,
    control: Control = "bh",
    windows_before: int = 0,
    harm_of: HarmOf | None = None,
    used: Collection[str] | None = None,
    tolerance: float = 0.05,
    streams: StreamBudget | None = None,
) -> list[Alarm]:
    """Findings that are more than chance, over all columns, heads, slices and windows at once.

    P-values are taken as they are. Those that count rows are honest only where rows and days are independent;
    give them to ``FindingNull.calibrated`` first. What is broken (``severity`` of that name) always alarms.
    Signals of streams have no p-value and a budget of their own; they are no part of any window, and their
    harm is not known.

    Args:
        findings: of one or more windows, in any order.
        rate: the false-alarm rate, in (0, 1); of what, ``control`` says.
        control: see ``Control``.
        windows_before: windows watched earlier, >= 0: for ``sequential`` they have used their part of the
            rate.
        harm_of: estimates harm, asked for alarms on features only; None where nobody can.
        used: columns that the model uses: a fault of another one is harmless. None where that is not known,
            and all are taken to be used.
        tolerance: relative harm that is tolerated, >= 0.
        streams: when signals of ``stream_findings`` alarm; a ``StreamBudget()`` when None.

    Returns:
        By window, then by p-value; those of streams last.

    Raises:
        ValueError: an argument out of its range.
    """
    check_rate(rate)
    check_control(control)
    if windows_before < 0:
        raise ValueError(f"windows_before is {windows_before}; it must be at least 0")
    if tolerance < 0.0:
        raise ValueError(f"tolerance is {tolerance}; it must be at least 0")
    budget = StreamBudget() if streams is None else streams
    alarms: list[Alarm] = []
    harms: dict[tuple[str, Place, pd.Timestamp | None], Harm | None] = {}
    in_windows = [each for each in findings if not budget.covers(each)]
    history = _history(in_windows)
    for number, (_, group) in enumerate(_windows(in_windows), start=windows_before + 1):
        threshold = window_rate(rate, control=control, number=number)
        raised = _raised(group, threshold, control=control)
        broken = {each.where for each, _ in raised if _is_fault(each)}
        for finding, adjusted in raised:
            # Several detectors speak of one column; its harm is the same.
            key = (finding.where, finding.place, finding.start)
            if harm_of and finding.place == "feature" and key not in harms:
                harms[key] = harm_of(finding)
            harm = harms.get(key)
            harmful = is_harmful(finding, harm, tolerance=tolerance, used=used)
            limit = None if np.isnan(adjusted) else threshold
            since = _since(finding, history)
            is_broken = finding.where in broken
            alarms.append(_alarm(finding, adjusted, limit, since, harm, harmful, is_broken))
    return alarms + _stream_alarms(in_streams=[e for e in findings if budget.covers(e)], budget=budget)


def _is_fault(finding: Finding) -> bool:
    return is_fault(finding.kind, effect=finding.effect, statistic=finding.statistic)


def _raised(group: Sequence[Finding], threshold: float, *, control: Control) -> list[tuple[Finding, float]]:
    """The findings of one window that alarm, with adjusted p-values (NaN without one), by p-value."""
    p_values = [np.nan if each.p_value is None else each.p_value for each in group]
    adjusted = adjusted_p_values(p_values, control=control)
    order = np.argsort(np.nan_to_num(np.array(p_values), nan=-1.0), kind="stable")
    return [
        (group[place], float(adjusted[place]))
        for place in order
        if adjusted[place] <= threshold or group[place].severity == "broken"
    ]


def _stream_alarms(in_streams: Sequence[Finding], budget: StreamBudget) -> list[Alarm]:
    found = []
    for finding, p_value, adjusted in budget.judged(in_streams):
        if adjusted <= budget.rate:
            judged = replace(finding, p_value=p_value)
            found.append(_alarm(judged, adjusted, budget.rate, finding.start, None, None, False))
    return found


def _alarm(
    finding: Finding,
    adjusted: float,
    threshold: float | None,
    since: pd.Timestamp | None,
    harm: Harm | None,
    harmful: bool | None,
    broken: bool,
) -> Alarm:
    return Alarm(
        where=finding.where,
        kind=finding.kind,
        place=finding.place,
        start=finding.start,
        end=finding.end,
        since=since,
        p_value=finding.p_value,
        adjusted_p_value=None if np.isnan(adjusted) else adjusted,
        statistic=finding.statistic,
        threshold=threshold,
        effect=finding.effect,
        effect_unit=finding.effect_unit,
        interval=finding.interval,
        harm=harm,
        harmful=harmful,
        next_step=next_step(
            finding.kind,
            where=finding.where,
            harmful=harmful,
            effect=finding.effect,
            statistic=finding.statistic,
            broken=broken,
        ),
        note=finding.note,
    )


def _windows(findings: Sequence[Finding]) -> list[tuple[pd.Timestamp | None, list[Finding]]]:
    """Findings by window, in order of time; those without time are a window of their own, first."""
    groups: dict[pd.Timestamp | None, list[Finding]] = defaultdict(list)
    for each in findings:
        groups[each.start].append(each)
    timeless = [(None, groups[None])] if None in groups else []
    starts = sorted(start for start in groups if start is not None)
    return [*timeless, *((start, groups[start]) for start in starts)]


def _history(findings: Sequence[Finding]) -> dict[tuple[str, str], list[Finding]]:
    history = defaultdict(list)
    for start, group in _windows(findings):
        if start is not None:
            for each in group:
                history[(each.where, each.kind)].append(each)
    return history


def _since(finding: Finding, history: dict[tuple[str, str], list[Finding]]) -> pd.Timestamp | None:
    start = finding.start
    if start is None:
        return None
    past = [
        each
        for each in history[(finding.where, finding.kind)]
        if each.start is not None and each.start <= start
    ]
    if finding.p_value is None:
        # Broken things have no p-value: the first window of the unbroken run that ends here.
        first = len(past) - 1
        while first > 0 and past[first - 1].end == past[first].start:
            first -= 1
        return past[first].start
    scores = [
        np.nan if each.p_value is None else norm.isf(min(max(each.p_value, 1e-300), 1.0 - 1e-12))
        for each in past
    ]
    return past[change_point(np.array(scores))].start
