"""Stable pasts and futures, many of them: are alarms as rare as was asked for?

T windows of which R are the reference, S signals.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import beta
from scipy.stats import t as student

from holdfast.core.arrays import Floats
from holdfast.core.random import generator
from holdfast.evaluation import checks
from holdfast.monitoring.alarm_control import Control, raised
from holdfast.monitoring.days import day_window
from holdfast.monitoring.finding import Detector, Finding
from holdfast.monitoring.monitoring_columns import find_in_columns
from holdfast.monitoring.reference import Reference

Replay = Callable[[int], Floats]
"""From the number of a replay to the p-values of its watched windows, ``[W, S]``, NaN where there is none."""

COLUMNS = ["control", "rate", "realised", "low", "high", "replays", "windows", "signals", "what"]


@dataclass(frozen=True, kw_only=True)
class StableSignals:
    r"""Signals that have a season and a memory, and do not change.

    .. math:: y_{ts} = a_s \sin(2 \pi t / 7 + b_s) + u_{ts}, \qquad u_{ts} = \phi u_{t-1,s} + \sqrt{1 -
    \phi^2} e_{ts}

    Attributes:
        num_signals: S, at least 1.
        num_windows: T, at least 2.
        memory: :math:`\phi`, in [0, 1).
        season: amplitude, in standard deviations of u; each signal has its own phase.
        shared: share of the variance of e that all signals have in common, in [0, 1].
    """

    num_signals: int = 20
    num_windows: int = 56
    memory: float = 0.0
    season: float = 0.0
    shared: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("num_signals", 1), ("num_windows", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not 0.0 <= self.memory < 1.0:
            raise ValueError(f"memory is {self.memory}; it must be in [0, 1)")
        if not 0.0 <= self.shared <= 1.0:
            raise ValueError(f"shared is {self.shared}; it must be in [0, 1]")

    def draw(self, seed: int) -> Floats:
        """Statistics ``[T, S]``."""
        random = generator(seed, "stable signals")
        shape = (self.num_windows, self.num_signals)
        shocks = np.sqrt(1.0 - self.shared) * random.normal(size=shape)
        shocks += np.sqrt(self.shared) * random.normal(size=(shape[0], 1))
        values = np.empty(shape)
        values[0] = shocks[0]
        for t in range(1, shape[0]):
            values[t] = self.memory * values[t - 1] + np.sqrt(1.0 - self.memory**2) * shocks[t]
        phase = random.uniform(0.0, 2.0 * np.pi, size=shape[1])
        turn = 2.0 * np.pi * np.arange(shape[0])[:, None] / 7.0
        return np.asarray(values + self.season * np.sin(turn + phase))


def null_replay(
    replay: Replay,
    *,
    num_replays: int,
    rates: Sequence[float] = (0.05,),
    controls: Iterable[Control] = ("bh", "holm", "sequential"),
    level: float = 0.95,
) -> pd.DataFrame:
    """The rate of false alarms that was realised beside the one that was asked for.

    For ``bh`` and ``holm`` the share of windows with any alarm, with an interval over replays, whose windows
    are not independent of each other; for ``sequential`` the share of replays with any alarm (Clopper and
    Pearson, 1934); for ``none`` the share of signals and windows.

    Args:
        replay: gives p-values of a stable future.
        num_replays: at least 2.
        rates: asked for, each in (0, 1).
        controls: see ``Control``.
        level: of the intervals, in (0, 1).

    Returns:
        One row a control and rate: ``control, rate, realised, low, high, replays, windows, signals, what``.
    """
    if num_replays < 2:
        raise ValueError(f"num_replays is {num_replays}; an interval needs at least 2")
    replays = [replay(number) for number in range(num_replays)]
    rows = []
    for control in controls:
        for rate in rates:
            realised = np.array([_realised(each, rate=rate, control=control) for each in replays])
            low, high = _interval(realised, ever=control == "sequential", level=level)
            what = {"sequential": "replays with any alarm", "none": "signals and windows"}
            rows.append(
                {
                    "control": control,
                    "rate": rate,
                    "realised": float(realised.mean()),
                    "low": low,
                    "high": high,
                    "replays": num_replays,
                    "windows": replays[0].shape[0],
                    "signals": replays[0].shape[1],
                    "what": what.get(control, "windows with any alarm"),
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def findings_by_day(
    frame: pd.DataFrame,
    *,
    reference: Reference,
    days: ArrayLike,
    detectors: Sequence[Detector] | None = None,
    skip: Collection[str] = (),
    zone: str = "UTC",
    num_days: int = 1,
) -> list[Finding]:
    """The findings of each day's rows, or of windows of several days, in order of time.

    Args:
        frame: rows of any number of days, ``[N, ...]``.
        reference: what to compare with.
        days: day of each row, in days since 1970-01-01, integers, ``[N]``.
        detectors: see ``find_in_columns``.
        skip: columns that are left out, such as the time.
        zone: time zone of the days.
        num_days: length of a window, counted from the first day; days left over at the end are too few for
            one.
    """
    if num_days < 1:
        raise ValueError(f"num_days is {num_days}; a window has at least 1 day")
    day = checks.codes(days, name="days", num_rows=len(frame))
    if num_days > 1 and day.size:
        number = (day - day.min()) // num_days
        last = int(day.max()) + 1 - num_days
        day = np.where(day.min() + number * num_days <= last, day.min() + number * num_days, -1)
        frame, day = frame[day >= 0], day[day >= 0]
    kept = frame.drop(columns=[name for name in skip if name in frame])
    found: list[Finding] = []
    for each in np.unique(day):
        window = day_window(int(each), zone=zone, num_days=num_days)
        found.extend(find_in_columns(reference, kept[day == each], detectors=detectors, window=window))
    return found


def p_value_matrix(findings: Sequence[Finding]) -> Floats:
    """P-values by window and signal, ``[W, S]``; NaN where a finding has none or is not there."""
    windows = sorted({each.start for each in findings if each.start is not None})
    signals = sorted({(each.where, each.kind) for each in findings})
    matrix = np.full((len(windows), len(signals)), np.nan)
    row = {start: number for number, start in enumerate(windows)}
    column = {signal: number for number, signal in enumerate(signals)}
    for each in findings:
        if each.start is not None and each.p_value is not None:
            matrix[row[each.start], column[(each.where, each.kind)]] = each.p_value
    return matrix


def _realised(p_values: Floats, *, rate: float, control: Control) -> float:
    alarms = np.stack(
        [
            raised(row, rate=rate, control=control, number=number)
            for number, row in enumerate(p_values, start=1)
        ]
    )
    if control == "none":
        return float(alarms[~np.isnan(p_values)].mean())
    any_alarm = alarms.any(axis=1)
    return float(any_alarm.any() if control == "sequential" else any_alarm.mean())


def _interval(realised: Floats, *, ever: bool, level: float) -> tuple[float, float]:
    tail, number = (1.0 - level) / 2.0, realised.size
    if ever:
        events = float(realised.sum())
        low = float(beta.ppf(tail, events, number - events + 1)) if events > 0 else 0.0
        high = float(beta.ppf(1.0 - tail, events + 1, number - events)) if events < number else 1.0
        return low, high
    half = float(student.ppf(1.0 - tail, number - 1) * realised.std(ddof=1) / np.sqrt(number))
    return max(float(realised.mean()) - half, 0.0), float(realised.mean()) + half
