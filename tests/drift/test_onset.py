"""Drift that comes on by and by: how much of it is there on each day, and whom it has reached."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from holdfast.core.errors import UserError
from holdfast.drift.changed import NOTHING_CHANGED
from holdfast.drift.concepts.retention_shift import RetentionShift
from holdfast.drift.covariates.new_values import NewMarket
from holdfast.drift.covariates.newcomers import NewUsers
from holdfast.drift.covariates.segment_remix import SegmentRemix
from holdfast.drift.injector import Family, Injector
from holdfast.drift.labels.bots import Bots
from holdfast.drift.labels.longer_delay import LongerDelay
from holdfast.drift.onset import GradualOnset, onset_share
from holdfast.drift.sensors.late_features import LateFeatures
from holdfast.drift.sensors.missing import MissingAtRandom
from holdfast.drift.sensors.noise import Noise
from holdfast.drift.world_drift import WorldDrift

ALL = [1.0] * 5
N, DAYS = 24_000, 6


@pytest.fixture
def week(table):
    """Requests of two rows, evenly over six days, of 400 users who come all the time."""
    draws = np.random.default_rng(0)
    user = np.repeat(draws.integers(0, 400, N // 2), 2)
    return table(
        request_id=np.repeat(np.arange(N // 2), 2),
        slot=np.tile([0, 1], N // 2),
        user_id=user,
        hours=np.repeat(np.arange(N // 2) * (24.0 * DAYS) / (N // 2), 2),
        click=draws.random(N) < 0.3,
        price=draws.normal(size=N),
        market=np.array(list("abcd"))[user % 4],
        user_impressions_1d=draws.integers(0, 9, N),
    )


def days_of(rows):
    return (rows.rows["shown_at"] - rows.rows["shown_at"].min()).dt.total_seconds().to_numpy() / 86_400.0


def f(day, position, width):
    return 1.0 / (1.0 + math.exp(-4.0 * (day - position) / width))


def test_the_share_by_hand():
    days = np.array([0.0, 2.0, 3.0, 4.0, 9.0])
    found = onset_share(days, position_days=3.0, width_days=2.0)
    np.testing.assert_allclose(found, [f(day, 3.0, 2.0) for day in days], rtol=1e-12)
    np.testing.assert_allclose(found[1:4], [1 / (1 + math.e**2), 0.5, 1 / (1 + math.e**-2)], rtol=1e-12)
    np.testing.assert_array_equal(onset_share(days, position_days=3.0, width_days=0.0), [0, 0, 1, 1, 1])
    assert (np.diff(onset_share(days, position_days=3.0, width_days=1e-308)) >= 0.0).all()
    assert len(onset_share(np.zeros(0), position_days=1.0, width_days=1.0)) == 0


def test_the_share_of_changed_rows_follows_the_curve_through_the_days(week):
    drift = GradualOnset(
        injector=MissingAtRandom(strengths=ALL), position_days=2.5, width_days=3.0, unit="request"
    )
    gone = drift.inject(week, severity=3, seed=1).rows.rows["price"].isna().to_numpy()
    day = days_of(week)
    for start in np.arange(0.0, DAYS, 0.5):
        here = (day >= start) & (day < start + 0.5)
        expected = np.mean([f(each, 2.5, 3.0) for each in day[here]])
        # Four standard errors of a share over 1,000 requests.
        error = math.sqrt(expected * (1.0 - expected) / (here.sum() / 2))
        assert abs(gone[here].mean() - expected) < 4.0 * error + 1e-9


def test_users_are_reached_once_at_the_beginning_of_a_day_and_stay_so(week):
    drift = GradualOnset(injector=NewMarket(strengths=ALL), position_days=2.5, width_days=3.0)
    drifted = drift.inject(week, severity=1, seed=0)
    new = drifted.rows.rows["market"].ne(week.rows["market"]).to_numpy()
    user, day = week.rows["user_id"].to_numpy(), np.floor(days_of(week)).astype(int)
    for each in range(50):
        assert (np.diff(new[user == each].astype(int)) >= 0).all()
    for each in range(DAYS):
        here = day == each
        assert {len(set(new[here & (user == one)])) for one in set(user[here])} == {1}
        # Everybody's first row of the day falls into its first hours; 400 users, four standard errors.
        expected = f(each + 0.05, 2.5, 3.0)
        assert abs(new[here].mean() - expected) < 4.0 * math.sqrt(expected * (1.0 - expected) / 400) + 0.03
    assert 0.3 < drifted.figures["share_of_rows_on"] < 0.7
    assert drift.strength_of(week, drifted) == pytest.approx(new.mean(), abs=1e-12)


def test_without_width_it_comes_at_once(week):
    drift = GradualOnset(injector=Noise(), position_days=2.0, width_days=0.0, unit="request")
    drifted = drift.inject(week, severity=2, seed=0)
    complete = Noise().inject(week, severity=2, seed=0).rows.rows
    late = days_of(week) >= 2.0
    assert_frame_equal(drifted.rows.rows[~late], week.rows[~late])
    assert_frame_equal(drifted.rows.rows[late], complete[late])
    np.testing.assert_array_equal(drifted.changed_rows, late)
    assert drift.seeded
    assert not GradualOnset(injector=LateFeatures(), width_days=0.0).seeded


@pytest.mark.parametrize(
    "injector", [Noise(), NewUsers(), SegmentRemix(), Bots()], ids=lambda each: type(each).__name__
)
def test_at_once_from_the_first_row_on_it_is_the_injector_itself(injector, week):
    drift = GradualOnset(injector=injector, position_days=0.0, width_days=0.0)
    found, expected = (each.inject(week, severity=4, seed=5) for each in (drift, injector))
    assert_frame_equal(found.rows.rows, expected.rows.rows)
    np.testing.assert_array_equal(found.rows.source, expected.rows.source)
    np.testing.assert_array_equal(found.changed_rows, expected.changed_rows)
    assert found.changed_columns == expected.changed_columns
    assert drift.strength_of(week, found) == injector.strength_of(week, expected)


def test_the_requests_that_are_left_are_counted_where_it_drops_any(week):
    drift = GradualOnset(injector=SegmentRemix(), position_days=3.0, width_days=2.0)
    drifted, complete = (each.inject(week, severity=5, seed=0) for each in (drift, SegmentRemix()))
    left = drifted.figures["effective_sample_size"]
    assert left == drifted.rows.rows["request_id"].nunique()
    assert complete.figures["effective_sample_size"] < left < week.rows["request_id"].nunique()
    assert (
        "effective_sample_size" not in GradualOnset(injector=Noise()).inject(week, severity=5, seed=0).figures
    )


def test_requests_are_dropped_or_added_only_where_it_has_come(week):
    for injector in (SegmentRemix(), Bots()):
        drift = GradualOnset(injector=injector, position_days=3.0, width_days=0.0, unit="request")
        drifted = drift.inject(week, severity=5, seed=0)
        times = np.bincount(drifted.rows.source, minlength=N)
        late = days_of(week) >= 3.0
        assert (times[~late] == 1).all()
        assert (times[late] != 1).any()
        sizes = drifted.rows.rows.groupby("request_id")["slot"].agg(list)
        assert (sizes.map(tuple) == (0, 1)).all(), "slates stay whole, with their slots"


def test_whom_it_has_reached_does_not_depend_on_the_severity_and_rows_keep_where_they_came_from(week):
    drift = GradualOnset(injector=MissingAtRandom(), position_days=3.0, width_days=3.0)
    part = week.take(np.arange(1000, N))
    changed = np.zeros(len(part), dtype=bool)
    for severity in range(1, 6):
        drifted = drift.inject(part, severity=severity, seed=2)
        np.testing.assert_array_equal(drifted.rows.source, part.source)
        now = drifted.rows.rows["price"].isna().to_numpy()
        assert (changed <= now).all()
        changed = now


def test_kind_family_and_strengths_are_those_of_what_comes_on(week):
    drift = GradualOnset(injector=LateFeatures())
    assert isinstance(drift, Injector)
    assert (drift.kind, drift.family, drift.strengths) == (
        "sensor",
        Family.HELD_OUT,
        LateFeatures().strengths,
    )
    assert drift.inject(week, severity=0, seed=0).rows is week


def test_what_cannot_come_on_is_said(table, week):
    late = GradualOnset(injector=Noise(), position_days=7.0, width_days=0.0)
    assert "7 days after the first row, and the last row is 6 days" in (late.fits(week) or "")
    with pytest.raises(UserError, match=r"does not fit these rows.*position_days"):
        late.inject(week, severity=1, seed=0)
    returned = week.with_columns({"next_visit_at": week.rows["shown_at"]})
    by_request = GradualOnset(injector=RetentionShift(), unit="request")
    assert "choose unit=user" in (by_request.fits(returned) or "")
    assert GradualOnset(injector=RetentionShift()).fits(returned) is None
    assert GradualOnset(injector=Noise()).fits(table(topic=["a", "b"])) == Noise().fits(
        table(topic=["a", "b"])
    )
    almost_never = GradualOnset(injector=Noise(), position_days=1000.0, width_days=1.0, unit="request")
    few = table(price=[1.0, 2.0], hours=[0, 1], request_id=[0, 0], slot=[0, 1], user_id=[0, 0])
    seen = [almost_never.inject(few, severity=5, seed=seed) for seed in range(3)]
    for drifted in seen:
        unmoved = drifted.rows.rows["price"].tolist() == [1.0, 2.0]
        assert unmoved == (NOTHING_CHANGED in drifted.notes)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"injector": 3}, "injector is int"),
        ({"injector": WorldDrift(schedule="churn", strengths=[0.1, 0.2, 0.3, 0.4, 0.5])}, "ramp_days"),
        ({"injector": LongerDelay()}, "injector is LongerDelay, which cannot come on"),
        ({"injector": GradualOnset(injector=Noise())}, "injector is GradualOnset"),
        ({"position_days": -1.0}, "position_days is -1.0"),
        ({"width_days": float("nan")}, "width_days is nan"),
        ({"width_days": float("inf")}, "width_days is inf"),
        ({"unit": "item"}, "unit is 'item'"),
    ],
)
def test_bad_settings_are_refused(wrong: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        GradualOnset(**{"injector": Noise(), **wrong})
