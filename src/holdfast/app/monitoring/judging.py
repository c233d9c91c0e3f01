"""P-values that hold for windows as long as those watched, or the statement that there are none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from holdfast.app.monitoring.news import MOVING
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watch_reference import FEWEST_WINDOWS, WatchReference
from holdfast.monitoring.finding import SEVERITY_LEVEL, Finding
from holdfast.monitoring.window_calibration import (
    DISTANCE_ORDER,
    FindingNull,
    fit_finding_null,
    not_judged,
)

REHEARSALS = 50
YOUNG = "late_label_ratio"
SAME_NOTE = (
    "not judged: it has one value in all rows of a day, so that any window differs from the reference by "
    "more the more rows it has"
)
NO_HISTORY = "not judged: the reference has too few days to know how it varies"


class Judge:
    """Findings against how the reference's own windows vary.

    Windows are held against windows of the same length, where the reference was compared with itself on them.
    Otherwise their days are judged one by one, and a window's p-value is the smallest one of its days times
    their number (Bonferroni), which holds however alike days are. Where not even days can be judged, only
    what is broken is an alarm.

    Attributes:
        wants_days: whether ``judged`` needs the findings of the windows' days.
        warnings: what a reader must know.
    """

    def __init__(self, reference: WatchReference, settings: MonitorSettings) -> None:
        self.warnings: list[str] = []
        self._by_days = reference.same_in_days if settings.window_days % 7 else ()
        self._reach = reference.news_reach
        self._last_day = reference.last_day
        own = reference.findings_of(settings.window_days)
        self.wants_days = own is None
        if own is None:
            self.warnings.append(
                f"windows of {settings.window} are judged by their days, which misses small changes that "
                f"last: to be calibrated, the reference needs {FEWEST_WINDOWS} windows of that length, and "
                "to have been exported with them"
            )
        self._null: FindingNull | None = None
        self._null_of_days: FindingNull | None = None
        try:
            self._null = fit_finding_null(
                reference.findings if own is None else own, season=settings.season, rehearsals=REHEARSALS
            )
            self._null_of_days = (
                self._null
                if own is None or settings.window_days == 1
                else fit_finding_null(reference.findings, season=settings.season, rehearsals=REHEARSALS)
            )
        except ValueError as error:
            self.warnings.append(f"nothing is judged but what is broken: {error}")

    def judged(self, findings: Sequence[Finding], *, days: Sequence[Finding] = ()) -> list[Finding]:
        """The findings of one window with p-values that hold, or none.

        Args:
            findings: of the window.
            days: of its days, where ``wants_days``.
        """
        if self._null is None or self._null_of_days is None:
            return [each if each.p_value is None else not_judged(each, NO_HISTORY) for each in findings]
        # Young labels are told day by day, by age, however long the windows are.
        young = self._calibrated([each for each in findings if each.kind == YOUNG], self._null_of_days)
        findings = [each for each in findings if each.kind != YOUNG]
        if not self.wants_days:
            return [*self._calibrated(findings, self._null), *young]
        of_days: dict[tuple[str, str], list[float]] = defaultdict(list)
        for each in self._calibrated(days, self._null):
            if each.p_value is not None:
                of_days[(each.where, each.kind)].append(each.p_value)
        return [*(_by_days(each, of_days.get((each.where, each.kind), [])) for each in findings), *young]

    def _calibrated(self, findings: Sequence[Finding], null: FindingNull) -> list[Finding]:
        """With p-values from the reference's windows; a slice that has none there is shown, and not judged.

        Of few rows, and with nothing to be like, it would alarm for whatever is particular about it.
        """
        aged = [self._aged(each) for each in findings]
        found = []
        for before, after in zip(findings, null.calibrated(aged), strict=True):
            alone = before.place == "slice" and after.p_value == before.p_value
            if alone:
                after = replace(after, p_value=None, severity="none")
            elif before.where in self._by_days and before.kind in DISTANCE_ORDER:
                after = not_judged(after, SAME_NOTE)
            found.append(replace(after, statistic=before.statistic, effect=before.effect))
        return found

    def _aged(self, finding: Finding) -> Finding:
        """What is judged of it: no more than the reference can speak of, for values that come and go.

        The reference has seen windows up to some days after what was known then. What moves on at a steady
        rate is, later, at most as much further away as it is later, so later windows are judged by what of
        their movement falls on so many days.
        """
        reach = self._reach.get(finding.where, 0)
        if reach == 0 or finding.kind not in MOVING or finding.start is None:
            return finding
        day = (finding.start.tz_localize(None) - pd.Timestamp(0)).days
        share = min(1.0, reach / max(day - self._last_day, 1)) ** DISTANCE_ORDER.get(finding.kind, 1)
        statistic = None if finding.statistic is None else finding.statistic * share
        effect = None if finding.effect is None else finding.effect * share
        return replace(finding, statistic=statistic, effect=effect)


def _by_days(finding: Finding, p_values: Sequence[float]) -> Finding:
    if finding.p_value is None:
        return finding
    if not p_values:
        return not_judged(finding, NO_HISTORY)
    p_value = min(1.0, len(p_values) * min(p_values))
    quiet = p_value >= SEVERITY_LEVEL and finding.severity != "broken"
    return replace(finding, p_value=p_value, severity="none" if quiet else finding.severity)
