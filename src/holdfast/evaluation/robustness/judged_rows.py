"""What happened in a window, kept so that many predictions can be judged by it quickly.

N rows, U users, V user-days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation.ranking import dwell_gain
from holdfast.evaluation.robustness.linearised import (
    Linearised,
    Users,
    linear_auc,
    linear_log2_ratio,
    linear_mean,
    linear_xauc,
    undefined,
)
from holdfast.evaluation.robustness.ordered_requests import OrderedRequests, order_requests

OUTPUTS = ("click", "dwell", "retention", "ranking")
"""What a ranker is judged by: its heads, and the order that is made of them."""


@dataclass(frozen=True, kw_only=True)
class JudgedRows:
    """Outcomes of the rows of a window; ``core.batch.Outcome`` explains value, event and known.

    Attributes:
        users: of the rows; those of the clean rows that they came from, so that resamples stay paired.
        request: integer code, ``[N]``.
        user_day: integer code from 0, ``[N]``.
        day: local day since 1970-01-01, ``[N]``.
        rows_of_user_day: how many rows a user-day has in clean conditions, by code. One of which a part is
            left counts by that part. None where each counts as one.
        click: value and known, ``[N]`` each; None where the window has no clicks.
        dwell: value, event and known (a stay whose length can be judged), ``[N]`` each; None likewise.
        worth_known: False where an opened row's dwell is not known, so that its request cannot be judged by
            dwell, ``[N]``.
        retention: value and event, ``[N]`` each; None likewise.
        follow_up_days: whole days after the row's own whose visits are known, ``[N]``.
        horizon: days d of 'back within d days'.
        cutoff: k of NDCG at k.
    """

    users: Users
    request: Ints
    user_day: Ints
    day: Ints
    rows_of_user_day: Ints | None
    click: tuple[Floats, Bools] | None
    dwell: tuple[Floats, Bools, Bools] | None
    worth_known: Bools
    retention: tuple[Floats, Bools] | None
    follow_up_days: Ints
    horizon: int
    cutoff: int

    def __len__(self) -> int:
        return int(self.request.size)

    def take(self, rows: Ints | Bools) -> JudgedRows:
        """Some of the rows."""
        return replace(
            self,
            users=self.users.take(rows),
            request=self.request[rows],
            user_day=self.user_day[rows],
            day=self.day[rows],
            click=None if self.click is None else (self.click[0][rows], self.click[1][rows]),
            dwell=None
            if self.dwell is None
            else (self.dwell[0][rows], self.dwell[1][rows], self.dwell[2][rows]),
            worth_known=self.worth_known[rows],
            retention=None if self.retention is None else (self.retention[0][rows], self.retention[1][rows]),
            follow_up_days=self.follow_up_days[rows],
        )

    def same_outcomes(self, other: JudgedRows, output: str) -> bool:
        """Whether an output is judged by the very same arrays; False does not say that values differ."""
        of_output = {
            "click": ("click",),
            "dwell": ("dwell",),
            "retention": ("retention", "user_day", "follow_up_days", "rows_of_user_day"),
            "ranking": ("click", "dwell", "worth_known", "request"),
        }[output]
        return self.users is other.users and all(
            getattr(self, name) is getattr(other, name) for name in of_output
        )

    @property
    def ranking_metric(self) -> str:
        """Name of the metric of the order."""
        return f"ranking/ndcg{'' if self.dwell is None else '_dwell'}@{self.cutoff}"

    @cached_property
    def requests(self) -> OrderedRequests | None:
        """The requests whose order can be judged; None where nothing says what a row was worth."""
        if self.click is None:
            return None
        clicked, known = self.click
        gain = np.where(known, clicked, np.nan)
        if self.dwell is not None:
            seconds, _, opened = self.dwell
            gain = np.where(self.worth_known, dwell_gain(seconds, opened), np.nan)
        return order_requests(gain, self.request, cutoff=self.cutoff)

    @cached_property
    def matured(self) -> MaturedDays:
        """The user-days for which 'back within d days?' can no longer change."""
        assert self.retention is not None
        value, event = self.retention
        rows = np.flatnonzero(self.follow_up_days >= self.horizon)
        names, first, code = np.unique(self.user_day[rows], return_index=True, return_inverse=True)
        first_row = rows[first]
        size = np.bincount(code, minlength=names.size)
        weight = None if self.rows_of_user_day is None else size / self.rows_of_user_day[names]
        if weight is not None and (weight == 1.0).all():
            weight = None
        return MaturedDays(
            rows=rows,
            code=code,
            first_row=first_row,
            size=size,
            back=event[first_row] & (value[first_row] <= self.horizon),
            users=self.users.take(first_row),
            weight=weight,
        )


@dataclass(frozen=True)
class MaturedDays:
    """User-days that can be judged.

    Attributes:
        rows: of them, ``[M]``.
        code: user-day of each of those rows, ``[M]``.
        first_row: some row of each user-day, ``[V]``.
        size: rows of each user-day, ``[V]``.
        back: whether the user came back, ``[V]``.
        users: of the user-days.
        weight: what a user-day counts, ``[V]``; None for ones.
    """

    rows: Ints
    code: Ints
    first_row: Ints
    size: Ints
    back: Bools
    users: Users
    weight: Floats | None

    def mean(self, of_row: Floats) -> Floats:
        """Mean over the rows of each user-day, ``[V]``; equal values stay equal to the last bit."""
        first = of_row[self.first_row].astype(np.float64)
        away = of_row[self.rows] - first[self.code]
        return np.asarray(first + np.bincount(self.code, away, minlength=first.size) / self.size)


def judge(rows: JudgedRows, predictions: Mapping[str, Floats]) -> dict[str, Linearised]:
    """Metrics of one ranker on rows, by stable name.

    Args:
        rows: what happened, ``[N]``.
        predictions: by output: chance of a click, seconds if opened, chance to be back within the horizon,
            the ranking score; finite, ``[N]`` each. Outputs that are absent are not judged.

    Returns:
        ``click/auc``, ``dwell/xauc``, ``retention/d<d>/auc``, ``ranking/ndcg...@k``; ``<head>/calibration``
        as log2(predicted / observed); and ``ranking/chance``, the NDCG of a random order.
    """
    found: dict[str, Linearised] = {}
    if "click" in predictions and rows.click is not None:
        value, known = rows.click
        found |= _click(predictions["click"], value, known, rows.users)
    if "dwell" in predictions and rows.dwell is not None:
        seconds, event, opened = rows.dwell
        chosen = np.flatnonzero(opened)
        users, predicted = rows.users.take(chosen), predictions["dwell"][chosen]
        found["dwell/xauc"] = linear_xauc(predicted, seconds[chosen], event[chosen], users)
        found["dwell/calibration"] = linear_log2_ratio(
            predicted.astype(np.float64), seconds[chosen].astype(np.float64), users
        )
    if "retention" in predictions and rows.retention is not None:
        days, name = rows.matured, f"retention/d{rows.horizon}"
        chance = days.mean(predictions["retention"])
        found[f"{name}/auc"] = linear_auc(chance, days.back, days.users, weight=days.weight)
        found[f"{name}/calibration"] = linear_log2_ratio(
            chance, days.back.astype(np.float64), days.users, weight=days.weight
        )
    if "ranking" in predictions and rows.requests is not None:
        requests = rows.requests
        users = rows.users.take(requests.first_row)
        found[rows.ranking_metric] = linear_mean(requests.ndcg(predictions["ranking"]), users)
        found["ranking/chance"] = linear_mean(requests.chance, users)
    return found


def _click(probability: Floats, value: Floats, known: Bools, users: Users) -> dict[str, Linearised]:
    if not known.all():
        probability, value, users = probability[known], value[known], users.take(known)
    if value.size == 0:
        return {"click/auc": undefined(0), "click/calibration": undefined(0)}
    clicked = value > 0.5
    return {
        "click/auc": linear_auc(probability, clicked, users),
        "click/calibration": linear_log2_ratio(
            probability.astype(np.float64), clicked.astype(np.float64), users
        ),
    }
