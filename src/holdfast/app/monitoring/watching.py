"""One pass over a log's windows: findings, alarms, and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from holdfast.app.monitoring.by_users import by_users
from holdfast.app.monitoring.judging import Judge
from holdfast.app.monitoring.label_free_table import COLUMNS as LABEL_FREE_COLUMNS
from holdfast.app.monitoring.label_free_table import label_free_table
from holdfast.app.monitoring.scored_rows import ScoredRows, Watcher
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watch_reference import WatchReference
from holdfast.app.monitoring.window_rows import WindowRows
from holdfast.app.monitoring.windows import (
    Days,
    calibration_findings,
    calibration_table,
    column_findings,
    late_findings,
    late_table,
    unknown_clicks,
)
from holdfast.core.arrays import Floats
from holdfast.monitoring.alarms import Alarm, RetrainingTrigger, raise_alarms, retraining_trigger
from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.harm import HarmEstimator
from holdfast.monitoring.monitoring_columns import find_in_columns
from holdfast.monitoring.reference import sampled_rows

NULL_DRAWS = 40
KEPT_ROWS = 5000
"""Rows of an alarming window that its harm is estimated from."""


@dataclass(frozen=True)
class Watched:
    """What was seen.

    Attributes:
        windows: in order of time; empty for a log without rows.
        rows: rows of each window.
        findings: all, with p-values that hold for days that are like each other.
        alarms: those that are more than chance.
        trigger: what to do about all of them.
        calibration: see ``CalibrationWatch.table``, with ``head``.
        late: see ``late_label_table``, with ``head``.
        label_free: see ``label_free_table``.
        warnings: what a reader must know before believing any of it.
    """

    windows: Sequence[Days]
    rows: Sequence[int]
    findings: Sequence[Finding]
    alarms: Sequence[Alarm]
    trigger: RetrainingTrigger
    calibration: pd.DataFrame
    late: pd.DataFrame
    label_free: pd.DataFrame
    warnings: Sequence[str] = field(default=())


def watch(
    windows: Iterable[WindowRows],
    reference: WatchReference,
    *,
    watcher: Watcher,
    settings: MonitorSettings,
    found: Callable[[], Sequence[Finding]] = list,
) -> Watched:
    """Look at every window of scored rows, and raise alarms at the rate that was asked for.

    Args:
        windows: with their rows, in order of time, all of one length; one is held at a time.
        reference: of the bundle that ``watcher`` scores with.
        watcher: tells the harm of a change by what the model makes of it.
        settings: what is an alarm.
        found: findings on the log as a whole, such as an outcome that it lacks; asked for when all windows
            have been read.
    """
    compared = reference.without(settings.ignore)
    slices = compared.slices if settings.slices is None else settings.slices
    judge, harm = Judge(compared, settings), _Harm(watcher, reference, settings)
    seen = _Seen()
    for each in windows:
        findings = _look(each, compared, slices, judge, seen)
        seen.findings += findings
        harm.keep(each, findings)
    calibration = seen.table("calibration", pd.DataFrame(columns=["head", "day", "slice", "n"]))
    # Without rows nothing is known of any column, and there is one thing to say.
    empty = [] if seen.windows else _nothing(compared)
    findings = [*found(), *empty, *seen.findings]
    alarms = raise_alarms(
        findings,
        rate=settings.rate,
        control=settings.control,
        harm_of=harm,
        used=list(watcher.inputs),
        tolerance=settings.tolerance,
    )
    return Watched(
        windows=seen.windows,
        rows=seen.rows,
        findings=findings,
        alarms=alarms,
        trigger=retraining_trigger(alarms, looks=settings.looks),
        calibration=calibration,
        late=seen.table("late", pd.DataFrame()),
        label_free=seen.table("label_free", pd.DataFrame(columns=list(LABEL_FREE_COLUMNS))),
        warnings=[*seen.warnings, *judge.warnings],
    )


class _Seen:
    """What is left of windows that were looked at."""

    def __init__(self) -> None:
        self.windows: list[Days] = []
        self.rows: list[int] = []
        self.findings: list[Finding] = []
        self.warnings: list[str] = []
        self._tables: dict[str, list[pd.DataFrame]] = defaultdict(list)

    def add(self, name: str, table: pd.DataFrame) -> None:
        if len(table):
            self._tables[name].append(table)

    def table(self, name: str, without: pd.DataFrame) -> pd.DataFrame:
        """The windows' tables as one, each head's rows together."""
        if name not in self._tables:
            return without
        whole = pd.concat(self._tables[name], ignore_index=True)
        heads = pd.factorize(whole["head"])[0] if name != "label_free" else np.zeros(len(whole))
        return whole.iloc[np.argsort(heads, kind="stable")].reset_index(drop=True)


def _look(
    each: WindowRows, reference: WatchReference, slices: Sequence[str], judge: Judge, seen: _Seen
) -> list[Finding]:
    """One window: its findings, judged; its tables go into ``seen``."""
    window, rows = each.window, each.rows
    seen.windows.append(window)
    seen.rows.append(each.num_rows)
    calibration = calibration_table(rows, [window], slices, null_draws=NULL_DRAWS)
    seen.add("calibration", calibration)
    raw = [
        *by_users(column_findings(reference.columns, rows, window.window), rows, reference.columns),
        *calibration_findings(calibration, [window]),
        *unknown_clicks(rows, [window]),
    ]
    for head, outcome in rows.outcomes.items():
        if outcome.age is None or not len(rows):
            continue
        if reference.completion is None:
            told = f"days on which no {head} has matured are not judged: the reference is too short"
            seen.warnings += [] if told in seen.warnings else [told]
            continue
        late = late_table(outcome, rows, [window], reference.completion).assign(head=head)
        seen.add("late", late)
        # Rows that cannot be are told once, with the calibration of all rows.
        raw += [x for x in late_findings(late, head, window.zone) if x.kind != "impossible_values"]
    whole = np.ones(len(rows), dtype=bool)
    seen.add(
        "label_free", label_free_table(rows, [(window, whole)], reference.calibrations, reference.dwell_loss)
    )
    days = _of_days(rows, window, reference, slices) if judge.wants_days else []
    return judge.judged(raw, days=days)


def _of_days(
    rows: ScoredRows, window: Days, reference: WatchReference, slices: Sequence[str]
) -> list[Finding]:
    """The findings of each of the window's days that has rows."""
    found: list[Finding] = []
    for day in window.days:
        here = rows.rows(day.holds(rows.day))
        if len(here):
            found += by_users(column_findings(reference.columns, here, day.window), here, reference.columns)
            found += calibration_findings(calibration_table(here, [day], slices), [day])
    return found


