"""Predicted over observed with an interval that holds for few events and for users who come in clusters.

N rows, U users.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta
from scipy.stats import t as student

from holdfast.core.arrays import Floats
from holdfast.evaluation import checks


@dataclass(frozen=True)
class CalibrationRatio:
    """Predicted over observed; never NaN.

    Attributes:
        ratio: above 1 where too optimistic; None where nothing was observed.
        low: lower end; None where there is no interval.
        high: upper end; None where there is none, as with no event.
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
    of rows :math:`n / d`: the design effect :math:`d \ge 1` is the variance of
    :math:`\sum_u \sum_{i \in u} (y_i - r p_i)`, with r observed over predicted, by users over that by
    independent rows.

    Args:
        probability: in [0, 1], ``[N]``.
        label: 0 or 1, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        level: of the interval, in (0, 1).

    Source: Clopper and Pearson (1934); Korn and Graubard (1998) for effective numbers of rows.
    """
    p = checks.probabilities(probability)
    y = checks.binary_labels(label).astype(np.float64)
    checks.same_length(probability=p, label=y)
    user = checks.codes(users, name="users", num_rows=p.size)
    _check_level(level)
    num_users = int(np.unique(user).size)
    if p.size == 0:
        return CalibrationRatio(None, None, None, None, 0, 0, 0.0, 0.0, "no rows")
    predicted, events = float(p.sum()), float(y.sum())
    effective = p.size / design_effect(p, y, users=user)
    if predicted <= 0.0:
        note = "every prediction is 0"
        certain = 0.0 if events else None
        return CalibrationRatio(
            None if certain is None else 0.0, None, None, certain, p.size, num_users, events, effective, note
        )
    seen = events / p.size * effective
    tail = (1.0 - level) / 2.0
    least = float(beta.ppf(tail, seen, effective - seen + 1.0)) if seen > 0.0 else 0.0
    most = float(beta.ppf(1.0 - tail, seen + 1.0, effective - seen)) if seen < effective else 1.0
    mean = predicted / p.size
    # The tails of a binomial with parameter ``mean``, in the same continuous form as the ends above.
    above = float(beta.cdf(mean, seen, effective - seen + 1.0)) if seen > 0.0 else 1.0
    below = float(beta.sf(mean, seen + 1.0, effective - seen)) if seen < effective else 1.0
    return CalibrationRatio(
        ratio=predicted / events if events else None,
        low=mean / most,
        high=mean / least if least > 0.0 else None,
        p_value=min(1.0, 2.0 * min(above, below)),
        num_rows=int(p.size),
        num_users=num_users,
        events=events,
        effective_rows=effective,
        note="" if events else "no event was observed: only a lower end",
    )


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
    if ratio is None:
        return _without_interval(*whole, "nothing was observed: no ratio")
    if num_users < 2:
        return _without_interval(*whole, "no interval: fewer than 2 users")
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


def design_effect(p: Floats, y: Floats, *, users: ArrayLike) -> float:
    """How many times less rows say than if they were independent, for outcomes of 0 and 1; from 1 to N."""
    share = float(y.mean())
    if not 0.0 < share < 1.0 or p.sum() <= 0.0:
        return 1.0
    _, place = np.unique(np.asarray(users), return_inverse=True)
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
