"""Ladders of severity: five strengths that do not fall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from holdfast.core.errors import UserError
from holdfast.drift.injector import Injector, check_severity
from holdfast.drift.rows import DriftRows

NUM_STEPS = 5


def shares() -> list[float]:
    """Share of rows, users, items or values that a fault falls upon, for each severity from 1."""
    return [0.05, 0.1, 0.25, 0.5, 0.9]


def shares_of_values() -> list[float]:
    """Share of the values of a column, of which there may be few, for each severity from 1."""
    return [0.1, 0.25, 0.5, 0.75, 1.0]


def shares_of_clicks() -> list[float]:
    """Chance with which an outcome is taken back where it was likeliest, for each severity from 1."""
    return [0.2, 0.4, 0.6, 0.8, 1.0]


def remix_shares() -> list[float]:
    """Share of the requests out of favour that a re-mix drops, for each severity from 1."""
    return [0.2, 0.4, 0.6, 0.8, 0.95]


class Laddered(Injector, Protocol):
    """An injector with a strength for each severity from 1 to 5."""

    @property
    def strengths(self) -> list[float]:
        """What a strength means, each injector says."""
        ...


def check_strengths(strengths: Sequence[float], *, least: float, most: float) -> None:
    """Refuse what is no ladder.

    Args:
        strengths: of severities 1 to 5.
        least: smallest strength allowed; 0 would be no drift, so a strength of 0 is refused too.
        most: largest strength allowed.

    Raises:
        ValueError: not five finite numbers, falling, or out of range.
    """
    given = list(strengths)
    numbers = np.asarray(given, dtype=np.float64) if len(given) == NUM_STEPS else np.full(1, np.nan)
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"strengths is {given}; give {NUM_STEPS} finite numbers, one for each severity from 1"
        )
    if (np.diff(numbers) < 0.0).any():
        raise ValueError(f"strengths is {given}; a higher severity must not be weaker: put them in order")
    if numbers[0] < least or numbers[0] <= 0.0 or numbers[-1] > most:
        raise ValueError(f"strengths is {given}; they must be above 0, and from {least:g} to {most:g}")


def strength_at(injector: Laddered, rows: DriftRows, severity: int) -> float | None:
    """The strength of a severity; None for severity 0, which changes nothing in any rows.

    Raises:
        ValueError: the severity is none.
        UserError: the injector does not fit the rows.
    """
    if check_severity(severity) == 0:
        return None
    reason = injector.fits(rows)
    if reason is not None:
        raise UserError(f"{type(injector).__name__} does not fit these rows: {reason}")
    return float(injector.strengths[severity - 1])
