"""From findings to alarms: at a rate that was chosen, and each with what it means and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from holdfast.monitoring.alarm_control import (
    Control,
    adjusted_p_values,
    check_control,
    check_rate,
    window_rate,
)
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.harm import Harm
from holdfast.monitoring.next_steps import FAULTS, JUDGED_BY_EFFECT, next_step
from holdfast.monitoring.pair import Place
from holdfast.monitoring.window_null import change_point

HarmOf = Callable[[Finding], Harm | None]
"""The harm of what a finding says; None where it cannot be estimated, as for a column that no model has."""

Action = Literal["none", "watch", "repair", "retrain"]


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A finding that is more than chance.

    Attributes:
        where: the column, head or slice.
        kind: what found it.
        place: what ``where`` is.
        start: first moment of the window; None if it has no time.
        end: the moment on which the window ends.
        since: start of the window from which on it has most likely been so; None if windows have no time.
        p_value: None where something is broken, which is no question of chance.
        adjusted_p_value: for all that was looked at in the window.
        threshold: what ``adjusted_p_value`` was held against; the chosen rate, or the window's part of it.
        effect: in ``effect_unit``.
        effect_unit: see ``Finding``.
        interval: of the effect.
        harm: what it does to the model's predictions; None where not estimated.
        harmful: whether the lower end of harm, or of the effect of calibration and realised figures, is above
            what is tolerated; None where not known.
        next_step: what to do.
        note: the finding's.
    """

    where: str
    kind: str
    place: Place
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    since: pd.Timestamp | None
    p_value: float | None
    adjusted_p_value: float | None
    threshold: float | None
    effect: float | None
    effect_unit: str
    interval: tuple[float, float] | None
    harm: Harm | None
    harmful: bool | None
    next_step: str
    note: str

    def as_row(self) -> dict[str, Any]:
        """Plain fields for a table or JSON; harm as ``harm``, ``harm_low`` and ``harm_high``, shares of the
        usual
        prediction."""
        row = {name: value for name, value in asdict(self).items() if name not in ("harm", "interval")}
        low, high = self.interval or (None, None)
        ends = (
            (self.harm.relative, self.harm.relative_low, self.harm.relative_high)
            if self.harm
            else (None,) * 3
        )
        return {**row, "effect_low": low, "effect_high": high, **dict(zip(HARM_COLUMNS, ends, strict=True))}


HARM_COLUMNS = ("harm", "harm_low", "harm_high")


@dataclass(frozen=True)
class RetrainingTrigger:
    """What all the alarms together ask for.

    Attributes:
        action: ``retrain`` where the world has moved harmfully; ``repair`` where the data are broken, which
            no training mends; ``watch`` where there are alarms, and none is known to be harmful; ``none``.
        reasons: alarms behind the action, one sentence each.
        num_alarms: all of them.
        num_harmless: those known to be harmless.
    """

    action: Action
    reasons: tuple[str, ...]
    num_alarms: int
    num_harmless: int

    @property
    def fires(self) -> bool:
        """Whether to train again."""
        return self.action == "retrain"


def raise_alarms(
    findings: Sequence[Finding],
    *,
    rate: float = 0.05,
    control: Control = "bh",
    windows_before: int = 0,
    harm_of: HarmOf | None = None,
    tolerance: float = 0.05,
) -> list[Alarm]:
    """Findings that are more than chance, over all columns, heads, slices and windows at once.

    P-values are taken as they are. Those that count rows are honest only where rows and days are independent;
    give them to ``FindingNull.calibrated`` first. What is broken (``severity`` of that name) always alarms.

    Args:
        findings: of one or more windows, in any order.
        rate: the false-alarm rate, in (0, 1); of what, ``control`` says.
        control: see ``Control``.
        windows_before: windows watched earlier, >= 0: for ``sequential`` they have used their part of the
        rate.
        harm_of: estimates harm, for alarms only; None where nobody can.
        tolerance: relative harm that is tolerated, >= 0.

    Returns:
        By window, then by p-value.

    Raises:
        ValueError: an argument out of its range.
    """
    check_rate(rate)
    check_control(control)
    if windows_before < 0:
        raise ValueError(f"windows_before is {windows_before}; it must be at least 0")
    if tolerance < 0.0:
        raise ValueError(f"tolerance is {tolerance}; it must be at least 0")
    alarms: list[Alarm] = []
    harms: dict[tuple[str, Place, pd.Timestamp | None], Harm | None] = {}
    history = _history(findings)
    for number, (_, group) in enumerate(_windows(findings), start=windows_before + 1):
        threshold = window_rate(rate, control=control, number=number)
        p_values = [np.nan if each.p_value is None else each.p_value for each in group]
        adjusted = adjusted_p_values(p_values, control=control)
        order = np.argsort(np.nan_to_num(np.array(p_values), nan=-1.0), kind="stable")
        for place in order:
            finding, value = group[place], float(adjusted[place])
            if value <= threshold or finding.severity == "broken":
                since = _since(finding, history)
                limit = None if np.isnan(value) else threshold
                # Several detectors speak of one column; its harm is the same.
                key = (finding.where, finding.place, finding.start)
                if harm_of and key not in harms:
                    harms[key] = harm_of(finding)
                harm = harms.get(key)
                alarms.append(_alarm(finding, value, limit, since, harm, tolerance))
    return alarms


def retraining_trigger(alarms: Sequence[Alarm]) -> RetrainingTrigger:
    """What to do about all the alarms together.

    A column of which the model makes no use, and a change too small to matter, ask for nothing.
    """
    harmful = [each for each in alarms if each.harmful]
    faults = [each for each in harmful if each.kind in FAULTS]
    moved = [each for each in harmful if each.kind not in FAULTS]
    # A broken column moves the columns and heads that hang on it: mend it, and look again.
    action: Action = "repair" if faults else "retrain" if moved else "watch" if alarms else "none"
    behind = faults or moved
    reasons = tuple(f"{each.where}: {each.kind}. {each.next_step}" for each in behind)
    harmless = sum(each.harmful is False for each in alarms)
    return RetrainingTrigger(action, reasons, len(alarms), harmless)


def alarm_table(alarms: Sequence[Alarm]) -> pd.DataFrame:
    """One row an alarm; the columns are there without any."""
    columns = [name for name in Alarm.__dataclass_fields__ if name not in ("harm", "interval")]
    return pd.DataFrame(
        [each.as_row() for each in alarms], columns=[*columns, "effect_low", "effect_high", *HARM_COLUMNS]
    )


def _alarm(
    finding: Finding,
    adjusted: float,
    threshold: float | None,
    since: pd.Timestamp | None,
    harm: Harm | None,
    tolerance: float,
) -> Alarm:
    harmful = _harmful(finding, harm, tolerance)
    return Alarm(
        where=finding.where,
        kind=finding.kind,
        place=finding.place,
        start=finding.start,
        end=finding.end,
        since=since,
        p_value=finding.p_value,
        adjusted_p_value=None if np.isnan(adjusted) else adjusted,
        threshold=threshold,
        effect=finding.effect,
        effect_unit=finding.effect_unit,
        interval=finding.interval,
        harm=harm,
        harmful=harmful,
        next_step=next_step(finding.kind, where=finding.where, harmful=harmful),
        note=finding.note,
    )


def _harmful(finding: Finding, harm: Harm | None, tolerance: float) -> bool | None:
    if finding.kind in JUDGED_BY_EFFECT:
        if finding.interval is None:
            return None
        low, high = finding.interval
        return low > tolerance or high < -tolerance
    return None if harm is None else harm.relative_low > tolerance


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
