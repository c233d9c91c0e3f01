"""Outcomes that come late: what is known of recent days, and what is not known yet.

A user who has not come back *yet* is no negative. Read as one, every recent day looks like a collapse.

N rows, A ages from 0 to the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.monitoring.calibration_interval import share_ratio
from holdfast.monitoring.days import day_window
from holdfast.monitoring.finding import Finding, severity_of
from holdfast.monitoring.realised_findings import impossible_values, log_ratio, with_half_an_event


@dataclass(frozen=True)
class LateLabels:
    """The question 'did it happen within the horizon?', as far as it can be answered as of a day.

    Attributes:
        day: day of each row, ``[N]``.
        age: whole days since then that have been observed, 0 to the horizon, ``[N]``.
        delay: days until it happened, at least 1; a number beyond the horizon where it has not been seen to,
            ``[N]``.
        horizon_days: H.
    """

    day: Ints
    age: Ints
    delay: Ints
    horizon_days: int

    @property
    def matured(self) -> Bools:
        """Rows whose whole horizon has been observed, positive or not, ``[N]``."""
        return np.asarray(self.age >= self.horizon_days)

    @property
    def positive_so_far(self) -> Bools:
        """Rows for which it has happened within what was observed, ``[N]``."""
        return np.asarray(self.delay <= self.age)


def late_labels(day: ArrayLike, delay_days: ArrayLike, *, as_of_day: int, horizon_days: int) -> LateLabels:
    """What is known as of the midnight with which ``as_of_day`` begins.

    Args:
        day: local day of each row, integers, ``[N]``; rows of ``as_of_day`` and later are refused.
        delay_days: days from then until the outcome, >= 1, parts of a day counting as a whole one; NaN where
            none was seen, ``[N]``. Outcomes that lie in the future of ``as_of_day`` are not looked at.
        as_of_day: the first day that has not been seen.
        horizon_days: H, at least 1.

    Raises:
        ValueError: a row is not in the past, a delay is below 1, or the horizon is.
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days is {horizon_days}; it must be at least 1")
    days = np.asarray(day)
    days = checks.codes(days, name="day", num_rows=days.size)
    raw = np.asarray(delay_days, dtype=np.float64)
    checks.same_length(day=days, delay_days=raw)
    if (days >= as_of_day).any():
        raise ValueError(
            f"{int((days >= as_of_day).sum())} rows are of day {as_of_day} or later, which is not over yet; "
            "cut the window at as_of_day"
        )
    if (raw < 1.0).any():
        raise ValueError(f"delay_days holds {float(np.nanmin(raw))}; an outcome comes at least 1 day later")
    age = np.clip(as_of_day - days - 1, 0, horizon_days)
    # Part of a day counts as a day: what came after 2.5 days had not been seen when 2 were over.
    delay = np.ceil(
        np.where(np.isnan(raw), horizon_days + 1, np.minimum(np.nan_to_num(raw), horizon_days + 1))
    )
    return LateLabels(days, age, delay.astype(np.int64), horizon_days)


@dataclass(frozen=True)
class Completion:
    r"""How much of the positives of a horizon has been seen by each age.

    Attributes:
        share: :math:`G(a) / G(H)` with G the chance that it happened within a days, for a = 0 ... H, ``[A]``;
            0 at age 0 and 1 at the horizon.
        positive_rate: :math:`G(H)`.
        num_rows: rows that it comes from.
    """

    share: Floats
    positive_rate: float
    num_rows: int


