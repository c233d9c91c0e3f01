"""What models predicted of a day, held against what happened.

Q requests, K slots, V visitors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.app.simulating.ensemble import Prediction
from holdfast.app.simulating.server import Calibration
from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.record import Day


@dataclass(frozen=True)
class ExpectedBack:
    """Who was there on a day, and how likely each was expected on the next one.

    Attributes:
        day: on which they were there.
        user: all different, ``[V]``.
        chance: mean over what was shown to the user, ``[V]``.
    """

    day: int
    user: Ints
    chance: Floats

    def outcome(self, visitors: Ints) -> Calibration:
        """Held against the visitors of the next day."""
        back = np.isin(self.user, visitors)
        return Calibration(
            day=self.day,
            objective="retention",
            predicted=float(self.chance.mean()),
            observed=float(back.mean()),
            n=len(self.user),
        )


def judged_the_same_day(day: Day, noted: Sequence[Prediction]) -> list[Calibration]:
    """Clicks over all that was shown, and dwell over all that was clicked; nothing where that is nothing."""
    predicted = _in_order_of(day, noted)
    click, dwell = day.requests.click, day.requests.dwell_seconds
    outcomes = {"click": (click.astype(np.float64), np.ones_like(click)), "dwell": (dwell, click)}
    found = []
    for objective, (value, counts) in outcomes.items():
        if objective in predicted and counts.any():
            found.append(
                Calibration(
                    day=day.day,
                    objective=objective,
                    predicted=float(predicted[objective][counts].mean()),
                    observed=float(value[counts].mean()),
                    n=int(counts.sum()),
                )
            )
    return found


def expected_back(day: Day, noted: Sequence[Prediction]) -> ExpectedBack | None:
    """Who is expected tomorrow; None where nobody predicts it."""
    predicted = _in_order_of(day, noted)
    if "retention" not in predicted:
        return None
    user, place = np.unique(day.requests.user, return_inverse=True)
    total = np.bincount(place, predicted["retention"].mean(axis=1))
    return ExpectedBack(day.day, user, total / np.bincount(place))


def _in_order_of(day: Day, noted: Sequence[Prediction]) -> dict[str, Floats]:
    """Predictions ``[Q, K]`` by objective, request by request as the day has them."""
    user = np.concatenate([each.user for each in noted])
    seconds = np.concatenate([each.seconds for each in noted])
    # Both sides by user and moment: requests were asked about in parts, in any order.
    place = np.empty(len(user), dtype=np.int64)
    place[np.lexsort((day.requests.seconds, day.requests.user))] = np.lexsort((seconds, user))
    objectives = set.intersection(*(set(each.of) for each in noted))
    return {name: np.concatenate([each.of[name] for each in noted])[place] for name in sorted(objectives)}
