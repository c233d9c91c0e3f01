"""Intervals that hold for every number of rows, for bounded rewards and weights.

N rows.
"""

from __future__ import annotations

import math

from scipy import optimize, stats


def empirical_bernstein(
    mean: float, variance: float, *, num_rows: int, width: float, level: float
) -> tuple[float, float]:
    """An interval for the mean of bounded independent terms.

    .. math:: \\bar x \\pm \\left(\\sqrt{2 s^2 \\ln(4/\\delta) / n} + 7 R \\ln(4/\\delta) / (3 (n -
    1))\\right)

    with ``1 - delta`` the level, shared by the two sides.

    Args:
        mean: of the terms.
        variance: of the terms, with divisor N - 1.
        num_rows: N, at least 2.
        width: R, the largest term that could have been logged minus the smallest; not those of the sample.
        level: in (0, 1).

    Source: Maurer and Pontil (2009), theorem 4.
    """
    log_term = math.log(4.0 / (1.0 - level))
    half = math.sqrt(2.0 * max(variance, 0.0) * log_term / num_rows)
    half += 7.0 * width * log_term / (3.0 * (num_rows - 1))
    return mean - half, mean + half


def empirical_bernstein_ratio(
    means: tuple[float, float],
    covariance: tuple[float, float, float],
    *,
    num_rows: int,
    largest_weight: float,
    reward_range: tuple[float, float],
    level: float,
) -> tuple[float, float]:
    """An interval for ``E[w r] / E[w]``: all v for which ``mean(w (r - v)) = 0`` is not refuted.

    Args:
        means: of ``w r`` and of ``w``.
        covariance: variance of ``w r``, covariance, variance of ``w``, with divisor N - 1.
        num_rows: N, at least 2.
        largest_weight: W, largest weight that could have been logged.
        reward_range: smallest and largest reward possible.
        level: in (0, 1).

    Returns:
        Ends within the reward range.
    """
    low, high = reward_range
    width = largest_weight * (high - low)

    def ends(value: float) -> tuple[float, float]:
        mean = means[0] - value * means[1]
        variance = covariance[0] - 2.0 * value * covariance[1] + value**2 * covariance[2]
        return empirical_bernstein(mean, variance, num_rows=num_rows, width=width, level=level)

    center = min(max(means[0] / means[1], low), high) if means[1] > 0.0 else low
    lower = low if ends(low)[0] <= 0.0 else float(optimize.brentq(lambda v: ends(v)[0], low, center))
    upper = high if ends(high)[1] >= 0.0 else float(optimize.brentq(lambda v: ends(v)[1], center, high))
    return lower, upper


def clopper_pearson_weighted(
    weighted_mean: float, *, num_rows: int, largest_weight: float, level: float
) -> tuple[float, float]:
    """A Clopper-Pearson-like interval for ``E[w r]`` with rewards in [0, 1].

    Accepting a row with chance ``w / W`` leaves about ``n / W`` rows that the evaluation policy might have
    logged itself, ``n / W mean(w r)`` of them with a reward. Both expectations take the place of counts in
    the exact binomial interval.

    Args:
        weighted_mean: mean of ``w r``.
        num_rows: N.
        largest_weight: W, largest weight that could have been logged.
        level: in (0, 1).

    Source: Clopper and Pearson (1934); for weights as in Karampatziakis, Langford and Mineiro (2020), whose
    library has the form used here.
    """
    trials = num_rows / largest_weight
    successes = trials * weighted_mean
    tail = (1.0 - level) / 2.0
    low = float(stats.beta.ppf(tail, successes, trials - successes + 1.0)) if successes > 0.0 else 0.0
    if successes >= trials:
        return (low if successes == trials else 0.0), 1.0
    return low, float(stats.beta.ppf(1.0 - tail, successes + 1.0, trials - successes))