def fit_completion(labels: LateLabels) -> Completion:
    r"""The delay's distribution, immature rows counting for as long as they were seen.

    .. math:: G(a) = 1 - \prod_{k \le a} \left(1 - \frac{d_k}{n_k}\right)

    with :math:`n_k` the rows seen for k days without an outcome before, and :math:`d_k` those that had it
    then.

    Raises:
        ValueError: no row has been seen for the whole horizon, or none had the outcome.

    Source: Kaplan and Meier (1958).
    """
    ages = np.arange(1, labels.horizon_days + 1)
    happened = labels.positive_so_far & (labels.delay >= 1)
    # Seen to have it on day k; at risk on day k: old enough, and without it before.
    count = np.bincount(labels.delay[happened], minlength=labels.horizon_days + 1)[1:]
    at_risk = np.array([int(((labels.age >= k) & (labels.delay >= k)).sum()) for k in ages])
    if not labels.matured.any():
        raise ValueError(
            f"no row has been observed for {labels.horizon_days} days; take a reference that ends earlier"
        )
    hazard = count / np.maximum(at_risk, 1)
    reached = np.r_[0.0, 1.0 - np.cumprod(1.0 - hazard)]
    if reached[-1] <= 0.0:
        raise ValueError("no outcome was observed in the reference: how long it takes cannot be known")
    return Completion(reached / reached[-1], float(reached[-1]), int(labels.day.size))


def late_label_table(
    labels: LateLabels,
    predicted: ArrayLike,
    *,
    users: ArrayLike,
    completion: Completion,
    level: float = 0.95,
) -> pd.DataFrame:
    """One row a day: what has matured, and what the young days will come to.

    ``ratio`` compares positives so far with how many should have been seen *by that age*, predicted times
    completion, so that young days are judged on what can be known of them. It takes for granted that outcomes
    come as fast as on the reference, whoever they are of: slower ones look like fewer until they mature.
    ``rate`` is of matured rows alone; ``rate_expected`` divides positives so far by the completion.

    Args:
        labels: ``[N]``.
        predicted: probability that it happens within the horizon, ``[N]``. Rows in which it is none, or whose
            delay is below 1, are left out and counted as ``impossible``.
        users: integer code of each row's user, ``[N]``.
        completion: of the reference.
        level: of the intervals, in (0, 1).

    Returns:
        ``day, age, n, impossible, matured, known_share, expected, rate, rate_expected, rate_expected_low,
        rate_expected_high, ratio, low, high, p_value, note``. NaN, the missing value of tables, where
        nothing is known: never a zero.
    """
    p = np.asarray(predicted, dtype=np.float64)
    checks.same_length(predicted=p, day=labels.day)
    if completion.share.size != labels.horizon_days + 1:
        raise ValueError(
            f"completion covers {completion.share.size - 1} days and the labels {labels.horizon_days}; "
            "fit it with the same horizon"
        )
    user = checks.codes(users, name="users", num_rows=p.size)
    share = completion.share[labels.age]
    positive = labels.positive_so_far
    possible = np.isfinite(p) & (p >= 0.0) & (p <= 1.0) & (labels.delay >= 1)
    rows = []
    for day in np.unique(labels.day):
        whole = labels.day == day
        here = whole & possible
        matured = here & labels.matured
        seen = float(share[whole][0])
        row: dict[str, float | str] = {
            "day": int(day),
            "age": int(labels.age[whole][0]),
            "n": int(here.sum()),
            "impossible": int((whole & ~possible).sum()),
            "matured": int(matured.sum()),
            "known_share": seen,
            "rate": float(positive[matured].mean()) if matured.any() else math.nan,
        }
        names = (
            "expected",
            "rate_expected",
            "rate_expected_low",
            "rate_expected_high",
            "ratio",
            "low",
            "high",
            "p_value",
        )
        row |= dict.fromkeys(names, math.nan)
        if seen == 0.0:
            rows.append({**row, "note": "nothing can be known of this day yet"})
            continue
        if not here.any():
            rows.append({**row, "note": "every row is impossible"})
            continue
        expected = p[here] * seen
        found = share_ratio(expected, positive[here], users=user[here], level=level)
        mean = float(expected.mean())
        row["expected"] = float(expected.sum())
        row["rate_expected"] = float(positive[here].mean()) / seen
        row["rate_expected_low"] = mean / found.high / seen if found.high else 0.0
        row["rate_expected_high"] = min(mean / found.low / seen, 1.0) if found.low else 1.0
        for name in ("ratio", "low", "high", "p_value"):
            value = getattr(found, name)
            row[name] = math.nan if value is None else value
        note = "" if matured.any() else f"{seen:.0%} of the outcomes to come can have been seen"
        rows.append({**row, "note": "; ".join(part for part in (note, found.note) if part)})
    columns = ["day", "age", "n", "impossible", "matured", "known_share", "expected", "rate", "rate_expected"]
    columns += ["rate_expected_low", "rate_expected_high", "ratio", "low", "high", "p_value", "note"]
    return pd.DataFrame(rows, columns=columns)


