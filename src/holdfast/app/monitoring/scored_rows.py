"""Rows of a log with what the model says of them and what came of them, whatever is wrong with the rows.

N rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.core.protocols import Population
from holdfast.data.card import Objective
from holdfast.data.log import Log
from holdfast.data.outcomes import follow_up_days, outcome_columns
from holdfast.monitoring.column_kinds import family_of
from holdfast.serving.bundle_scorer import BundleScorer

NEEDED_OUTCOMES: Mapping[str, tuple[str, ...]] = {
    "click": ("click",),
    "dwell": ("click", "dwell_seconds"),
    "retention": ("user_id", "next_visit_at"),
}
"""Columns without which an objective's outcome cannot be told."""


@dataclass(frozen=True)
class Outcome:
    """What came of each row, for one head.

    Attributes:
        predicted: probability, or expected seconds, ``[N]``.
        observed: 0 or 1, or seconds; anything where not known, ``[N]``.
        known: False where the outcome is not known, or not yet, ``[N]``.
        age: whole days of follow-up, ``[N]``; None for outcomes that are known at once.
        delay: days until it happened, beyond the horizon where it has not been seen to, ``[N]``; or None.
        horizon_days: of a late outcome; 0 for others.
    """

    predicted: Floats
    observed: Floats
    known: Bools
    age: Ints | None = None
    delay: Ints | None = None
    horizon_days: int = 0

    def rows(self, chosen: Bools) -> Outcome:
        """Some of the rows."""
        return Outcome(
            self.predicted[chosen],
            self.observed[chosen],
            self.known[chosen],
            None if self.age is None else self.age[chosen],
            None if self.delay is None else self.delay[chosen],
            self.horizon_days,
        )


@dataclass(frozen=True)
class ScoredRows:
    """Rows, scored.

    Attributes:
        features: the columns that the model reads, as they came, ``[N, ...]``; one that is not there is not
            there.
        predictions: by the output's name, ``[N]`` each.
        outcomes: by head; those that the log can tell.
        day: local day, ``[N]``.
        user: integer code, ``[N]``.
    """

    features: pd.DataFrame
    predictions: pd.DataFrame
    outcomes: dict[str, Outcome]
    day: Ints
    user: Ints

    def __len__(self) -> int:
        return len(self.day)

    def rows(self, chosen: Bools) -> ScoredRows:
        """Some of the rows."""
        return ScoredRows(
            self.features[chosen],
            self.predictions[chosen],
            {name: each.rows(chosen) for name, each in self.outcomes.items()},
            self.day[chosen],
            self.user[chosen],
        )

    def watched(self) -> pd.DataFrame:
        """Features and predictions side by side: what is compared with the reference."""
        return pd.concat([self.features, self.predictions], axis=1)


