"""Drift that comes on over days, instead of being there from the first row on.

N rows, M rows after the drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import expit

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.errors import UserError
from holdfast.data.known_events import DAY
from holdfast.data.outcomes import user_day_codes
from holdfast.data.rules import microseconds
from holdfast.drift.changed import NOTHING_CHANGED, told
from holdfast.drift.injector import Drifted, Family, Injector, Kind, unchanged
from holdfast.drift.labels.longer_delay import LongerDelay
from holdfast.drift.ladder import strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import chances, unit_codes

OnsetUnit = Literal["user", "request"]
ONSET_UNITS: tuple[OnsetUnit, ...] = get_args(OnsetUnit)
ON, COMPLETE = "share_of_rows_on", "strength_when_complete"
LEFT = "effective_sample_size"


def onset_share(days: Floats, *, position_days: float, width_days: float) -> Floats:
    r"""Share of the drift that has come by a time, in [0, 1], ``[N]``.

    .. math:: f(t) = \frac{1}{1 + \exp(-4 (t - p) / w)}

    Half of it is there at p; at p - w/2 it is 12 %, at p + w/2 it is 88 %. With w = 0 all of it comes at p.

    Args:
        days: t, ``[N]``.
        position_days: p.
        width_days: w, at least 0.

    Source: the gradual change of river's ``ConceptDriftStream``.
    """
    since = np.asarray(days, dtype=np.float64) - position_days
    if width_days == 0.0:
        return np.asarray(since >= 0.0, dtype=np.float64)
    # A tiny width makes huge numbers, which are far before or far after.
    with np.errstate(over="ignore"):
        return np.asarray(expit(4.0 * since / width_days), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class GradualOnset:
    """Any injector, whose drift reaches more and more users (or requests) as days pass.

    Rows that it has reached are those that the injector makes at the severity asked for, the others are the
    clean ones; which is which does not depend on the severity. Slates stay whole.

    Attributes:
        injector: what comes on; its kind, family and strengths hold.
        position_days: days from the first row until half of the drift is there, at least 0.
        width_days: days that it takes, at least 0; see ``onset_share``. At 0 it comes at once.
        unit: ``user``: each user is reached once, at the beginning of one of their days, and stays so;
            ``request``: chance decides anew for each request.
    """

    injector: Any
    position_days: float = 3.0
    width_days: float = 2.0
    unit: OnsetUnit = "user"

    def __post_init__(self) -> None:
        if not isinstance(self.injector, Injector):
            raise ValueError(
                f"injector is {type(self.injector).__name__}, which puts no drift into rows: give an "
                "injector, such as missing_at_random (the true drift of a world comes on over its ramp_days)"
            )
        if isinstance(self.injector, (LongerDelay, GradualOnset)):
            raise ValueError(
                f"injector is {type(self.injector).__name__}, which cannot come on by and by: "
                "a delay is that of a whole window, and an onset has its own; give another injector"
            )
        for name in ("position_days", "width_days"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be a number of days of at least 0"
                )
        if self.unit not in ONSET_UNITS:
            raise ValueError(f"unit is {self.unit!r}; choose one of {', '.join(ONSET_UNITS)}")

    @property
    def kind(self) -> Kind:
        """Of the injector."""
        kind: Kind = self.injector.kind
        return kind

    @property
    def family(self) -> Family:
        """Of the injector."""
        return Family(self.injector.family)

    @property
    def seeded(self) -> bool:
        """Whether chance decides anything: the injector, or whom it reaches when."""
        return bool(self.injector.seeded) or self.width_days > 0.0

    @property
    def strengths(self) -> list[float]:
        """Of the injector."""
        return list(self.injector.strengths)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        reason: str | None = self.injector.fits(rows)
        if reason is not None:
            return reason
        last = float(_days(rows).max())
        if self.width_days == 0.0 and self.position_days > last:
            return (
                f"the drift would come {self.position_days:g} days after the first row, and the last row is "
                f"{last:.3g} days after it; give a smaller position_days"
            )
        if self.unit == "request" and self._drifts_returns(rows):
            return "a return is a fact of a user's day, which a request cannot leave; choose unit=user"
        return None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        if strength_at(self, rows, severity) is None:
            return unchanged(rows)
        clean = _own_source(rows)
        complete: Drifted = self.injector.inject(clean, severity=severity, seed=seed)
        if complete.rows.observed_until != clean.observed_until:
            raise UserError(
                f"{type(self.injector).__name__} changes as of when outcomes are known, which is one moment "
                "for all rows: it cannot come on by and by"
            )
        on = self.reached(clean, seed=seed)
        figures = {ON: float(on.mean()), COMPLETE: float(self.injector.strength_of(clean, complete))}
        notes = [f"when complete: {note}" for note in complete.notes if note != NOTHING_CHANGED]
        said = (
            f"comes on about {self.position_days:g} days after the first row, over {self.width_days:g} days: "
            f"it has reached {figures[ON]:.0%} of the rows"
        )
        drifted = _mixed(clean, complete, on)
        if LEFT in complete.figures:
            # Of those that the complete drift leaves out, only the reached ones are gone.
            figures[LEFT] = float(np.unique(unit_codes(clean, "request")[drifted.rows.source]).size)
        drifted = told(clean, replace(drifted, notes=(said, *notes), figures=figures))
        return replace(drifted, rows=replace(drifted.rows, source=rows.source[drifted.rows.source]))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """The injector's own measure of the complete drift, times the share of the rows it has reached."""
        return drifted.figures.get(COMPLETE, 0.0) * drifted.figures.get(ON, 0.0)

    def reached(self, rows: DriftRows, *, seed: int) -> Bools:
        """The rows that the drift has come to, the same at every severity, ``[N]``."""
        days = _first_of(_days(rows), unit_codes(rows, "request"))
        if self.unit == "user":
            days = np.minimum(days, _first_of(days, _user_days(rows)))
        share = onset_share(days, position_days=self.position_days, width_days=self.width_days)
        return np.asarray(chances(rows, self.unit, seed, "onset") < share)

    def _drifts_returns(self, rows: DriftRows) -> bool:
        """Whether returns change in rows that are there before and after."""

        def look() -> bool:
            found: Drifted = self.injector.inject(rows, severity=1, seed=0)
            columns = found.changed_columns
            return len(found.rows) == len(rows) and (columns is None or "next_visit_at" in columns)

        return rows.derived(("drifts returns", repr(self.injector)), look)


