"""What findings on realised outcomes have in common: logarithms of ratios, and values that cannot be."""

from __future__ import annotations

import math
from typing import Any

from scipy.special import betaincinv

from holdfast.monitoring.finding import Finding

WHAT_IS_WRONG = {
    "impossible_values": "hold a prediction or an outcome that is no number, or out of its range: left out",
    "duplicate_rows": "have the request_id and slot of an earlier one",
    "unplaced_rows": "have no time: left out",
}
"""What findings on rows that cannot be say of them, by kind."""
LEAST_RATIO = 1e-6
"""What a ratio of exactly 0 counts as, so that its logarithm is a number."""


def log_ratio(
    ratio: float | None, low: float | None, high: float | None, *, otherwise: float | None = None
) -> tuple[float | None, tuple[float, float] | None]:
    """The natural logarithm of predicted over observed, as an effect with its interval.

    Args:
        ratio: None where nothing was observed.
        low: lower end; None where there is no interval.
        high: upper end; None where there is none.
        otherwise: what stands for a ratio that has no value, such as that with half an event.

    Returns:
        Effect and interval; None without them. An end that is not there is infinite.

    >>> log_ratio(None, 80.0, None, otherwise=601.0)[0] > 6
    True
    """
    at_most = math.inf if high is None else math.log(max(high, LEAST_RATIO))
    at_least = None if low is None else math.log(low) if low > 0.0 else -math.inf
    interval = None if at_least is None else (at_least, at_most)
    value = otherwise if ratio is None and interval is not None else ratio
    return (None if value is None else math.log(max(value, LEAST_RATIO))), interval


def with_half_an_event(predicted: float) -> float:
    """Predicted over observed where no event was, as if half a one had been expected and seen more."""
    return (predicted + 0.5) / 0.5


def impossible_values(
    count: int,
    num_rows: int,
    *,
    kind: str = "impossible_values",
    **place: Any,
) -> Finding:
    """A finding on rows that cannot be, such as values that no outcome or prediction can have.

    Args:
        count: how many rows, at least 1.
        num_rows: rows that were looked at.
        kind: its name, of ``WHAT_IS_WRONG``.
        place: other fields of ``Finding``.

    Returns:
        The effect is their share, with Clopper and Pearson's interval.
    """
    least = float(betaincinv(count, num_rows - count + 1.0, 0.025))
    most = 1.0 if count == num_rows else float(betaincinv(count + 1.0, num_rows - count, 0.975))
    return Finding(
        kind=kind,
        statistic=float(count),
        effect=count / num_rows,
        effect_unit="share",
        interval=(least, most),
        n_current=num_rows,
        severity="broken",
        note=f"{count} of {num_rows} rows {WHAT_IS_WRONG[kind]}",
        **place,
    )