def late_label_findings(table: pd.DataFrame, *, head: str, zone: str = "UTC") -> list[Finding]:
    """The table's days as findings: ``late_label_ratio``, ``impossible_values``, and ``no_matured_rows``
    where all is too young.

    Days of which nothing can be known yet give no finding of their own; the latter names how many there are.
    Young days say after how many days they were read, as ``return [after 3 days]``: each age is as noisy as
    its like, and is compared with ``late_label_history`` of that age.
    """
    found = []
    for row in table.to_dict("records"):
        window = day_window(int(row["day"]), zone=zone)
        name = head if row["matured"] or not row["n"] else f"{head} [after {row['age']} days]"
        where: dict[str, Any] = {"where": name, "place": "outcome"}
        where |= {"start": window.start, "end": window.end}
        if row["impossible"]:
            found.append(impossible_values(row["impossible"], row["n"] + row["impossible"], **where))
        if math.isnan(row["p_value"]):
            continue
        effect, interval = log_ratio(
            *(None if math.isnan(row[name]) else row[name] for name in ("ratio", "low", "high")),
            otherwise=with_half_an_event(row["expected"]),
        )
        found.append(
            Finding(
                **where,
                kind="late_label_ratio",
                statistic=None if math.isnan(row["ratio"]) else row["ratio"],
                p_value=row["p_value"],
                effect=effect,
                effect_unit="log ratio",
                interval=interval,
                # A young row is only a part of a row: what is seen of few outcomes is noisier.
                n_current=int(row["n"] * row["known_share"]),
                severity=severity_of(effect, row["p_value"], slight=0.05, moderate=0.2, large=0.5),
                note=row["note"],
            )
        )
    if int(table["matured"].sum()) == 0:
        unknown = int((table["known_share"] == 0.0).sum())
        note = f"no row has matured on {len(table)} days; of {unknown} of them nothing can be known yet"
        found.append(Finding(where=head, kind="no_matured_rows", place="outcome", note=note))
    return found


def late_label_history(
    labels: LateLabels,
    predicted: ArrayLike,
    *,
    users: ArrayLike,
    completion: Completion,
    head: str,
    zone: str = "UTC",
) -> list[Finding]:
    """How young days of the reference would have looked, read at each age below the horizon.

    For ``fit_finding_null``: days are good or bad for all users alike, and outcomes come faster on some than
    on others, which no count of users knows. Arguments are of the reference, as in ``late_label_table``.
    """
    p, user = np.asarray(predicted, dtype=np.float64), np.asarray(users)
    found = []
    for age in range(1, labels.horizon_days):
        old = labels.age >= age
        if old.any():
            read = LateLabels(
                labels.day[old], np.full(int(old.sum()), age), labels.delay[old], labels.horizon_days
            )
            table = late_label_table(read, p[old], users=user[old], completion=completion)
            found += late_label_findings(table, head=head, zone=zone)
    return [each for each in found if each.kind == "late_label_ratio"]


def num_days_unknown(labels: LateLabels) -> int:
    """How many of the window's days hold rows that have not matured."""
    return int(np.unique(labels.day[~labels.matured]).size)
