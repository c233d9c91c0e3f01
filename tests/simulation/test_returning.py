from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from holdfast.simulation.returning import Returning

LAW = Returning(level=-1.1, satisfaction_effect=2.0, gap_effect=1.8, season_effect=0.15)


def hazard(**changes: float) -> float:
    values = {"frailty": 0.0, "satisfaction": 0.0, "gap_days": 1, "weekday": 5} | changes
    return float(
        LAW.hazard(
            frailty=np.array([values["frailty"]]),
            satisfaction=np.array([values["satisfaction"]]),
            gap_days=np.array([int(values["gap_days"])]),
            weekday=int(values["weekday"]),
        )[0]
    )


def logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def test_every_term_by_hand():
    saturday = -1.1 + 0.15
    assert math.isclose(logit(hazard()), saturday)
    assert math.isclose(logit(hazard(frailty=1.5)), saturday + 1.5)
    assert math.isclose(logit(hazard(satisfaction=-0.25)), saturday - 0.5)
    assert math.isclose(logit(hazard(gap_days=2)), saturday - 0.9)
    assert math.isclose(logit(hazard(gap_days=4)), saturday - 1.35)


def test_the_season_repeats_and_averages_out():
    week = [logit(hazard(weekday=day)) for day in range(7)]
    assert max(week) == week[5]
    assert math.isclose(sum(week) / 7, -1.1)


def test_the_hazard_of_one_user_falls_with_the_gap_and_levels_off():
    falling = [hazard(gap_days=gap) for gap in range(1, 30)]
    assert all(later < earlier for earlier, later in pairwise(falling))
    assert logit(falling[-1]) > -1.1 + 0.15 - 1.8
