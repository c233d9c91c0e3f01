"""Predicted over observed with an interval that holds for few events and for users who come in clusters.

N rows, U users.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincinv, stdtrit
from scipy.stats import t as student

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation import checks

SMALLEST_P = 1e-300
"""Below it a p-value is given as this."""


@dataclass(frozen=True)
class CalibrationRatio:
    """Predicted over observed; never NaN.

    Attributes:
        ratio: above 1 where too optimistic; None where nothing was observed.
        low: lower end; None where there is no interval.
        high: upper end; None where there is none, as with no event, for which the lower one is all that is
            known.
        p_value: that the ratio is 1; None where it cannot be tested.
        num_rows: N.
        num_users: U.
        events: sum of the outcomes.
        effective_rows: rows that would be as informative if they were independent.
        note: why something is None; empty where nothing is.
    """

    ratio: float | None
    low: float | None
    high: float | None
    p_value: float | None
    num_rows: int
    num_users: int
    events: float
    effective_rows: float
    note: str = ""


def share_ratio(
    probability: ArrayLike, label: ArrayLike, *, users: ArrayLike, level: float = 0.95
) -> CalibrationRatio:
    r"""Predicted over observed for outcomes of 0 and 1.

    The interval of the observed share is Clopper and Pearson's, exact for few events, at the effective number
    of rows

    .. math:: n^* = \frac{n}{d} \left(\frac{t_{n - 1}}{t_{U - 1}}\right)^2

    with :math:`d \ge 1` of ``design_effect``, and t the quantiles of the interval's level: how much users
    differ is itself known from U users alone. The p-value is one less the level of the interval that just
    reaches 1. Few users who differ greatly are still covered a little less often than asked for.

    Args:
        probability: in [0, 1], ``[N]``.
        label: 0 or 1, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        level: of the interval, in (0, 1).

    Returns:
        Without any event the ratio has no value and no upper end, and with every prediction 0 it is 0 for
        certain; both have a p-value.

    Source: Clopper and Pearson (1934); Korn and Graubard (1998) for the effective number of rows.
    """
    p = checks.probabilities(probability)
    y = checks.binary_labels(label).astype(np.float64)
    checks.same_length(probability=p, label=y)
    user = checks.codes(users, name="users", num_rows=p.size)
    _check_level(level)
    num_users = int(np.unique(user).size)
    if p.size == 0:
        return CalibrationRatio(None, None, None, None, 0, 0, 0.0, 0.0, "no rows")
    predicted, events, rows = float(p.sum()), float(y.sum()), float(p.size)
    before = rows / design_effect(p, y, users=user)
    effective = before * _degrees_factor(1.0 - level, p.size, num_users)
    if predicted <= 0.0:
        note = "every prediction is 0"
        end, certain = (0.0, 0.0) if events else (None, None)
        return CalibrationRatio(end, end, end, certain, p.size, num_users, events, effective, note)
    share, mean, tail = events / rows, predicted / rows, (1.0 - level) / 2.0
    seen, unseen = share * effective, (1.0 - share) * effective
    least = float(betaincinv(seen, unseen + 1.0, tail)) if events else 0.0
    most = float(betaincinv(seen + 1.0, unseen, 1.0 - tail)) if unseen > 0.0 else 1.0
    return CalibrationRatio(
        ratio=predicted / events if events else None,
        low=mean / most,
        high=mean / least if least > 0.0 else None,
        p_value=_p_value(share, mean, before, p.size, num_users),
        num_rows=p.size,
        num_users=num_users,
        events=events,
        effective_rows=effective,
        note="" if events else "no event was observed: only a lower end",
    )


def _degrees_factor(alpha: float, num_rows: int, num_users: int) -> float:
    """What is left of the effective rows, as users and not rows say how much users differ; at most 1."""
    if num_users < 2 or num_users >= num_rows:
        return 1.0
    # Quantiles of a level of nearly 0 are both nearly 0.
    tail = min(alpha, 0.999) / 2.0
    return float((stdtrit(num_rows - 1, tail) / stdtrit(num_users - 1, tail)) ** 2)


def _p_value(share: float, mean: float, rows: float, num_rows: int, num_users: int) -> float:
    """The alpha at which the interval of level 1 - alpha just reaches ``mean``."""

    def at(alpha: float) -> float:
        """Twice the smaller tail of a binomial with parameter ``mean``, in the interval's continuous form."""
        effective = rows * _degrees_factor(alpha, num_rows, num_users)
        seen, unseen = share * effective, (1.0 - share) * effective
        above = float(betainc(seen, unseen + 1.0, mean)) if share > 0.0 else 1.0
        below = float(betainc(unseen, seen + 1.0, 1.0 - mean)) if share < 1.0 else 1.0
        return max(min(1.0, 2.0 * min(above, below)), SMALLEST_P)

    low, high = math.log(SMALLEST_P), 0.0
    if at(1.0 - 1e-9) >= 1.0 or num_users < 2 or num_users >= num_rows:
        return at(1.0 - 1e-9)
    # The smaller alpha, the fewer effective rows, and the larger the tail: one crossing, found by halving.
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if at(math.exp(middle)) > math.exp(middle) else (low, middle)
    return math.exp((low + high) / 2.0)


