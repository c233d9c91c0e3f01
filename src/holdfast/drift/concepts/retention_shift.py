"""Regular users come back less: a surrogate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import generator
from holdfast.data.history import FREQUENCY
from holdfast.data.outcomes import user_day_codes
from holdfast.drift.changed import told
from holdfast.drift.columns import numeric_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares_of_clicks, strength_at
from holdfast.drift.quantiles import column_quantiles
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import num_units


@dataclass(frozen=True, kw_only=True)
class RetentionShift:
    """A return is taken back with chance ``strength * rank``: the user is not seen again.

    Rank is the quantile of a feature of the user: who was loyal by it loses most, so that the feature loses
    its meaning. A return is a fact of a user's day, so all rows of the day lose it together.

    Attributes:
        strengths: chance at the feature's upper end, in (0, 1].
        feature: numeric; if empty, the active days of the last seven, or where the history has none, no
            feature: everybody's returns are taken back with half the strength.
    """

    strengths: list[float] = field(default_factory=shares_of_clicks)
    feature: str = ""

    kind: ClassVar[Kind] = "concept"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        known = "retention" in rows.card.outcomes and "next_visit_at" in rows.rows
        if not known or not rows.rows["next_visit_at"].notna().any():
            return "no return is known"
        reason = numeric_features(rows, [self.feature])[1] if self.feature else None
        if reason is None and not (self._of_day(rows) > 0.0)[rows.rows["next_visit_at"].notna()].any():
            return f"no user who came back has a value of {self._rank(rows)[0]}"
        return reason

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        strength = strength_at(self, rows, severity)
        if strength is None:
            return unchanged(rows)
        name, _ = self._rank(rows)
        user_day = _user_days(rows)
        uniform = generator(seed, "drift", "retention_shift").random(num_units(user_day))[user_day]
        back = rows.rows["next_visit_at"]
        lost = (uniform < strength * self._of_day(rows)) & back.notna().to_numpy()
        note = f"surrogate: returns of users with high {name} are taken back, up to {strength:.0%} of them"
        figures = {"share_of_returns": float(lost.sum() / back.notna().sum())}
        columns = {"next_visit_at": back.mask(lost)}
        return told(rows, Drifted(rows.with_columns(columns), tuple(columns), lost, (note,), figures))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the returns that are gone, over rows."""
        before = int(clean.rows["next_visit_at"].notna().sum())
        return 1.0 - int(drifted.rows.rows["next_visit_at"].notna().sum()) / before if before else 0.0

    def _of_day(self, rows: DriftRows) -> Floats:
        """The user's rank on each row's day, 0 where unknown, ``[N]``.

        The first row of a day says it for all, so that they lose the return together.
        """
        user_day = _user_days(rows)
        of_day = np.zeros(num_units(user_day))
        of_day[user_day[::-1]] = np.nan_to_num(self._rank(rows)[1])[::-1]
        return np.asarray(of_day[user_day])

    def _rank(self, rows: DriftRows) -> tuple[str, Floats]:
        name = self.feature or (FREQUENCY if FREQUENCY in rows.rows else "")
        if not name:
            return "or low activity alike", np.full(len(rows), 0.5)
        return name, column_quantiles(rows, name)


def _user_days(rows: DriftRows) -> Ints:
    """Codes of the days of users, ``[N]``."""
    return rows.derived("user days", lambda: user_day_codes(rows.rows["user_id"], rows.view().local_days()))
