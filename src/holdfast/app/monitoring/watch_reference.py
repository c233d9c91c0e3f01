"""What days are watched against, in the form that travels in a bundle.

N rows of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.app.monitoring.dwell_loss import DwellLoss, fit_dwell_loss, possible
from holdfast.app.monitoring.news import come_and_go, natural_news
from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.app.monitoring.windows import (
    Days,
    calibration_findings,
    calibration_table,
    column_findings,
    late_history,
    windows_of,
)
from holdfast.core.errors import UserError
from holdfast.core.files import read_json, write_json
from holdfast.monitoring.column_reference import CategoricalReference
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.label_free import IsotonicCalibration, fit_isotonic
from holdfast.monitoring.late_labels import Completion, LateLabels, fit_completion
from holdfast.monitoring.monitoring_columns import findings_table
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.reference_file import load_reference, save_reference

COLUMNS_FOLDER, FINDINGS_FILE, HEADS_FILE = "columns", "findings.parquet", "heads.json"
LONGER_FILE = "longer_findings.parquet"
LENGTHS = (2, 3, 4, 5, 6, 7, 14, 28)
"""Days of the windows beside single days on which the reference is compared with itself ..."""
FEWEST_WINDOWS = 8
"""... where it holds as many of them as this: its second half, which tells what is new, then has four."""
FEW_VALUES = 8
MOST_SLICED = 3
SAMPLE_ROWS = 1000


@dataclass(frozen=True)
class WatchReference:
    """What days are watched against.

    Attributes:
        columns: of features and predictions, as a sketch.
        findings: on its own days, from which false alarms are calibrated.
        longer: the same on its windows of several days, by their number.
        same_in_days: columns that have one value in all rows of a day, such as the day of the week: any
            window but whole weeks differs from the reference in them.
        news_reach: of columns whose values come and go, for how many days after what was known then it says
            how far they move.
        usual: mean of each prediction.
        calibrations: from what a head predicts of shares to what happened, by head.
        completion: how fast returns come in; None where the reference is too short to tell.
        slices: features of few values.
        last_day: its last local day, counted from 1970-01-01.
        dwell_loss: how far dwell was predicted off; None where no dwell was known.
    """

    columns: Reference
    findings: list[Finding]
    usual: Mapping[str, float]
    calibrations: Mapping[str, IsotonicCalibration]
    completion: Completion | None
    slices: list[str]
    last_day: int
    dwell_loss: DwellLoss | None = None
    longer: Mapping[int, list[Finding]] = field(default_factory=dict)
    same_in_days: Sequence[str] = ()
    news_reach: Mapping[str, int] = field(default_factory=dict)

    def findings_of(self, window_days: int) -> list[Finding] | None:
        """What was found on windows of this length; None where there are too few of them."""
        return self.findings if window_days == 1 else self.longer.get(window_days)

    def without(self, ignored: Sequence[str]) -> WatchReference:
        """The same, with some columns left out of all comparisons; they stay in the sample for the model."""
        unknown = sorted(set(ignored) - set(self.columns.columns))
        if unknown:
            known = ", ".join(self.columns.columns)
            raise UserError(f"monitor.ignore names {unknown}, and the reference has {known}")
        kept = {name: each for name, each in self.columns.columns.items() if name not in ignored}
        findings = [each for each in self.findings if each.where not in ignored]
        longer = {
            length: [each for each in found if each.where not in ignored]
            for length, found in self.longer.items()
        }
        return replace(self, columns=replace(self.columns, columns=kept), findings=findings, longer=longer)


def make_watch_reference(rows: ScoredRows, *, categorical: Sequence[str], zone: str) -> WatchReference:
    """Remember scored rows; see ``WatchReference``.

    Args:
        rows: of whole days, with outcomes as far as they were known then; at least one.
        categorical: features that are categories, whatever their type.
        zone: time zone of the days.

    Raises:
        UserError: there are no rows.
    """
    if len(rows) == 0:
        raise UserError("the reference has no rows: nothing can be watched against it; prepare the run again")
    exact = Reference.from_frame(
        rows.watched(), categorical=[each for each in categorical if each in rows.features]
    )
    columns = exact.sketched(num_sampled=SAMPLE_ROWS)
    slices = [
        name
        for name, each in columns.columns.items()
        if isinstance(each, CategoricalReference)
        and 2 <= each.num_distinct <= FEW_VALUES
        and _varies_in_days(rows, name)
    ][:MOST_SLICED]
    first, end = int(rows.day.min()), int(rows.day.max()) + 1
    found = {
        length: _findings_on(windows_of(first, end, num_days=length, zone=zone), rows, columns, slices)
        for length in (1, *LENGTHS)
        if length == 1 or (end - first) // length >= FEWEST_WINDOWS
    }
    calibrations = {}
    for head, outcome in rows.outcomes.items():
        known = (
            possible(outcome.predicted, share=True) & outcome.known & np.isin(outcome.observed, (0.0, 1.0))
        )
        observed = outcome.observed[known]
        if head != "dwell" and 0.0 < observed.sum() < observed.size:
            calibrations[head] = _thinned(fit_isotonic(outcome.predicted[known], observed))
    usual = {str(name): float(rows.predictions[name].mean()) for name in rows.predictions}
    days = found.pop(1)
    completion = _completion(rows)
    if completion is not None:
        days += late_history(rows, completion, zone)
    return WatchReference(
        columns,
        days,
        usual,
        calibrations,
        completion,
        slices,
        end - 1,
        dwell_loss=fit_dwell_loss(rows),
        longer=found,
        same_in_days=_same_in_days(rows, columns),
        news_reach=dict.fromkeys(come_and_go(days), (end - first) - (end - first) // 2),
    )


def _findings_on(
    windows: Sequence[Days], rows: ScoredRows, columns: Reference, slices: Sequence[str]
) -> list[Finding]:
    """What is found on windows of the reference itself, where nothing has changed."""
    here = rows.rows((rows.day >= windows[0].first) & (rows.day < windows[-1].first + windows[-1].num_days))
    findings = [
        finding
        for window in windows
        for finding in column_findings(columns, here.rows(window.holds(here.day)), window.window)
    ]
    # In its own days nothing is new: what is new in later ones is learned from its second half.
    news = natural_news(columns, here.features, here.day, windows)
    told = {(each.where, each.kind) for each in news}
    findings = [each for each in findings if (each.where, each.kind) not in told] + news
    return findings + list(calibration_findings(calibration_table(here, windows, slices), windows))


def save_watch_reference(reference: WatchReference, folder: Path) -> None:
    """Write it below ``folder``, which must not hold another one."""
    folder.mkdir(parents=True, exist_ok=True)
    save_reference(reference.columns, folder / COLUMNS_FOLDER)
    findings_table(reference.findings).to_parquet(folder / FINDINGS_FILE, index=False)
    if reference.longer:
        tables = [
            findings_table(found).assign(window_days=length) for length, found in reference.longer.items()
        ]
        pd.concat(tables, ignore_index=True).to_parquet(folder / LONGER_FILE, index=False)
    completion = reference.completion
    write_json(
        folder / HEADS_FILE,
        {
            "format": 1,
            "usual": dict(reference.usual),
            "calibrations": {
                name: {"scores": each.scores.tolist(), "probabilities": each.probabilities.tolist()}
                for name, each in reference.calibrations.items()
            },
            "completion": None
            if completion is None
            else {**completion.__dict__, "share": completion.share.tolist()},
            "dwell_loss": None if reference.dwell_loss is None else reference.dwell_loss.as_plain(),
            "slices": reference.slices,
            "last_day": reference.last_day,
            "same_in_days": list(reference.same_in_days),
            "news_reach": dict(reference.news_reach),
        },
    )


def load_watch_reference(folder: Path) -> WatchReference:
    """Read it again.

    Raises:
        UserError: the bundle has none, or one of a newer layout.
    """
    if not (folder / HEADS_FILE).is_file():
        raise UserError(
            f"the bundle {folder.parent} holds no reference to watch against: it was exported before there "
            "was one, or from a run that kept no rows for it. Run it again with stages=[prepare,fit,export]"
        )
    told = read_json(folder / HEADS_FILE)
    if told["format"] != 1:
        raise UserError(
            f"{folder} has format {told['format']}; this holdfast reads 1: install the one that wrote it"
        )
    # References of before there was an estimate of it have none.
    found, loss = told["completion"], told.get("dwell_loss")
    return WatchReference(
        columns=load_reference(folder / COLUMNS_FOLDER),
        findings=findings_of(pd.read_parquet(folder / FINDINGS_FILE)),
        usual=told["usual"],
        calibrations={
            name: IsotonicCalibration(np.array(each["scores"]), np.array(each["probabilities"]))
            for name, each in told["calibrations"].items()
        },
        completion=None if found is None else Completion(**{**found, "share": np.array(found["share"])}),
        slices=told["slices"],
        last_day=told["last_day"],
        dwell_loss=None if loss is None else DwellLoss.from_plain(loss),
        longer=_longer(folder / LONGER_FILE),
        same_in_days=told.get("same_in_days", ()),
        news_reach=told.get("news_reach", {}),
    )


def _longer(path: Path) -> dict[int, list[Finding]]:
    """Findings on windows of several days; none of bundles that were exported before there were any."""
    if not path.is_file():
        return {}
    table = pd.read_parquet(path)
    return {
        length: findings_of(table[table["window_days"] == length].drop(columns="window_days"))
        for length in table["window_days"].unique().tolist()
    }


def _varies_in_days(rows: ScoredRows, name: str) -> bool:
    """Whether a day holds several values of a feature; the day of the week tells no slice of a day."""
    if name not in rows.features:
        return False
    by_day = rows.features[name].astype("string").groupby(rows.day).nunique()
    return bool(by_day.median() > 1)


def _same_in_days(rows: ScoredRows, columns: Reference) -> list[str]:
    """Features that have several values, and one in all rows of each day."""
    same = []
    for name, column in columns.columns.items():
        if name not in rows.features or column.kind not in ("numeric", "categorical"):
            continue
        values = rows.features[name]
        held = values.dropna()
        differs = len(held) > 0 and not (held == held.iloc[0]).all()
        if differs and values.groupby(rows.day).nunique().max() <= 1:
            same.append(name)
    return same


def _completion(rows: ScoredRows) -> Completion | None:
    for outcome in rows.outcomes.values():
        if outcome.age is not None and outcome.delay is not None:
            labels = LateLabels(rows.day, outcome.age, outcome.delay, outcome.horizon_days)
            if labels.matured.any() and labels.positive_so_far.any():
                return fit_completion(labels)
    return None


def _thinned(calibration: IsotonicCalibration) -> IsotonicCalibration:
    """The same map by the ends of its level stretches alone."""
    p = calibration.probabilities
    level = np.r_[False, (p[1:-1] == p[:-2]) & (p[1:-1] == p[2:]), False][: p.size]
    return IsotonicCalibration(calibration.scores[~level], p[~level])


def findings_of(table: pd.DataFrame) -> list[Finding]:
    """A table of ``findings_table`` as findings again."""
    found = []
    for row in table.to_dict("records"):
        values: dict[str, Any] = {str(name): None if pd.isna(value) else value for name, value in row.items()}
        low, high = values.pop("effect_low"), values.pop("effect_high")
        interval = None if low is None or high is None else (low, high)
        found.append(Finding(**{**values, "interval": interval}))
    return found