def _nothing(reference: WatchReference) -> list[Finding]:
    found = find_in_columns(reference.columns, pd.DataFrame(), window=None)
    return [each for each in found if each.where == "*"]


class _Harm:
    """Estimates the harm of a column's change in a window, once.

    Keeps a sample of each window in which a column may alarm.
    """

    def __init__(self, watcher: Watcher, reference: WatchReference, settings: MonitorSettings) -> None:
        self.watcher, self.usual = watcher, reference.usual
        self.sample = reference.columns.sample
        self.estimator = HarmEstimator(max_rows=settings.harm_rows)
        self.rate = settings.rate
        self.kept: dict[pd.Timestamp | None, pd.DataFrame] = {}
        self.known: dict[tuple[str, pd.Timestamp | None], Harm | None] = {}

    def keep(self, each: WindowRows, findings: Sequence[Finding]) -> None:
        """Keep rows of a window, should any of its columns alarm."""
        alarming = any(
            finding.severity == "broken" or (finding.p_value is not None and finding.p_value <= self.rate)
            for finding in findings
            if finding.place == "feature"
        )
        if alarming:
            self.kept[each.window.window.start] = sampled_rows(each.rows.features, KEPT_ROWS)

    def __call__(self, finding: Finding) -> Harm | None:
        if finding.place != "feature" or finding.where not in self.sample or finding.start not in self.kept:
            return None
        # What is not there, or cannot be read, is the same in every window.
        gone = finding.kind in ("missing_column", "type_changed", "all_missing")
        key = (finding.where, None if gone else finding.start)
        if key not in self.known:
            current = self.kept[finding.start]
            self.known[key] = self.estimator.estimate(
                self._value,
                reference=self.sample,
                current=current,
                column=finding.where,
                num_scores=self._num_scores,
            )
        return self.known[key]

    def _value(self, rows: pd.DataFrame) -> Floats:
        """What each head predicts, and the score by which rows are ranked, ``[N, P]``."""
        return self.watcher.predict(rows).to_numpy(dtype=np.float64)

    @property
    def _num_scores(self) -> int:
        """1 where heads are fused into a score of its own, by which rows are ranked."""
        heads = set(self.watcher.heads.values())
        return sum(name not in heads for name in self.usual)


def with_warnings(watched: Watched, warnings: Sequence[str]) -> Watched:
    """The same with more to know before it, first."""
    return replace(watched, warnings=[*warnings, *watched.warnings])
