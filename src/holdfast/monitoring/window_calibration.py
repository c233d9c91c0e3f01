"""P-values of findings from the signal's own history on windows of the reference, not from counts of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.usual_findings import named_windows, usual_or_news
from holdfast.monitoring.window_null import FEWEST_WINDOWS, WindowNull, fit_window_null

Signal = tuple[str, str]
"""Where, and which detector."""

DISTANCE_ORDER = {
    "kolmogorov_smirnov": 1,
    "wasserstein": 1,
    "jensen_shannon": 1,
    "population_stability": 2,
    "chi_square": 2,
}
"""Statistics that are distances from the reference, and the power of a difference in which they grow. Only
large ones
speak for a change. All other findings are judged by their effect, on both sides."""

REALISED = frozenset({"calibration_ratio", "reliability_slope", "late_label_ratio"})
"""Kinds whose own p-value says whether predictions are wrong at all, by users. To be news they must be wrong,
and not as they always were: the larger p-value counts."""

Season = Literal["weekday", "none"]
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class FindingNull:
    """The nulls of all signals, from findings on windows of the reference.

    Attributes:
        signals: in a fixed order.
        floors: what was added to distances before the logarithm, one a signal.
        nulls: of distances (True) and of other signals (False).
        season: how windows were told apart; never by weekday where all hold whole weeks.
        num_windows: reference windows.
        mean_sizes: mean rows of a reference window, one a signal.
        in_reference: whether the windows were part of what they were compared with.
        named: in how many of them each named finding was made, without which it is no news.
    """

    signals: tuple[Signal, ...]
    floors: Floats
    nulls: dict[bool, WindowNull]
    season: Season
    num_windows: int
    mean_sizes: Floats
    in_reference: bool
    named: Mapping[Signal, int] = field(default_factory=dict)

    def calibrated(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings, with p-values from the windows where there is such a null; others as they are."""
        starts = _starts(findings)
        place = {start: number for number, start in enumerate(starts)}
        index = {signal: number for number, signal in enumerate(self.signals)}
        values = np.full((len(starts), len(self.signals)), np.nan)
        widening = np.ones(values.shape)
        for each in findings:
            number = index.get((each.where, each.kind))
            if number is not None and each.start is not None:
                value = _value(each, floor=float(self.floors[number]))
                ratio = max(self.mean_sizes[number] / max(each.n_current, 1), 1.0)
                # Few rows alone make a distance larger, and other effects noisier.
                values[place[each.start], number] = value - DISTANCE_ORDER.get(each.kind, 0) / 2.0 * np.log(
                    ratio
                )
                if not _is_distance((each.where, each.kind)):
                    widening[place[each.start], number] = ratio
        season = _season_codes(starts, self.season)
        strange = _strange(starts, season, self.nulls)
        p_values = np.full(values.shape, np.nan)
        for distance, null in self.nulls.items():
            chosen = _columns(self.signals, distance=distance)
            side: Literal["greater", "two-sided"] = "greater" if distance else "two-sided"
            p_values[:, chosen] = null.p_values(
                values[:, chosen], season=season, widening=widening[:, chosen], alternative=side
            )
        few = self._known_too_rarely()
        usual = [usual_or_news(each, self.named, num_windows=self.num_windows) for each in findings]
        judged = []
        for each in usual:
            number = index.get((each.where, each.kind))
            if number is None or each.start is None:
                judged.append(each)
            elif number in few:
                judged.append(not_judged(each, FEW_NOTE))
            else:
                note = STRANGE_NOTE if each.start in strange else ""
                judged.append(_with(each, float(p_values[place[each.start], number]), note))
        return judged

    def _known_too_rarely(self) -> set[int]:
        """Signals that the reference knows in so few windows that it says nothing about the next one."""
        return {
            int(signal)
            for distance, null in self.nulls.items()
            for signal in _columns(self.signals, distance=distance)[null.num_windows < FEWEST_WINDOWS]
        }


FEW_NOTE = f"not judged: the reference knows it in fewer than {FEWEST_WINDOWS} windows"
STRANGE_NOTE = "no such weekday in the reference: judged by how far its other weekdays are apart"


def not_judged(finding: Finding, why: str) -> Finding:
    """The finding without a p-value, which cannot alarm unless something is broken."""
    note = "; ".join(each for each in (finding.note, why) if each)
    severity = finding.severity if finding.severity == "broken" else "none"
    return replace(finding, p_value=None, severity=severity, note=note)


def _with(finding: Finding, p_value: float, note: str) -> Finding:
    if np.isnan(p_value):
        return finding
    if finding.kind in REALISED and finding.p_value is not None:
        p_value = max(p_value, finding.p_value)
    quiet = p_value >= 0.05 and finding.severity != "broken"
    note = "; ".join(each for each in (finding.note, note) if each)
    return replace(finding, p_value=p_value, severity="none" if quiet else finding.severity, note=note)


def _strange(
    starts: Sequence[pd.Timestamp], season: Ints | None, nulls: dict[bool, WindowNull]
) -> set[pd.Timestamp]:
    """Windows of a weekday that the reference does not have."""
    if season is None:
        return set()
    return {
        start
        for null in nulls.values()
        for start, seen in zip(starts, null.has_seen(season), strict=True)
        if not seen
    }


