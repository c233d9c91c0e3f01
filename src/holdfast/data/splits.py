"""Global splits in time: train, gap, validation, test; and walk-forward folds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools
from holdfast.core.errors import UserError
from holdfast.data.held_out import check_held_out, held_out_rows
from holdfast.data.log import Log, local_day, local_midnight


@dataclass(frozen=True, kw_only=True)
class Window:
    """A stretch of time, and the moment at which its labels are looked at.

    Attributes:
        name: train, validation or test.
        start: first moment of the window, UTC.
        end: first moment after it.
        as_of: what is known of its rows is what was known then; ``end`` or later.
    """

    name: str
    start: pd.Timestamp
    end: pd.Timestamp
    as_of: pd.Timestamp

    def view(self, log: Log) -> Log:
        """The rows of the window with what was known of them at ``as_of``."""
        return log.as_of(self.as_of).between(self.start, self.end)

    def to_dict(self) -> dict[str, Any]:
        """Plain strings, for the record of a run."""
        return {
            "name": self.name,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "as_of": self.as_of.isoformat(),
        }


def window_from_dict(values: dict[str, str]) -> Window:
    """The inverse of ``Window.to_dict``."""
    moments = {key: pd.Timestamp(values[key]) for key in ("start", "end", "as_of")}
    return Window(name=values["name"], **moments)


@dataclass(frozen=True, kw_only=True)
class TemporalSplit:
    """Cuts the days of a log, in the card's time zone, into train | gap | validation | test | maturity.

    Training labels are looked at as of the start of validation: the gap is time for them to mature, and its
    rows train nothing. Validation is looked at as of the start of test, test as of the end of the log.

    Fold ``f`` of ``num_folds`` moves every cut ``(num_folds - 1 - f) * test_days`` days into the past
    (walk-forward evaluation); the last fold is the plain split. What an earlier fold knows of its test rows
    is what is known ``maturity_days`` after its test window, as in the last fold.

    Attributes:
        train_days: length of the training window; None for all that is left.
        gap_days: days between training and validation, >= 0.
        validation_days: at least 1.
        validation_gap_days: days between validation and test, >= 0: time for validation labels to mature.
        test_days: at least 1.
        maturity_days: days at the end of the log that are there only so that test labels can mature, >= 0.
        num_folds: walk-forward folds, at least 1.
        fold: which of them this is, from 0 (the earliest).
        held_out: values of columns that do not change within a request, such as ``{market: [north]}``. Their
            rows are in no window, and in no item's history: training never heard of them. The stage stress
            judges the model on those of the test days, as drift that nobody made. None for nothing.
    """

    train_days: int | None = None
    gap_days: int = 1
    validation_days: int = 3
    validation_gap_days: int = 0
    test_days: int = 6
    maturity_days: int = 7
    num_folds: int = 1
    fold: int = 0
    held_out: dict[str, list[Any]] | None = None

    def __post_init__(self) -> None:
        least = {
            "train_days": 1,
            "gap_days": 0,
            "validation_days": 1,
            "validation_gap_days": 0,
            "test_days": 1,
            "maturity_days": 0,
            "num_folds": 1,
        }
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise ValueError(f"split.{name} is {value}; it must be at least {bound}")
        if not 0 <= self.fold < self.num_folds:
            raise ValueError(
                f"split.fold is {self.fold}; with num_folds={self.num_folds} "
                f"it must be 0 to {self.num_folds - 1}"
            )
        check_held_out(self.held_out or {})

    def kept(self, log: Log) -> Log:
        """The log without the rows that are held out; the log itself where none are.

        Raises:
            UserError: a column or a value is not there, or a window keeps no row, or the test days hold none
                of the rows that are held out.
        """
        if not self.held_out:
            return log
        out = held_out_rows(log, self.held_out)
        kept = replace(log, frame=log.frame[~out].reset_index(drop=True))
        windows = self.windows(log)
        for window in windows.values():
            if len(kept.between(window.start, window.end)) == 0:
                raise UserError(
                    f"split.held_out leaves no row in the {window.name} window, {window.start} to "
                    f"{window.end}; hold out fewer values"
                )
        if not _inside(log, windows["test"])[out].any():
            raise UserError(
                f"split.held_out holds out {int(out.sum()):,} rows, and none of them is in the test window, "
                f"{windows['test'].start} to {windows['test'].end}: there would be nothing to judge"
            )
        return kept

    def windows(self, log: Log) -> dict[str, Window]:
        """The three windows of this fold, by name, in order of time; of the whole log, held out or not.

        Raises:
            UserError: the log is too short, or a window holds no row.
        """
        if len(log) == 0:
            raise UserError("the log has no rows; there is nothing to split")
        days = np.unique(log.local_days())
        first, zone = int(days[0]), log.card.time_zone
        last_whole = local_day(log.observed_until, zone)
        shift = (self.num_folds - 1 - self.fold) * self.test_days
        known_until = last_whole - shift
        test_end = known_until - self.maturity_days
        test_start = test_end - self.test_days
        validation_end = test_start - self.validation_gap_days
        validation_start = validation_end - self.validation_days
        train_end = validation_start - self.gap_days
        train_start = first if self.train_days is None else train_end - self.train_days
        if train_end <= first or train_start < first:
            need = (self.train_days or 1) + self.gap_days + self.validation_days + self.test_days
            need += self.validation_gap_days
            raise UserError(
                f"the log covers {last_whole - first} whole days, and the split needs "
                f"{need + self.maturity_days + shift} "
                f"(train {self.train_days or 'at least 1'}, gap {self.gap_days}, "
                f"validation {self.validation_days}, test {self.test_days}, maturity {self.maturity_days}, "
                f"earlier folds {shift}); make split.* shorter or bring a longer log"
            )
        end_of_test = log.observed_until if shift == 0 else local_midnight(known_until, zone)
        windows = {
            "train": Window(
                name="train",
                start=local_midnight(train_start, zone),
                end=local_midnight(train_end, zone),
                as_of=local_midnight(validation_start, zone),
            ),
            "validation": Window(
                name="validation",
                start=local_midnight(validation_start, zone),
                end=local_midnight(validation_end, zone),
                as_of=local_midnight(test_start, zone),
            ),
            "test": Window(
                name="test",
                start=local_midnight(test_start, zone),
                end=local_midnight(test_end, zone),
                as_of=end_of_test,
            ),
        }
        for window in windows.values():
            if len(log.between(window.start, window.end)) == 0:
                raise UserError(
                    f"the {window.name} window, {window.start} to {window.end}, holds no row; change split.*"
                )
        return windows


def _inside(log: Log, window: Window) -> Bools:
    """Rows shown in a window, ``[N]``."""
    shown_at = log.frame["shown_at"]
    return ((shown_at >= window.start) & (shown_at < window.end)).to_numpy(dtype=np.bool_)