def _days(rows: DriftRows) -> Floats:
    """Days since the first row, ``[N]``; there is at least one."""
    shown = microseconds(rows.rows["shown_at"])
    return np.asarray((shown - shown.min()) / DAY)


def _user_days(rows: DriftRows) -> Ints:
    return rows.derived("user days", lambda: user_day_codes(rows.rows["user_id"], rows.view().local_days()))


def _first_of(days: Floats, codes: Ints) -> Floats:
    """The earliest time of each row's group, ``[N]``."""
    first = np.full(int(codes.max(initial=-1)) + 1, np.inf)
    np.minimum.at(first, codes, days)
    return np.asarray(first[codes])


def _own_source(rows: DriftRows) -> DriftRows:
    """The rows, each its own source."""
    own = np.arange(len(rows), dtype=np.int64)
    return rows if np.array_equal(rows.source, own) else replace(rows, source=own)


def _mixed(clean: DriftRows, complete: Drifted, on: Bools) -> Drifted:
    """Drifted rows of what has been reached, and clean rows of what has not.

    In the order of the clean rows; what was added to them comes behind.
    """
    source = complete.rows.source
    came, stayed = np.flatnonzero(on[source]), np.flatnonzero(~on)
    added = pd.Series(source).duplicated().to_numpy()[came]
    origin = np.concatenate([source[came], stayed])
    behind = np.concatenate([added, np.zeros(len(stayed), dtype=np.bool_)])
    order = np.lexsort((origin, behind))
    columns = complete.changed_columns
    mixed = clean.take(origin[order])
    parts: Sequence[str] = [str(name) for name in clean.rows] if columns is None else columns
    mixed = mixed.with_columns(
        {
            name: _joined(complete.rows.rows[name].take(came), clean.rows[name].take(stayed)).array.take(
                order
            )
            for name in parts
        }
    )
    changed = None
    if complete.changed_rows is not None:
        changed = np.concatenate([complete.changed_rows[came], np.zeros(len(stayed), dtype=np.bool_)])[order]
    return Drifted(mixed, columns, changed)


def _joined(came: pd.Series, stayed: pd.Series) -> pd.Series:
    """One column after another, in a type that holds both; no part of a type that has no rows."""
    if not len(came) or not len(stayed):
        return came if len(came) else stayed
    return pd.concat([came, stayed], ignore_index=True)
