from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from holdfast.app.new_ranker import member_seed
from holdfast.app.simulating.training import windows_until
from holdfast.core.errors import UserError
from holdfast.data.log import Log


def test_the_last_days_judge_and_both_windows_know_what_the_log_knows(make_log: Callable[..., Log]):
    log = make_log(num_days=10, first_day="2024-03-25")  # the clocks change on the 31st
    train, validation = windows_until(log, validation_days=3)
    zone = "Europe/Copenhagen"
    assert train.start == pd.Timestamp("2024-03-25", tz=zone)
    assert train.end == validation.start == pd.Timestamp("2024-04-01", tz=zone)
    assert validation.end == train.as_of == validation.as_of == log.observed_until
    inside = sum(len(log.between(each.start, each.end)) for each in (train, validation))
    assert inside == len(log)


def test_a_log_that_is_too_short_is_refused(make_log: Callable[..., Log]):
    with pytest.raises(
        UserError, match=r"more than the 3 days of split\.validation_days, and the log holds 3"
    ):
        windows_until(make_log(num_days=3), validation_days=3)
    with pytest.raises(UserError, match="the log holds 0"):
        log = make_log(num_days=3)
        windows_until(log.between(log.observed_until, log.observed_until), validation_days=1)


def test_members_have_seeds_of_their_own_and_the_first_one_the_given():
    assert member_seed(7, 0) == 7
    assert len({member_seed(7, member) for member in range(5)} | {member_seed(8, 1)}) == 6
