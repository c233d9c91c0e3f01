from __future__ import annotations

import pytest

from holdfast.simulation.changes.clickbait_fatigue import ClickbaitFatigue
from holdfast.simulation.reactions import Reactions

USUAL = Reactions(base=-2.0, clickbait_appeal=0.6, clickbait_cost=0.5, examination_decay=0.35)


def test_promises_and_then_interest_lose_their_pull():
    change = ClickbaitFatigue(start_day=1, ramp_days=2, strength=2.0)
    assert change.reactions(USUAL, 0) is USUAL
    half, all_of_it = (change.reactions(USUAL, day) for day in (1, 2))
    assert half.clickbait_appeal == pytest.approx(0.0)
    assert half.interest_appeal == pytest.approx(0.5)
    assert all_of_it.clickbait_appeal == pytest.approx(-0.6)
    assert all_of_it.interest_appeal == pytest.approx(0.0)
    assert all_of_it.clickbait_cost == USUAL.clickbait_cost


def test_it_cannot_go_beyond_two():
    with pytest.raises(ValueError, match=r"strength is 2\.5; it must be from 0 to 2"):
        ClickbaitFatigue(strength=2.5)
