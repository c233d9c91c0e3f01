"""Calibration of one head by day and slice: a table for readers, findings for alarms.

N rows of a window.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.brier_decomposition import brier_decomposition
from holdfast.monitoring.calibration_interval import mean_ratio, share_ratio
from holdfast.monitoring.days import day_window
from holdfast.monitoring.finding import Finding, severity_of
from holdfast.monitoring.realised_findings import impossible_values, log_ratio, with_half_an_event
from holdfast.monitoring.reliability import calibration_error, reliability_slope

Outcome = Literal["share", "amount"]
ALL = "all"
"""The slice of all rows."""
BRIER_PARTS = ("brier", "reliability", "resolution", "uncertainty")


@dataclass(frozen=True, kw_only=True)
class CalibrationWatch:
    """Compares what a head predicted with what happened, by day and slice.

    Attributes:
        head: its name, such as ``click``.
        outcome: ``share`` for outcomes of 0 and 1, ``amount`` for others that are >= 0, such as seconds.
        level: of the intervals, in (0, 1).
        num_bins: of calibration error and Brier decomposition, at least 1.
        fewest_rows: a slice's day with fewer known rows is said to be too small, and not judged; at least 1.
        null_draws: sets of labels behind the null of the calibration error; 0 leaves the error out.
        slice_nulls: False leaves the error of slices out, which cost as much as all rows do each.
    """

    head: str
    outcome: Outcome = "share"
    level: float = 0.95
    num_bins: int = 10
    fewest_rows: int = 30
    null_draws: int = 100
    slice_nulls: bool = True

    def __post_init__(self) -> None:
        if self.outcome not in ("share", "amount"):
            raise ValueError(f"outcome is {self.outcome!r}; choose share or amount")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must lie between 0 and 1, as 0.95 does")
        for name, least in (("num_bins", 1), ("fewest_rows", 1), ("null_draws", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")

    def table(
        self,
        predicted: ArrayLike,
        observed: ArrayLike,
        *,
        users: ArrayLike,
        days: ArrayLike,
        known: ArrayLike | None = None,
        slices: Mapping[str, ArrayLike] | None = None,
    ) -> pd.DataFrame:
        """One row a day and slice.

        Args:
            predicted: probability or expected amount, ``[N]``; anything where not known.
            observed: ``[N]``; anything where not known.
            users: integer code of each row's user, ``[N]``.
            days: local day of each row, integers, ``[N]``.
            known: False where the outcome is not known (yet), ``[N]``; such rows are never negatives.
            slices: by name, a value of each row ``[N]``, such as ``{"market": ...}``; missing values are a
            slice too.

        Rows whose prediction is no finite number in range, or whose known outcome is not, are left out and
        counted as ``impossible``.

        Returns:
            ``day, slice, n, unknown, impossible, users, predicted, events, ratio, low, high, p_value, slope,
            slope_low, slope_high, slope_p_value``, for shares also ``brier, reliability, resolution,
            uncertainty, ece, ece_excess, ece_null_low, ece_null_high``, and ``note``. NaN, the missing value
            of tables, where undefined.
        """
        day = np.asarray(days)
        day = checks.codes(day, name="days", num_rows=day.size)
        user = checks.codes(users, name="users", num_rows=day.size)
        is_known = np.ones(day.size, dtype=bool) if known is None else np.asarray(known, dtype=bool)
        p, y = np.asarray(predicted, dtype=np.float64), np.asarray(observed, dtype=np.float64)
        checks.same_length(days=day, predicted=p, observed=y, known=is_known)
        impossible = self._impossible(p, y, is_known)
        rows = []
        named = list(_slices(slices, num_rows=day.size))
        for each in np.unique(day):
            for name, inside in named:
                here = (day == each) & inside
                if here.any():
                    num_impossible = int((here & impossible).sum())
                    draws = self.null_draws if name == ALL or self.slice_nulls else 0
                    row = self._row(p, y, user, here & is_known & ~impossible, num_impossible, draws)
                    counts = {"unknown": int((here & ~is_known).sum()), "impossible": num_impossible}
                    rows.append({"day": int(each), "slice": name, **counts, **row})
        columns = ["day", "slice", "n", "unknown", "impossible", "users", "predicted", "events"]
        columns += ["ratio", "low", "high", "p_value"]
        found = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*columns, "note"])
        return found[[*columns, *(name for name in found if name not in columns)]]

    def findings(self, table: pd.DataFrame, *, zone: str = "UTC") -> list[Finding]:
        """The table's rows as findings: ``calibration_ratio``, ``reliability_slope``, ``too_few_known_rows``
        and, of all rows together, ``impossible_values``.

        The effect of a ratio is its natural logarithm: 0.7 is twice too many, -0.7 twice too few. Where
        nothing was observed it is that with half an event, or one user's usual amount, and the interval has
        no upper end.
        """
        found = []
        for record in table.to_dict("records"):
            row = {str(name): value for name, value in record.items()}
            moments = day_window(int(row["day"]), zone=zone)
            window = {"start": moments.start, "end": moments.end}
            shared: dict[str, Any] = {
                "where": self.head if row["slice"] == ALL else f"{self.head} [{row['slice']}]",
                "place": "outcome" if row["slice"] == ALL else "slice",
                "n_current": int(row["n"]),
                **window,
            }
            if row["impossible"] and row["slice"] == ALL:
                place = {name: value for name, value in shared.items() if name != "n_current"}
                rows = int(row["n"] + row["impossible"])
                found.append(impossible_values(int(row["impossible"]), rows, **place))
            if row["n"] < self.fewest_rows:
                found.append(Finding(kind="too_few_known_rows", note=row["note"], **shared))
                continue
            found.append(self._ratio_finding(row, shared))
            if not math.isnan(row["slope_p_value"]):
                found.append(self._slope_finding(row, shared))
        return found

    def _impossible(self, p: Floats, y: Floats, is_known: Bools) -> Bools:
        """Rows that no prediction, or no outcome, can be like, ``[N]``."""
        wrong_p, wrong_y = ~np.isfinite(p) | (p < 0.0), ~np.isfinite(y)
        if self.outcome == "share":
            wrong_p |= p > 1.0
            wrong_y |= (y != 0.0) & (y != 1.0)
        else:
            wrong_y |= y < 0.0
        return np.asarray(is_known & (wrong_p | wrong_y))

    def _row(
        self, p: Floats, y: Floats, user: Ints, chosen: Bools, num_impossible: int, draws: int
    ) -> dict[str, Any]:
        p, y, user = p[chosen], y[chosen], user[chosen]
        if self.outcome == "share":
            ratio = share_ratio(p, y, users=user, level=self.level)
        else:
            ratio = mean_ratio(p, y, users=user, level=self.level)
        slope = reliability_slope(p, y, users=user, level=self.level)
        notes = [note for note in (ratio.note, slope.note) if note]
        if p.size < self.fewest_rows:
            notes.insert(0, f"{p.size} known rows; at least {self.fewest_rows} are needed to judge")
        if num_impossible:
            notes.append(f"{num_impossible} rows with an impossible prediction or outcome were left out")
        row = {
            "n": int(p.size),
            "users": ratio.num_users,
            "predicted": float(p.sum()),
            "events": ratio.events,
            **_numbers(ratio=ratio.ratio, low=ratio.low, high=ratio.high, p_value=ratio.p_value),
            **_numbers(slope=slope.slope, slope_low=slope.low, slope_high=slope.high),
            **_numbers(slope_p_value=slope.p_value),
        }
        if self.outcome == "share":
            row |= self._share_parts(p, y, draws)
        return {**row, "note": "; ".join(notes)}

    def _share_parts(self, p: Floats, y: Floats, draws: int) -> dict[str, float]:
        parts = brier_decomposition(p, y, num_bins=self.num_bins)
        error = calibration_error(p, y, num_bins=self.num_bins, num_draws=draws) if draws else None
        return _numbers(
            **{name: getattr(parts, name, None) for name in BRIER_PARTS},
            ece=error.error if error else None,
            ece_excess=error.excess if error else None,
            ece_null_low=error.null.low if error else None,
            ece_null_high=error.null.high if error else None,
        )

    def _ratio_finding(self, row: Mapping[str, Any], shared: Mapping[str, Any]) -> Finding:
        ratio, low, high = (_or_none(row[name]) for name in ("ratio", "low", "high"))
        # Of amounts: one user more, of whom as much was observed as is predicted of the average user.
        amount = self.outcome == "amount"
        otherwise = row["users"] + 1.0 if amount else with_half_an_event(row["predicted"])
        effect, interval = log_ratio(ratio, low, high, otherwise=otherwise)
        p_value = _or_none(row["p_value"])
        words = f"predicted over observed is {ratio:.3g}" if ratio is not None else "nothing was observed"
        if ratio is None and low is not None:
            words += f": {low:.3g} times too many predicted, or more"
        return Finding(
            kind="calibration_ratio",
            statistic=ratio,
            p_value=p_value,
            effect=effect,
            effect_unit="log ratio",
            interval=interval,
            severity=severity_of(effect, p_value, slight=0.05, moderate=0.2, large=0.5),
            note="; ".join(part for part in (words, row["note"]) if part),
            **shared,
        )

    def _slope_finding(self, row: Mapping[str, Any], shared: Mapping[str, Any]) -> Finding:
        effect = row["slope"] - 1.0
        return Finding(
            kind="reliability_slope",
            statistic=row["slope"],
            p_value=row["slope_p_value"],
            effect=effect,
            effect_unit="slope less 1",
            interval=(row["slope_low"] - 1.0, row["slope_high"] - 1.0),
            severity=severity_of(effect, row["slope_p_value"], slight=0.1, moderate=0.3, large=0.7),
            note=f"outcomes move {row['slope']:.3g} times as much as predictions",
            **shared,
        )


def _slices(slices: Mapping[str, ArrayLike] | None, *, num_rows: int) -> Iterator[tuple[str, Bools]]:
    yield ALL, np.ones(num_rows, dtype=bool)
    for name, values in (slices or {}).items():
        codes, labels = pd.factorize(pd.Series(np.asarray(values)), use_na_sentinel=False)
        if codes.size != num_rows:
            raise ValueError(f"slice {name!r} has {codes.size} values and the window {num_rows} rows")
        for code, label in enumerate(labels):
            yield f"{name}={'missing' if pd.isna(label) else label}", codes == code


def _numbers(**values: float | None) -> dict[str, float]:
    """None as NaN, the missing value of tables."""
    return {name: math.nan if value is None else float(value) for name, value in values.items()}


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
