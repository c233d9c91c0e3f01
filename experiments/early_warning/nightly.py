"""The monitor under test, night by night: what ``holdfast monitor`` says as late labels come in.

Every night it is asked about the day that ends and the days before whose returns were still open. Findings of
a window hang on that window alone, so that each is looked at once and only its young returns are judged anew
by their age; what the alarms of a night ask for together is asked of them every night.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from holdfast.app.monitoring.judging import Judge
from holdfast.app.monitoring.opening import Opened
from holdfast.app.monitoring.scored_rows import Outcome, ScoredRows, Watcher
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watching import Watched, watch
from holdfast.app.monitoring.window_rows import WindowRows
from holdfast.app.monitoring.windows import Days, late_findings, late_table
from holdfast.monitoring.alarms import Alarm, raise_alarms, retraining_trigger
from holdfast.monitoring.column_harm import Harm
from holdfast.monitoring.finding import Finding

ASKS = ("retrain", "repair")
LABEL_FREE, ALL = "label-free", "with labels"
NightAlarms = dict[int, list[Alarm]]
"""Alarms of a day, by its age."""


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """An alarm, on the night on which it was first told.

    Attributes:
        rule: what spoke.
        told: the night.
        window: the day that it is about.
        what: column or head, and how it was found.
    """

    rule: str
    told: int
    window: int
    what: str


class RememberingWatcher(Watcher):
    """A watcher that does not score the same rows twice: harm is asked for in several views of a day."""

    def __init__(self, like: Watcher) -> None:
        super().__init__(like.scorer, horizon_days=like.horizon_days, dwell_population=like.dwell_population)
        self._known: dict[bytes, pd.DataFrame] = {}

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """See ``Watcher.predict``."""
        key = hashlib.blake2b(pickle.dumps(rows)).digest()
        if key not in self._known:
            self._known[key] = super().predict(rows)
        return self._known[key]


def as_known_after(outcome: Outcome, age: int) -> Outcome:
    """What was known of every row ``age`` days after its own, of an outcome that comes late."""
    assert outcome.age is not None and outcome.delay is not None
    follow_up = np.minimum(outcome.age, age)
    seen = outcome.delay <= follow_up
    return replace(
        outcome,
        observed=(seen & (outcome.delay <= outcome.horizon_days)).astype(np.float64),
        known=follow_up >= outcome.horizon_days,
        age=follow_up,
        delay=np.where(seen, outcome.delay, outcome.horizon_days + 1),
    )


def watched_nights(
    opened: Opened,
    rows: ScoredRows,
    windows: Sequence[Days],
    *,
    settings: MonitorSettings,
    first_day: int,
    watcher: Watcher,
) -> list[Spoken]:
    """All that is told about some days, on the nights on which it can be known.

    Args:
        opened: the bundle.
        rows: scored, with outcomes as they are known in the end.
        windows: single days, in order of time and without a gap.
        settings: of the monitor.
        first_day: the first watched day, counted from 1970-01-01.
        watcher: of the bundle.

    Returns:
        Each alarm and each reason of a trigger once, with its first night; no night after the last day.
    """
    views = Views(opened, settings=settings, watcher=watcher)
    told: list[Spoken] = []
    with_labels = views.with_labels(rows, windows)
    for view, by_day in ((ALL, with_labels), (LABEL_FREE, views.label_free(rows, windows))):
        for night, days in night_by_night(by_day):
            seen = {day - first_day: alarms for day, alarms in days.items()}
            told += _told(view, seen, night - first_day, looks=settings.looks)
    return _first_nights(told)


def night_by_night(by_day: Mapping[int, NightAlarms]) -> Iterator[tuple[int, dict[int, list[Alarm]]]]:
    """Each night with the alarms of the days that are watched on it, at the age that they have then."""
    for night in by_day:
        ages = {day: night - day for day in by_day}
        yield night, {day: by_day[day][age] for day, age in ages.items() if age in by_day[day]}


class Views:
    """The alarms of days at each of their ages."""

    def __init__(self, opened: Opened, *, settings: MonitorSettings, watcher: Watcher) -> None:
        self.reference, self.settings, self.watcher = opened.reference, settings, watcher
        self.judge = Judge(self.reference.without(settings.ignore), settings)
        self.horizon = opened.plan.settings.horizon_days

    def watch(self, given: Sequence[WindowRows]) -> Watched:
        """The monitor itself."""
        return watch(given, self.reference, watcher=self.watcher, settings=self.settings)

    def with_labels(self, rows: ScoredRows, windows: Sequence[Days]) -> dict[int, NightAlarms]:
        """With the outcomes that are known at each age."""
        given = [_window_rows(rows, window) for window in windows]
        self.whole = self.watch(given)
        self.harms = _harms(self.whole.alarms)
        return {
            each.window.first: {
                **{age: self._at_age(each, age) for age in range(self.horizon)},
                self.horizon: _of(self.whole.alarms, each.window),
            }
            for each in given
        }

    def label_free(self, rows: ScoredRows, windows: Sequence[Days]) -> dict[int, NightAlarms]:
        """Without outcomes, after ``with_labels`` of the same rows.

        Nothing new is known of a day later, but its neighbours may confirm it.
        """
        blind = [each for each in self.whole.findings if each.place not in ("outcome", "slice")]
        without = replace(rows, outcomes={})
        given = [_window_rows(without, window) for window in windows]
        by_day = {each.window.first: _of(blind, each.window) for each in given}
        unknown = [each for each in given if self._lacks_harm(self._alarms(by_day[each.window.first]))]
        if unknown:
            # All at once: each call has to learn anew how the reference's days vary.
            self.harms |= _harms(self.watch(unknown).alarms)
        found = {each.window.first: self._raised(by_day[each.window.first], each) for each in given}
        return {day: dict.fromkeys(range(self.horizon + 1), alarms) for day, alarms in found.items()}

    def _at_age(self, each: WindowRows, age: int) -> list[Alarm]:
        """Alarms of a day whose late outcomes are young; its other findings are those of ever after."""
        known = {
            head: as_known_after(outcome, age)
            for head, outcome in each.rows.outcomes.items()
            if outcome.age is not None
        }
        young = [
            finding
            for head, outcome in known.items()
            for finding in self._young(replace(each.rows, outcomes={head: outcome}), each)
        ]
        matured = _of(self.whole.findings, each.window)
        findings = [f for f in matured if not any(_about(f, head) for head in known)]
        rows = replace(each.rows, outcomes={**each.rows.outcomes, **known})
        return self._raised([*findings, *self.judge.judged(young)], replace(each, rows=rows))

    def _raised(self, findings: Sequence[Finding], each: WindowRows) -> list[Alarm]:
        """Alarms of a day, with the harm that the monitor told of it."""
        alarms = self._alarms(findings)
        if self._lacks_harm(alarms):
            # A column that alarms in no view yet, and of whose harm nobody has asked: the monitor is.
            alarms = list(self.watch([each]).alarms)
            self.harms |= _harms(alarms)
        return alarms

    def _alarms(self, findings: Sequence[Finding]) -> list[Alarm]:
        return raise_alarms(
            findings,
            rate=self.settings.rate,
            control=self.settings.control,
            harm_of=lambda f: self.harms.get(_key(f)),
            used=list(self.watcher.inputs),
            tolerance=self.settings.tolerance,
        )

    def _lacks_harm(self, alarms: Sequence[Alarm]) -> bool:
        return any(each.place == "feature" and _key(each) not in self.harms for each in alarms)

    def _young(self, rows: ScoredRows, each: WindowRows) -> list[Finding]:
        completion = self.reference.completion
        if completion is None or not len(rows):
            return []
        [(head, outcome)] = rows.outcomes.items()
        found = late_findings(late_table(outcome, rows, [each.window], completion), head, each.window.zone)
        return [finding for finding in found if finding.kind != "impossible_values"]


Key = tuple[str, str, pd.Timestamp | None]
Told = TypeVar("Told", Finding, Alarm)


def _key(told: Finding | Alarm) -> Key:
    return told.where, told.place, told.start


def _harms(alarms: Sequence[Alarm]) -> dict[Key, Harm | None]:
    return {_key(each): each.harm for each in alarms}


def _window_rows(rows: ScoredRows, window: Days) -> WindowRows:
    here = window.holds(rows.day)
    return WindowRows(window, rows.rows(here), int(here.sum()))


def _of(told: Sequence[Told], window: Days) -> list[Told]:
    start = window.window.start
    return [each for each in told if each.start == start]


def _about(finding: Finding, head: str) -> bool:
    """Whether a finding is about what came of a head, in all rows or in a slice, at whatever age."""
    return finding.place in ("outcome", "slice") and finding.where.split(" ")[0] == head


def _told(view: str, days: Mapping[int, Sequence[Alarm]], night: int, *, looks: int) -> Iterator[Spoken]:
    """What a night's alarms say: each of them, and those behind a trigger."""
    trigger = retraining_trigger([a for alarms in days.values() for a in alarms], looks=looks)
    for day, alarms in days.items():
        for alarm in alarms:
            name = f"{alarm.where}: {alarm.kind}"
            spoken = Spoken(rule=f"alarm, {view}", told=night, window=day, what=name)
            yield spoken
            if trigger.action in ASKS and f"{name}. {alarm.next_step}" in trigger.reasons:
                yield replace(spoken, rule=f"trigger, {view}")


def _first_nights(told: Sequence[Spoken]) -> list[Spoken]:
    """Each alarm once, on its first night."""
    first: dict[tuple[str, int, str], Spoken] = {}
    for each in sorted(told, key=lambda spoken: spoken.told):
        first.setdefault((each.rule, each.window, each.what), each)
    return list(first.values())