def fit_finding_null(
    reference: Sequence[Finding],
    *,
    season: Season = "weekday",
    in_reference: bool = True,
    rehearsals: int = 100,
    seed: int = 0,
) -> FindingNull:
    r"""Learn from windows of the reference how findings vary while nothing changes.

    Distances enter by their logarithm. A window that is itself a part of the reference lies closer to it than
    a new one
    can: by :math:`\sqrt{(1 - 1/R) / (1 + 1/R)}` in distance for one of R equal windows, which is put right.

    Args:
        reference: findings of the same detectors on R windows of the reference, as long as those to be
            watched.
        season: ``weekday`` tells the days of the week apart, where each was seen at least twice and windows
            do not hold whole weeks; ``none`` does not.
        in_reference: False where the windows were held out from what they were compared with.
        rehearsals: see ``fit_window_null``.
        seed: of the rehearsals.

    Raises:
        ValueError: fewer than 4 windows, from which nothing can be learned, or an unknown season.
    """
    if season not in ("weekday", "none"):
        raise ValueError(f"season is {season!r}; choose weekday or none")
    starts = _starts(reference)
    if len(starts) < 4:
        raise ValueError(
            f"the reference has findings of {len(starts)} windows; at least 4 are needed, and two weeks of "
            "days to tell weekdays apart: choose shorter windows or a longer reference"
        )
    known = [(each, each.start, raw) for each in reference if each.start and (raw := _raw(each)) is not None]
    signals = tuple(sorted({(each.where, each.kind) for each, _, _ in known}))
    index = {signal: number for number, signal in enumerate(signals)}
    place = {start: number for number, start in enumerate(starts)}
    statistics = np.full((len(starts), len(signals)), np.nan)
    size = np.zeros(statistics.shape)
    for each, start, raw in known:
        statistics[place[start], index[(each.where, each.kind)]] = raw
        size[place[start], index[(each.where, each.kind)]] = each.n_current
    distance = np.array([_is_distance(signal) for signal in signals], dtype=bool)
    floors = np.where(distance, 1e-3 * np.nan_to_num(_medians(statistics)), 0.0)
    order = np.array([DISTANCE_ORDER.get(kind, 0) for _, kind in signals], dtype=np.float64)
    values = statistics.copy()
    with np.errstate(divide="ignore"):
        values[:, distance] = np.log(np.maximum(statistics[:, distance], 0.0) + floors[distance])
    values[~np.isfinite(values)] = np.nan
    if _num_days(reference) % 7 == 0:
        season = "none"
    if in_reference:
        number = len(starts)
        values += order / 2.0 * np.log((1.0 + 1.0 / number) / (1.0 - 1.0 / number))
    codes, time = _season_codes(starts, season), _numbers(starts)
    nulls = {
        side: fit_window_null(
            values[:, distance == side], time=time, season=codes, rehearsals=rehearsals, seed=seed
        )
        for side in (False, True)
        if (distance == side).any()
    }
    sizes = np.array([column[column > 0].mean() if (column > 0).any() else 0.0 for column in size.T])
    named = named_windows(reference)
    return FindingNull(signals, floors, nulls, season, len(starts), sizes, in_reference, named)


def _is_distance(signal: Signal) -> bool:
    return signal[1] in DISTANCE_ORDER


def _columns(signals: Sequence[Signal], *, distance: bool) -> Ints:
    return np.flatnonzero([_is_distance(signal) == distance for signal in signals])


def _raw(finding: Finding) -> float | None:
    value = finding.statistic if finding.kind in DISTANCE_ORDER else finding.effect
    return None if value is None or not np.isfinite(value) else float(value)


def _value(finding: Finding, *, floor: float) -> float:
    raw = _raw(finding)
    if raw is None:
        return np.nan
    if finding.kind not in DISTANCE_ORDER:
        return raw
    return float(np.log(max(raw, 0.0) + floor)) if max(raw, 0.0) + floor > 0.0 else np.nan


def _medians(values: Floats) -> Floats:
    return np.array([np.median(column[~np.isnan(column)]) for column in values.T])


def _starts(findings: Sequence[Finding]) -> list[pd.Timestamp]:
    return sorted({each.start for each in findings if each.start is not None})


def _num_days(findings: Sequence[Finding]) -> int:
    """Length of the windows in whole days; 1 where they do not say when they end."""
    days = [(each.end - each.start) / DAY for each in findings if each.start and each.end]
    return max(round(float(np.median(days))), 1) if days else 1


def _numbers(starts: Sequence[pd.Timestamp]) -> Ints:
    """Windows counted in the usual step between two of them, so that gaps stay gaps, and a day of 23 or 25
    hours is a day.
    """
    apart = np.diff([start.timestamp() for start in starts])
    if apart.size == 0:
        return np.zeros(len(starts), dtype=np.int64)
    step = np.median(apart[apart <= 1.5 * apart.min()])
    return np.concatenate([[0], np.cumsum(np.rint(apart / step).astype(np.int64))])


def _season_codes(starts: Sequence[pd.Timestamp], season: Season) -> Ints | None:
    return None if season == "none" else np.array([start.weekday() for start in starts], dtype=np.int64)