def mean_ratio(
    predicted: ArrayLike, observed: ArrayLike, *, users: ArrayLike, level: float = 0.95
) -> CalibrationRatio:
    r"""Predicted over observed for outcomes >= 0, such as seconds.

    The interval holds the ratios :math:`\rho` for which :math:`\sum_u d_u(\rho)`, with
    :math:`d_u(\rho) = \sum_{i \in u} (p_i - \rho y_i)`, is within t standard errors of 0; the quantile t has
    :math:`U - 1` degrees of freedom.

    Args:
        predicted: expected outcome, >= 0, ``[N]``.
        observed: in the same unit, >= 0, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        level: of the interval, in (0, 1).

    Returns:
        Where nothing was observed the ratio has no value; its lower end and p-value are then those with one
        user more, of whom as much was observed as is predicted of the average user.

    Source: Fieller (1954).
    """
    p, y = checks.finite_columns(predicted=predicted, observed=observed)
    if (p < 0.0).any() or (y < 0.0).any():
        raise ValueError(
            "predicted or observed holds negative values; predicted over observed needs both >= 0"
        )
    user = checks.codes(users, name="users", num_rows=p.size)
    _check_level(level)
    if p.size == 0:
        return CalibrationRatio(None, None, None, None, 0, 0, 0.0, 0.0, "no rows")
    _, place = np.unique(user, return_inverse=True)
    by_user_p: Floats = np.bincount(place, p).astype(np.float64)
    by_user_y: Floats = np.bincount(place, y).astype(np.float64)
    num_users, total_p, total_y = by_user_p.size, float(p.sum()), float(y.sum())
    ratio = total_p / total_y if total_y > 0.0 else None
    whole = (ratio, p.size, num_users, total_y)
    if ratio is None and (total_p <= 0.0 or num_users < 2):
        return _without_interval(*whole, "nothing was observed: no ratio")
    if num_users < 2:
        return _without_interval(*whole, "no interval: fewer than 2 users")
    if ratio is None:
        return _nothing_observed(p, place, num_users, level)
    more = num_users / (num_users - 1.0)
    var_p, var_y, both = (
        more * float(((a - a.mean()) * (b - b.mean())).sum())
        for a, b in ((by_user_p, by_user_p), (by_user_y, by_user_y), (by_user_p, by_user_y))
    )
    # Of the difference, by users.
    spread = math.sqrt(max(var_p - 2.0 * both + var_y, 0.0))
    if spread == 0.0:
        note = "users do not differ: no interval"
        return _without_interval(*whole, note)
    p_value = 2.0 * float(student.sf(abs(total_p - total_y) / spread, num_users - 1))
    square = float(student.ppf(0.5 + level / 2.0, num_users - 1)) ** 2
    a = total_y**2 - square * var_y
    b = total_p * total_y - square * both
    c = total_p**2 - square * var_p
    root = math.sqrt(max(b * b - a * c, 0.0))
    # With an observed total that is itself not clear of 0 the ratio has no upper end.
    low = max((b - root) / a, 0.0) if a > 0.0 else max(c, 0.0) / (b + root) if b + root > 0.0 else 0.0
    high = (b + root) / a if a > 0.0 else None
    note = "" if high is not None else "outcomes are too few for an upper end"
    return CalibrationRatio(
        ratio, low, high, p_value, p.size, num_users, total_y, _effective(by_user_y, y), note
    )


def _nothing_observed(p: Floats, place: Ints, num_users: int, level: float) -> CalibrationRatio:
    """Amounts of 0 in every row: how many would have been too many is known by users alone."""
    usual = float(p.sum()) / num_users
    one_more = mean_ratio(
        np.append(p, usual),
        np.append(np.zeros(p.size), usual),
        users=np.append(place, num_users),
        level=level,
    )
    note = "nothing was observed: only a lower end"
    return CalibrationRatio(
        None, one_more.low, None, one_more.p_value, p.size, num_users, 0.0, float(num_users), note
    )


def design_effect(p: Floats, y: Floats, *, users: ArrayLike) -> float:
    r"""How many times less rows say than if they were independent, for outcomes of 0 and 1; from 1 to N.

    .. math:: d = \frac{U}{U - 1} \frac{\sum_u \left(\sum_{i \in u} (y_i - r p_i)\right)^2}{n s (1 - s)}

    with s the share of events and r observed over predicted: the variance by users over that of independent
    rows. Where all outcomes are alike both are 0, and nothing says how alike a user's rows are; they then
    count as wholly alike, :math:`d = \sum_u n_u^2 / n`, which is the most that it can be.

    Source: Korn and Graubard (1998) for the ratio of variances; Kish (1965) for rows that are wholly alike.
    """
    share = float(y.mean())
    _, place = np.unique(np.asarray(users), return_inverse=True)
    if not 0.0 < share < 1.0 or p.sum() <= 0.0:
        return float((np.bincount(place).astype(np.float64) ** 2).sum() / p.size)
    by_user = np.bincount(place, y - p * (y.sum() / p.sum()))
    if by_user.size < 2:
        # One user's rows cannot say how users differ; they count as one observation.
        return float(p.size)
    variance = float((by_user**2).sum()) * by_user.size / (by_user.size - 1.0)
    return min(max(variance / (p.size * share * (1.0 - share)), 1.0), float(p.size))


def _effective(by_user: Floats, values: Floats) -> float:
    """Rows over the design effect of a mean."""
    rows = float(((values - values.mean()) ** 2).sum())
    users = float(((by_user - by_user.mean()) ** 2).sum())
    return float(min(values.size, values.size * rows / users)) if users > 0.0 else float(by_user.size)


def _without_interval(
    ratio: float | None, num_rows: int, num_users: int, events: float, note: str
) -> CalibrationRatio:
    return CalibrationRatio(ratio, None, None, None, num_rows, num_users, events, float(num_users), note)


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it must lie between 0 and 1, as 0.95 does")
