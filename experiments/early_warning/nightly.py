"""The monitor under test, night by night: what ``holdfast monitor`` says as late labels come in.

A day is watched on its own night, and again on each of the following ones, until its returns have matured.
``watch`` judges windows one by one, so one call over several days gives what a call a night would.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from holdfast.app.monitoring.opening import Opened
from holdfast.app.monitoring.scored_rows import Outcome, ScoredRows, Watcher
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watching import Watched, watch
from holdfast.app.monitoring.windows import Days, late_findings, late_table
from holdfast.monitoring.alarms import Alarm, raise_alarms, retraining_trigger
from holdfast.monitoring.finding import Finding

ASKS = ("retrain", "repair")
LABEL_FREE, ALL = "label-free", "with labels"


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
    """All that is told about some windows, on the nights on which it can be known.

    Args:
        opened: the bundle.
        rows: scored, with outcomes as they are known in the end.
        windows: single days, in order of time.
        settings: of the monitor.
        first_day: the first watched day, counted from 1970-01-01.
        watcher: of the bundle.
    """
    late = {name: each for name, each in rows.outcomes.items() if each.age is not None}
    ask: Callable[[ScoredRows], Watched] = lambda given: watch(  # noqa: E731
        given, opened.reference, watcher=watcher, windows=windows, settings=settings
    )
    without = ask(replace(rows, outcomes={}))
    whole = ask(rows)
    end = windows[-1].first + 1
    told = list(_told(LABEL_FREE, without.alarms, 0, first_day))
    horizon = max((each.horizon_days for each in late.values()), default=0)
    # An alarm of a night in between is one of the two views' as well, but for the rarest of thresholds.
    harms = {(a.where, a.place, a.start): a.harm for each in (without, whole) for a in each.alarms}
    for age in range(horizon):
        findings = [f for f in whole.findings if not any(_about(f, head) for head in late)]
        for head, outcome in late.items():
            findings += _young(as_known_after(outcome, age), rows, windows, opened, head)
        alarms = raise_alarms(
            findings,
            rate=settings.rate,
            control=settings.control,
            harm_of=lambda f: harms.get((f.where, f.place, f.start)),
            tolerance=settings.tolerance,
        )
        told += _told(ALL, alarms, age, first_day)
    told += _told(ALL, whole.alarms, horizon, first_day)
    return _first_nights([each for each in told if each.window < end - first_day])


def _young(
    outcome: Outcome, rows: ScoredRows, windows: Sequence[Days], opened: Opened, head: str
) -> list[Finding]:
    """What is told of a late outcome before it has matured."""
    if opened.reference.completion is None:
        return []
    inside = np.logical_or.reduce([window.holds(rows.day) for window in windows])
    table = late_table(outcome.rows(inside), rows.rows(inside), windows, opened.reference.completion)
    return late_findings(table, head, windows[0].zone)


def _about(finding: Finding, head: str) -> bool:
    """Whether a finding is about what came of a head, in all rows or in a slice."""
    return finding.place in ("outcome", "slice") and finding.where.split(" ")[0] == head


def _told(view: str, alarms: Sequence[Alarm], age: int, first_day: int) -> Iterator[Spoken]:
    for alarm in alarms:
        if alarm.start is None:
            continue
        window = int((alarm.start.tz_localize(None) - pd.Timestamp(0)).days) - first_day
        spoken = Spoken(
            rule=f"alarm, {view}", told=window + age, window=window, what=f"{alarm.where}: {alarm.kind}"
        )
        yield spoken
        if retraining_trigger([alarm]).action in ASKS:
            yield replace(spoken, rule=f"trigger, {view}")


def _first_nights(told: Sequence[Spoken]) -> list[Spoken]:
    """Each alarm once, on its first night."""
    first: dict[tuple[str, int, str], Spoken] = {}
    for each in sorted(told, key=lambda spoken: spoken.told):
        first.setdefault((each.rule, each.window, each.what), each)
    return list(first.values())
