"""Targets for rows whose long-term outcome has not matured, from what happened soon after.

N rows of a window, D user-days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.return_head import ReturnHead
from holdfast.data.encoded import EncodedWindow
from holdfast.data.outcomes import returned_within
from holdfast.evaluation.surrogacy import AssumptionTest, comparability_test, surrogacy_test
from holdfast.evaluation.surrogate_index import SurrogateIndex


@dataclass(frozen=True)
class SurrogateTargets:
    """'Back within H days?' with an answer, or an expectation, for each row that is old enough to have one.

    Short-term outcomes S are the clicks and the dwell of the user's day, as far as the model has those
    objectives, and whether the user was back within the first ``surrogate_days``; X is recency, frequency and
    the number of impressions. Whoever was back that soon was back within H, so the index is fitted on, and
    asked of, the others only.

    Attributes:
        index: fitted on the matured user-days of the train window that were not back at once.
        objective: whose outcome it is.
        horizon_days: H.
        surrogate_days: days after which the short-term outcomes are there.
        tests: what the train window says of surrogacy and comparability.
    """

    index: SurrogateIndex
    objective: str
    horizon_days: int
    surrogate_days: int
    tests: tuple[AssumptionTest, ...]

    @classmethod
    def fit(
        cls,
        train: EncodedWindow,
        objective: str,
        *,
        horizon_days: int,
        surrogate_days: int,
        ridge: float,
    ) -> SurrogateTargets:
        """Fit the index on the train window, and hold its assumptions against it.

        Raises:
            ValueError: no user-day matured that was not back at once, or all of those have one answer.
        """
        user_day = _UserDays(train)
        label, matured = _label(train, objective, days=horizon_days)
        early, _ = _label(train, objective, days=surrogate_days)
        first = user_day.first_row
        fit_on = (matured & ~early.astype(bool) & _known(train, objective))[first]
        columns = {name: each[fit_on] for name, each in user_day.columns.items()}
        outcome = label[first][fit_on]
        index = SurrogateIndex.fit(columns, outcome, ridge=ridge)
        users, days = train.user[first][fit_on], train.day[first][fit_on]
        tests = (
            surrogacy_test(
                outcome - index.expected(columns),
                {name: each[fit_on] for name, each in user_day.treatments().items()},
                columns=columns,
                users=users,
                # A policy that replaced another is not compared with it: their days differ too.
                strata=days,
            ),
            comparability_test(columns, outcome, late=days > np.median(days), users=users, ridge=ridge),
        )
        return cls(index, objective, horizon_days, surrogate_days, tests)

    def of(self, window: EncodedWindow) -> tuple[Floats, Bools, Bools]:
        """Target in [0, 1], whether there is one, and whether it is an expectation, ``[N]`` each.

        A row that has not matured gets what its short-term outcomes let expect. Nothing of what was seen
        between ``surrogate_days`` and now is used: counting a return of yesterday as an answer, and an
        absence of yesterday not, would make everybody look loyal.
        """
        user_day = _UserDays(window)
        label, matured = _label(window, self.objective, days=self.horizon_days)
        early, ready = _label(window, self.objective, days=self.surrogate_days)
        expected = self.index.expected(user_day.columns)[user_day.code] if len(window) else label
        soft = np.where(early > 0.0, 1.0, expected)
        known = _known(window, self.objective)
        value = np.where(matured, label, soft).astype(np.float32)
        return value, known & (matured | ready), known & ready & ~matured


def check_surrogate_settings(head: ReturnHead) -> tuple[int, float]:
    """The two further settings of a head that learns from a surrogate index.

    Raises:
        ValueError: the head lacks one of them.
    """
    days, ridge = getattr(head, "surrogate_days", None), getattr(head, "ridge", None)
    if days is None or ridge is None:
        raise ValueError(
            f"{type(head).__name__} asks for a surrogate index and has no surrogate_days or no ridge; "
            "see holdfast.models.heads.surrogate_return"
        )
    return int(days), float(ridge)


class _UserDays:
    """The user-days of a window, and what was seen of each on the day itself."""

    def __init__(self, window: EncodedWindow) -> None:
        _, self.first_row, self.code = np.unique(window.user_day, return_index=True, return_inverse=True)
        self.window = window
        size = self.first_row.size
        recency = np.asarray(window.recency_days, dtype=np.float64)[self.first_row]
        seen = ~np.isnan(recency)
        self.columns: dict[str, Floats] = {
            name: np.log1p(self._sum(values)) for name, values in self._short_term().items()
        }
        self.columns |= {
            "log_impressions": np.log1p(np.bincount(self.code, minlength=size)),
            "seen_before": seen.astype(np.float64),
            "inverse_recency": np.where(seen, 1.0 / np.where(seen, np.maximum(recency, 1.0), 1.0), 0.0),
            "active_days_7": np.asarray(window.active_days_7, dtype=np.float64)[self.first_row],
        }

    def _short_term(self) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        for name in ("click", "dwell"):
            if name in self.window.objectives:
                index = self.window.index_of(name)
                known = self.window.known[:, index]
                found[f"log_{name}"] = np.where(known, self.window.value[:, index], 0.0).astype(np.float64)
        return found

    def _sum(self, values: Floats) -> Floats:
        sums = np.bincount(self.code, np.maximum(values, 0.0), minlength=self.first_row.size)
        return np.asarray(sums, dtype=np.float64)

    def _mean(self, values: Floats) -> Floats:
        rows = np.bincount(self.code, minlength=self.first_row.size)
        return np.asarray(np.bincount(self.code, values, minlength=self.first_row.size) / rows)

    def treatments(self) -> dict[str, Floats]:
        """What was done to the user on the day, ``[D]`` each: which policy served, or how much it explored.

        With two policies and more, the share of the day's rows that each of them served, all but one. With
        one, how unlikely what it showed was: a policy that explores at random does so to some more than to
        others.
        """
        policy: Ints = self.window.policy
        served = np.unique(policy)
        if served.size > 1:
            return {
                f"policy {self._name(code)}": self._mean((policy == code).astype(np.float64))
                for code in served[1:]
            }
        propensity = self.window.propensity
        if np.isnan(propensity).any():
            return {}
        return {"how much the policy explored": -self._mean(np.log(propensity))}

    def _name(self, code: int) -> str:
        return repr(self.window.policies[code]) if code >= 0 else "unknown"


def _known(window: EncodedWindow, objective: str) -> Bools:
    return np.asarray(window.known[:, window.index_of(objective)])


def _label(window: EncodedWindow, objective: str, *, days: int) -> tuple[Floats, Bools]:
    index = window.index_of(objective)
    return returned_within(window.value[:, index], window.event[:, index], window.follow_up_days, days=days)
