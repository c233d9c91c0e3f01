"""Days of absence as a matrix: who is at risk on which day, and who is back.

B rows, H days of the horizon.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from holdfast.core.batch import Outcome


def check_horizon(horizon_days: int) -> None:
    """Raise a ``ValueError`` where a horizon has no day."""
    if horizon_days < 1:
        raise ValueError(f"horizon_days is {horizon_days}; it must be at least 1")


def risk_days(outcome: Outcome, *, horizon_days: int) -> tuple[Tensor, Tensor]:
    """Whether a row is watched and not back before day d = 1 to H, and whether it is back on it.

    A row that nothing is known of is never at risk. A return after day H says 'not back within H days'.

    Returns:
        At risk, and back; bool ``[B, H]`` each.
    """
    day_H = torch.arange(1, horizon_days + 1, device=outcome.value.device)
    value_B1 = outcome.value.masked_fill(~outcome.known, 0.0)[:, None]
    at_risk_BH = day_H <= value_B1
    return at_risk_BH, (day_H == value_B1) & outcome.event[:, None]


def first_day_reaching(by_day: Tensor, level: float) -> Tensor:
    """First day by which the chance to be back, ``[B, H]``, is at least ``level``, ``[B]``; else ``inf``."""
    reached_BH = by_day >= level
    day_B = reached_BH.to(torch.int64).argmax(1).to(by_day.dtype) + 1.0
    return day_B.masked_fill(~reached_BH.any(1), math.inf)
