"""What the rows of a window brought in, where that is known.

N rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.data.log import Log
from holdfast.data.outcomes import follow_up_days, outcome_columns, returned_within

NEXT_DAY = 1
UNITS = {
    "click": "clicks an impression",
    "dwell": "seconds an impression",
    "retention": "share of impressions whose user is back the next day",
    "utility": "utility an impression",
}


@dataclass(frozen=True)
class Reward:
    """One objective.

    Attributes:
        value: 0 where it is not known, ``[N]``.
        known: ``[N]``.
    """

    value: Floats
    known: Bools


def rewards_of(inside: Log) -> dict[str, Reward]:
    """The objectives that the log's card names: clicks, seconds (0 where not clicked), back the next day.

    Args:
        inside: the rows of a window with what was known of them at its ``as_of``.

    Returns:
        By objective; a return is known where the whole next day was observed, and one of which nothing is
        known is left out.
    """
    found: dict[str, Reward] = {}
    for objective in inside.card.outcomes:
        outcome = outcome_columns(
            inside,
            objective,
            horizon_days=NEXT_DAY,
            dwell_population="all" if objective == "dwell" else "opened",
        )
        value: Floats = outcome.value.astype(np.float64)
        known = outcome.known
        if objective == "retention":
            value, known = returned_within(
                outcome.value,
                outcome.event,
                follow_up_days(inside, horizon_days=NEXT_DAY),
                days=NEXT_DAY,
            )
        elif objective == "dwell" and "dwell_cut" in inside.frame:
            known = known & ~inside.frame["dwell_cut"].to_numpy(dtype=bool)
        if known.any():
            found[objective] = Reward(np.where(known, value, 0.0), known)
    return found