class Watcher:
    """The model of a bundle, which scores whatever comes.

    Args:
        scorer: of the bundle.
        horizon_days: how many days of absence the labels tell apart.
        dwell_population: rows on which dwell is defined.
    """

    def __init__(self, scorer: BundleScorer, *, horizon_days: int, dwell_population: Population) -> None:
        self.scorer, self.horizon_days, self.dwell_population = scorer, horizon_days, dwell_population
        bundle = scorer.scorer.bundle
        self.inputs: dict[str, Mapping[str, Any]] = {each["name"]: each for each in bundle.signature["rows"]}
        self.heads: dict[str, str] = {name: each["score"] for name, each in bundle.manifest["heads"].items()}

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The output that each head ranks by, and the fused score, with the rows' own index.

        A column that is not there, or is of another type than the model was trained on, is read as missing
        in every row: what that does to predictions is a finding, and no reason to stop.
        """
        outputs = self.scorer.outputs(self._readable(rows))
        wanted = dict.fromkeys([*self.heads.values(), self.scorer.scorer.outputs[-1]])
        columns = {name: np.asarray(outputs[name], dtype=np.float64) for name in wanted}
        if "return_by_day" in outputs and "retention" in self.heads:
            by_day = np.asarray(outputs["return_by_day"], dtype=np.float64)
            columns[self.heads["retention"]] = by_day[:, -1]
        return pd.DataFrame(columns, index=rows.index)

    def score(self, log: Log) -> ScoredRows:
        """Rows of a log (history included, outcomes as of its ``observed_until``), scored."""
        frame = log.frame
        predictions = self.predict(frame)
        features = frame[[name for name in self.inputs if name in frame]]
        day = log.local_days()
        user = pd.factorize(frame["user_id"])[0] if "user_id" in frame else np.arange(len(frame))
        outcomes = {
            name: outcome
            for name, output in self.heads.items()
            for outcome in self._outcome(log, name, predictions[output].to_numpy())
        }
        return ScoredRows(features, predictions, outcomes, day, np.maximum(user, 0).astype(np.int64))

    def untold(self, columns: list[str]) -> Iterator[tuple[str, str]]:
        """Heads whose outcome a log with these columns cannot tell, and the column that it lacks."""
        for head in self.heads:
            for name in NEEDED_OUTCOMES.get(head, ()):
                if name not in columns:
                    yield head, name

    def _outcome(self, log: Log, head: str, predicted: Floats) -> Iterator[Outcome]:
        if any(name == head for name, _ in self.untold(list(log.frame.columns))):
            return
        objective: Objective = head  # type: ignore[assignment]  # heads are named by objective
        found = outcome_columns(
            log, objective, horizon_days=self.horizon_days, dwell_population=self.dwell_population
        )
        if head != "retention":
            yield Outcome(predicted, found.value.astype(np.float64), found.known)
            return
        age = follow_up_days(log, horizon_days=self.horizon_days)
        delay = np.where(found.event, found.value, self.horizon_days + 1).astype(np.int64)
        matured = age >= self.horizon_days
        # A return on the day itself, or before it, cannot be: no outcome, and one that is known to be none.
        returned = np.where(found.event & (delay < 1), np.nan, found.event.astype(np.float64))
        yield Outcome(predicted, returned, matured, np.asarray(age), delay, self.horizon_days)

    def _readable(self, rows: pd.DataFrame) -> pd.DataFrame:
        columns = {}
        for name, described in self.inputs.items():
            column = rows.get(name)
            fits = column is not None and _fits(column, described)
            columns[name] = column if fits else pd.Series(_missing(len(rows), described), index=rows.index)
        return pd.DataFrame(columns, index=rows.index)


def _fits(column: pd.Series, described: Mapping[str, Any]) -> bool:
    family, kind, wanted = family_of(column), described["kind"], described["type"]
    if kind in ("multi_valued", "sequence"):
        # Numbers or text where lists are due cannot be read at all.
        return family in ("other", "empty")
    if kind == "numeric":
        return family in ("number", "boolean", "empty")
    if wanted in ("integer", "number"):
        return family in ("number", "boolean", "empty")
    return family != "other"


def _missing(num_rows: int, described: Mapping[str, Any]) -> Any:
    numeric = described["kind"] == "numeric" or described["type"] in ("integer", "number")
    return np.full(num_rows, np.nan) if numeric else np.full(num_rows, None, dtype=object)


def check_placed(frame: pd.DataFrame, *, where: str) -> None:
    """Refuse rows that cannot be placed in time, without which there are no windows.

    Raises:
        UserError: there is no ``shown_at``, or it holds no moments.
    """
    if "shown_at" not in frame:
        raise UserError(f"the log {where} has no column shown_at: it says when a row was shown; add it")
    if family_of(frame["shown_at"]) != "moment" or not isinstance(
        frame["shown_at"].dtype, pd.DatetimeTZDtype
    ):
        raise UserError(
            f"shown_at of the log {where} is of type {frame['shown_at'].dtype}; write timestamps in UTC"
        )
