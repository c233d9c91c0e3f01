"""Reliability: what happened to rows of low, middling and high predictions, with intervals that respect
users.

N rows, M bins, U users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import t as student

from holdfast.evaluation import checks
from holdfast.evaluation.calibration import (
    Binning,
    CalibrationNull,
    calibration_bins,
    expected_calibration_error,
    expected_calibration_error_null,
)
from holdfast.monitoring.calibration_interval import mean_ratio, share_ratio

COLUMNS = ["bin", "predicted", "observed", "low", "high", "n", "users", "note"]


@dataclass(frozen=True)
class ReliabilitySlope:
    """Slope of outcomes on predictions.

    Attributes:
        slope: 1 where predictions differ as much as outcomes do; None where undefined.
        low: lower end; None without an interval.
        high: upper end.
        p_value: that the slope is 1.
        note: why something is None.
    """

    slope: float | None
    low: float | None
    high: float | None
    p_value: float | None
    note: str = ""


@dataclass(frozen=True)
class CalibrationError:
    """A calibration error beside what noise alone gives.

    Attributes:
        error: as computed, over bins of equal mass: never below 0, and never 0 on finite data.
        excess: the error less ``null.mean``: 0 on average where predictions are right.
        null: of a model whose probabilities are right.
    """

    error: float
    excess: float
    null: CalibrationNull


def reliability_slope(
    predicted: ArrayLike, observed: ArrayLike, *, users: ArrayLike, level: float = 0.95
) -> ReliabilitySlope:
    r"""Least-squares slope of what was observed on what was predicted, with an interval over users.

    .. math:: b = \frac{\sum_i (p_i - \bar p) y_i}{\sum_i (p_i - \bar p)^2}, \qquad
              \widehat{\mathrm{Var}}(b) = \frac{U}{U - 1}
              \frac{\sum_u \left(\sum_{i \in u} (p_i - \bar p) e_i\right)^2}{\left(\sum_i (p_i - \bar
              p)^2\right)^2}

    with e the residuals, and the quantile of a Student t with U - 1 degrees of freedom.

    Args:
        predicted: ``[N]``.
        observed: in the same unit, ``[N]``.
        users: integer code of each row's user, ``[N]``.
        level: in (0, 1).

    Source: Cox (1958) for the slope; Liang and Zeger (1986) for its variance.
    """
    p, y = checks.finite_columns(predicted=predicted, observed=observed)
    user = checks.codes(users, name="users", num_rows=p.size)
    if p.size < 2:
        return ReliabilitySlope(None, None, None, None, f"{p.size} rows: no slope")
    centred = p - p.mean()
    square = float(centred @ centred)
    # Predictions that are all equal leave only what rounding made of their mean.
    if square <= p.size * (1e-9 * float(np.abs(p).max())) ** 2:
        return ReliabilitySlope(None, None, None, None, "all predictions are equal")
    slope = float(centred @ y / square)
    residual = y - y.mean() - slope * centred
    by_user = np.bincount(np.unique(user, return_inverse=True)[1], centred * residual)
    if by_user.size < 2:
        return ReliabilitySlope(slope, None, None, None, "no interval: fewer than 2 users")
    error = float(np.sqrt((by_user**2).sum() * by_user.size / (by_user.size - 1.0))) / square
    if error == 0.0:
        return ReliabilitySlope(slope, None, None, None, "no residuals: no interval")
    half = float(student.ppf(0.5 + level / 2.0, by_user.size - 1)) * error
    p_value = 2.0 * float(student.sf(abs(slope - 1.0) / error, by_user.size - 1))
    return ReliabilitySlope(slope, slope - half, slope + half, p_value)


def reliability_curve(
    predicted: ArrayLike,
    observed: ArrayLike,
    *,
    users: ArrayLike,
    num_bins: int = 10,
    binning: Binning = "mass",
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean predicted beside mean observed, bin by bin.

    Args:
        predicted: probabilities, or an outcome's expected size, ``[N]``.
        observed: in the same unit, ``[N]``; the interval is Clopper and Pearson's where it is 0 or 1
        throughout.
        users: integer code of each row's user, ``[N]``.
        num_bins: M, at least 1.
        binning: see ``calibration_bins``; a prediction of exactly 1 is in the last bin.
        level: of the intervals, in (0, 1).

    Returns:
        One row a bin that holds rows: ``bin`` (from 1), ``predicted``, ``observed``, ``low`` and ``high`` of
        the observed mean (NaN, the missing value of tables, where there is no interval; ``note`` says why),
        ``n`` and ``users``.
    """
    p, y = checks.finite_columns(predicted=predicted, observed=observed)
    user = checks.codes(users, name="users", num_rows=p.size)
    bins = calibration_bins(p, num_bins=num_bins, binning=binning)
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    rows = []
    for each in np.unique(bins):
        chosen = bins == each
        mean = float(p[chosen].mean())
        # A bin's own mean predicted for every row makes the ratio's interval that of the observed mean.
        level_p = np.full(int(chosen.sum()), mean if mean > 0.0 else 1e-12)
        compare = share_ratio if binary else mean_ratio
        found = compare(level_p, y[chosen], users=user[chosen], level=level)
        rows.append(
            {
                "bin": int(each) + 1,
                "predicted": mean,
                "observed": float(y[chosen].mean()),
                "low": level_p[0] / found.high if found.high else 0.0 if found.low is not None else np.nan,
                "high": level_p[0] / found.low if found.low else np.nan,
                "n": found.num_rows,
                "users": found.num_users,
                "note": found.note,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def calibration_error(
    probability: ArrayLike, label: ArrayLike, *, num_bins: int = 10, num_draws: int = 200, seed: int = 0
) -> CalibrationError | None:
    """Calibration error over bins of equal mass, its excess over noise, and the noise; None without rows.

    Never alert on the error itself: at 3 % clicks, twice too many predicted gives about what perfect
    predictions give at 500 rows. ``excess`` is unbiased where predictions are right, and at most
    ``null.mean`` too small elsewhere.

    Args:
        probability: in [0, 1], ``[N]``.
        label: 0 or 1, ``[N]``.
        num_bins: at least 1.
        num_draws: sets of labels for the null.
        seed: of the draws.
    """
    error = expected_calibration_error(probability, label, num_bins=num_bins)
    null = expected_calibration_error_null(probability, num_bins=num_bins, num_draws=num_draws, seed=seed)
    if error is None or null is None:
        return None
    return CalibrationError(error, error - null.mean, null)
