"""One pass over a log's windows: findings, alarms, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from holdfast.app.monitoring.label_free_table import label_free_table
from holdfast.app.monitoring.scored_rows import ScoredRows, Watcher
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watch_reference import WatchReference
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
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.harm import Harm, HarmEstimator
from holdfast.monitoring.window_calibration import FindingNull, fit_finding_null

REHEARSALS, NULL_DRAWS = 50, 40


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
    rows: ScoredRows,
    reference: WatchReference,
    *,
    watcher: Watcher,
    windows: Sequence[Days],
    settings: MonitorSettings,
    found: Sequence[Finding] = (),
) -> Watched:
    """Look at every window of scored rows, and raise alarms at the rate that was asked for.

    Args:
        rows: of the windows, others are not looked at.
        reference: of the bundle that ``watcher`` scores with.
        watcher: tells the harm of a change by what the model makes of it.
        windows: in order of time, all of one length.
        settings: what is an alarm.
        found: findings on the log as a whole, such as an outcome that it lacks.
    """
    compared = reference.without(settings.ignore)
    slices = compared.slices if settings.slices is None else settings.slices
    places = [window.holds(rows.day) for window in windows]
    inside = np.logical_or.reduce(places) if places else np.zeros(len(rows), dtype=bool)
    rows, places = rows.rows(inside), [each[inside] for each in places]
    raw = list(found)
    for window, here in zip(windows, places, strict=True):
        raw += column_findings(compared.columns, rows.rows(here), window.window)
    if not windows:
        # Without rows nothing is known of any column, and there is one thing to say.
        raw = [each for each in column_findings(compared.columns, rows, None) if each.where == "*"]
    calibration = calibration_table(rows, windows, slices, null_draws=NULL_DRAWS)
    raw += calibration_findings(calibration, windows)
    raw += unknown_clicks(rows, windows)
    late = pd.DataFrame()
    warnings = []
    for head, outcome in rows.outcomes.items():
        if outcome.age is None or not len(rows):
            continue
        if reference.completion is None:
            warnings.append(f"days on which no {head} has matured are not judged: the reference is too short")
            continue
        late = late_table(outcome, rows, windows, reference.completion).assign(head=head)
        # Rows that cannot be are told once, with the calibration of all windows.
        found_late = late_findings(late, head, windows[0].zone)
        raw += [each for each in found_late if each.kind != "impossible_values"]
    null, why = _null(compared, settings)
    warnings += why
    findings = raw if null is None else _judged(raw, null)
    harm = _Harm(
        watcher, reference, rows, dict(zip([w.window.start for w in windows], places, strict=True)), settings
    )
    alarms = raise_alarms(
        findings,
        rate=settings.rate,
        control=settings.control,
        harm_of=harm,
        used=list(watcher.inputs),
        tolerance=settings.tolerance,
    )
    return Watched(
        windows=windows,
        rows=[int(here.sum()) for here in places],
        findings=findings,
        alarms=alarms,
        trigger=retraining_trigger(alarms, looks=settings.looks),
        calibration=calibration,
        late=late,
        label_free=label_free_table(
            rows, list(zip(windows, places, strict=True)), reference.calibrations, reference.dwell_loss
        ),
        warnings=warnings,
    )


def _null(reference: WatchReference, settings: MonitorSettings) -> tuple[FindingNull | None, list[str]]:
    """How findings vary on the reference's own days; None, and why, where that cannot be learned."""
    if settings.window_days != 1:
        return None, [
            f"p-values of windows of {settings.window_days} days count rows, which are not independent: "
            "expect more false alarms than asked for; windows of 1d are calibrated on days of the reference"
        ]
    try:
        null = fit_finding_null(reference.findings, season=settings.season, rehearsals=REHEARSALS)
    except ValueError as error:
        return None, [f"false alarms are more frequent than asked for: {error}"]
    return null, []


def _judged(raw: Sequence[Finding], null: FindingNull) -> list[Finding]:
    """With p-values from the reference's days; a slice that has none there is shown, and not judged.

    Of few rows, and with nothing to be like, it would alarm for whatever is particular about it.
    """
    found = []
    for before, after in zip(raw, null.calibrated(raw), strict=True):
        alone = before.place == "slice" and after.p_value == before.p_value
        found.append(replace(after, p_value=None, severity="none") if alone else after)
    return found


class _Harm:
    """Estimates the harm of a column's change in a window, once."""

    def __init__(
        self,
        watcher: Watcher,
        reference: WatchReference,
        rows: ScoredRows,
        places: dict[pd.Timestamp | None, np.ndarray],
        settings: MonitorSettings,
    ) -> None:
        self.watcher, self.usual, self.rows, self.places = watcher, reference.usual, rows, places
        self.sample = reference.columns.sample
        self.estimator = HarmEstimator(max_rows=settings.harm_rows)
        self.known: dict[tuple[str, pd.Timestamp | None], Harm | None] = {}

    def __call__(self, finding: Finding) -> Harm | None:
        if finding.place != "feature" or finding.where not in self.sample or finding.start not in self.places:
            return None
        # What is not there, or cannot be read, is the same in every window.
        gone = finding.kind in ("missing_column", "type_changed")
        key = (finding.where, None if gone else finding.start)
        if key not in self.known:
            current = self.rows.features[self.places[finding.start]]
            self.known[key] = self.estimator.estimate(
                self._value, reference=self.sample, current=current, column=finding.where
            )
        return self.known[key]

    def _value(self, rows: pd.DataFrame) -> Floats:
        """What the heads predict together, each in shares of what it usually predicts, ``[N]``."""
        predicted = self.watcher.predict(rows)
        parts = [
            predicted[name].to_numpy() / (abs(self.usual[name]) or 1.0)
            for name in dict.fromkeys(self.watcher.heads.values())
        ]
        return np.asarray(np.mean(parts, axis=0))


def with_warnings(watched: Watched, warnings: Sequence[str]) -> Watched:
    """The same with more to know before it, first."""
    return replace(watched, warnings=[*warnings, *watched.warnings])
