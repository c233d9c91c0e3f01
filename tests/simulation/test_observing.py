from __future__ import annotations

import pandas as pd
import pytest

from holdfast.simulation.closed_loop import morning_after
from holdfast.simulation.observing import observed_days
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=80, num_items=100, num_days=6, burn_in_days=2, time_zone="Asia/Tokyo")
UNIFORM = ScoredPolicy(exploration=UniformSlates())
PUBLICATION = WORLD.publication(WORLD.mechanisms(), UNIFORM)


def test_events_are_those_of_the_log():
    days = morning_after(PUBLICATION, UNIFORM, day=6).logged
    log = PUBLICATION.log(days, until_day=6)
    seen = observed_days(PUBLICATION, days, until_day=6)
    pd.testing.assert_frame_equal(seen.frame, log.frame[list(seen.frame)])
    assert seen.observed_until == log.observed_until
    assert seen.card == log.card
    one = observed_days(PUBLICATION, days[2:3], until_day=3)
    expected = log.frame.loc[log.local_days() == one.local_days()[0], list(one.frame)]
    pd.testing.assert_frame_equal(one.frame, expected.reset_index(drop=True))


def test_a_day_without_anybody_has_no_rows_and_an_end():
    some = observed_days(PUBLICATION, morning_after(PUBLICATION, UNIFORM, day=2).logged, until_day=2)
    none = observed_days(PUBLICATION, (), until_day=3)
    assert len(none) == 0
    assert none.frame.dtypes.equals(some.frame.dtypes)
    assert none.observed_until - some.observed_until == pd.Timedelta(days=1)
    assert none.local_days().tolist() == []


def test_days_that_are_not_over_are_refused():
    days = morning_after(PUBLICATION, UNIFORM, day=3).logged
    with pytest.raises(ValueError, match="until_day is 2, and the days go on to 2"):
        observed_days(PUBLICATION, days, until_day=2)
