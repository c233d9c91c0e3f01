"""Days after the log: they change nothing before them, and life goes on in them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.simulation.closed_loop import ClosedLoop, Schedule, morning_after
from holdfast.simulation.items import Items, ObservedItems, draw_items
from holdfast.simulation.loop import Run, days_of
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.truth import Truth, truth_of
from holdfast.simulation.users import MARKETS, ObservedUsers, Users, draw_users
from holdfast.simulation.world import DefaultWorld

SMALL = DefaultWorld(num_users=200, num_items=200, num_days=7, burn_in_days=3, established_share=0.5)
UNIFORM = ScoredPolicy(exploration=UniformSlates())


def within(strength: float, **more: Any) -> dict[str, Any]:
    """A change in the middle of the log."""
    return {"start_day": 2, "ramp_days": 3, "strength": strength, **more}


def across(strength: float, **more: Any) -> dict[str, Any]:
    """A change that starts in the log and is not over when the log ends."""
    return {"start_day": 4, "ramp_days": 20, "strength": strength, **more}


SCHEDULES: dict[str, dict[str, dict[str, Any]]] = {
    "none": {},
    "who and what": {"new_market": within(0.4), "catalogue_turnover": within(0.4), "churn": within(0.1)},
    "who and what, not over": {"new_market": across(0.4), "catalogue_turnover": across(0.4)},
    "sensors": {
        "stuck_sensor": within(0.6),
        "noisy_sensor": within(1.0, feature="content_length"),
        "missing_sensor": across(0.5, feature="headline_score"),
    },
    "taste and season": {
        "rotating_interests": within(1.0),
        "clickbait_fatigue": across(1.0),
        "season": within(1.0),
        "holiday": across(-1.0),
        "behavior_change": within(0.5),
        "unit_change": across(0.5),
    },
    "after the log": {
        "new_market": {"start_day": 9, "ramp_days": 3, "strength": 0.3},
        "catalogue_turnover": {"start_day": 8, "ramp_days": 3, "strength": 0.5},
        "stuck_sensor": {"start_day": 8, "ramp_days": 3, "strength": 0.5},
    },
}


def same_bytes(one: Any, two: Any) -> bool:
    return bool(one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes())


def assert_same_truth(one: Truth, two: Truth) -> None:
    for name in ("impressions", "requests", "visits"):
        assert getattr(one, name).equals(getattr(two, name)), name
    assert same_bytes(one.candidates, two.candidates)


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_log_and_its_truth_do_not_depend_on_later_days(name: str, seed: int):
    """Neither what a world says of itself nor the first days of one that runs on."""
    usual = replace(SMALL, changes=SCHEDULES[name], seed=seed)
    expected = usual.simulate()
    for later_days in (1, 30):
        longer = replace(usual, later_days=later_days)
        found = longer.simulate()
        assert found.log.fingerprint() == expected.log.fingerprint()
        assert_same_truth(found.truth, expected.truth)
        for kind in ("users", "items"):
            one, two = getattr(found.truth, kind), getattr(expected.truth, kind)
            assert all(same_bytes(getattr(one, each.name), getattr(two, each.name)) for each in fields(one))
        # everybody who is to come later is there, and unborn
        parts = longer.mechanisms()
        publication = longer.publication(parts, longer.behavior_on(0))
        days = [publication.in_order(day) for day in days_of(parts, longer.behavior_on)]
        assert publication.log(days, until_day=SMALL.num_days).fingerprint() == expected.log.fingerprint()
        assert_same_truth(truth_of(days, users=parts.users, items=parts.items), expected.truth)


def test_files_do_not_depend_on_later_days(tmp_path: Path):
    for name, world in (("usual", SMALL), ("longer", replace(SMALL, later_days=30))):
        world.write(tmp_path / name / "log", truth=tmp_path / name / "truth")
    files = [
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("usual", "longer")
    ]
    assert len(files[0]) > 20
    assert files[0] == files[1]


def test_what_is_replayed_does_not_depend_on_later_days():
    assert SMALL.replay(UNIFORM).equals(replace(SMALL, later_days=9).replay(UNIFORM))


def drawn_users(later_days: int, **settings: Any) -> tuple[Users, ObservedUsers]:
    return draw_users(
        num_users=6000,
        num_topics=5,
        first_day=-10,
        num_days=30,
        established_share=0.5,
        frailty_sd=2.0,
        seed=3,
        later_days=later_days,
        **settings,
    )


def drawn_items(later_days: int, num_items: int = 1000) -> tuple[Items, ObservedItems]:
    return draw_items(
        num_items=num_items,
        num_topics=5,
        first_day=-10,
        num_days=29,
        missing_share=0.1,
        seed=3,
        later_days=later_days,
    )


def test_users_go_on_arriving_at_the_same_rate():
    """Half of 6,000 users arrive over 40 days, 75 a day: so they do on the later days."""
    arrivals = np.bincount(drawn_users(20)[0].arrival_day + 10)
    assert len(arrivals) == 60
    assert arrivals[40:].tolist() == [75] * 20
    assert arrivals[1:40].mean() == pytest.approx(75.0, rel=0.05)


def test_items_go_on_being_born_at_the_same_rate():
    """1,000 items over 69 days, before and after the end of the log; a day has 14 or 15."""
    births = np.bincount(drawn_items(50)[1].birth_day + 40)
    assert len(births) == 69 + 50
    assert set(births.tolist()) == {14, 15}
    assert births[:69].sum() == 1000
    # the even spread of one longer row of items: item k is born k * 69 / 1000 days after the first
    assert births[69:].tolist() == np.bincount(np.arange(2000) * 69 // 1000)[69 : 69 + 50].tolist()


def test_a_small_world_has_its_share_of_later_people_too():
    world = replace(SMALL, num_users=7, num_items=25, later_days=40)
    parts = world.mechanisms()
    rate = 0.5 * 7 / 10
    assert (parts.users.arrival_day >= 7).sum() == int(40 * rate)
    assert abs((parts.observed_items.birth_day >= 7).sum() - 40 * 25 / 40) <= 1
    assert len(replace(world, established_share=1.0).mechanisms().users.arrival_day) == 7


@pytest.mark.parametrize("kind", ["users", "items"])
def test_more_later_days_add_and_do_not_change(kind: str):
    draw = {"users": drawn_users, "items": drawn_items}[kind]
    for shorter, longer in zip(draw(5), draw(12), strict=True):
        for each in fields(shorter):
            some, more = getattr(shorter, each.name), getattr(longer, each.name)
            assert len(more) > len(some)
            assert same_bytes(some, np.ascontiguousarray(more[: len(some)])), each.name


def test_later_people_and_items_are_like_the_others():
    truth, seen = drawn_users(80)
    later = truth.arrival_day >= 30
    assert later.sum() == 6000
    for name in ("interest", "activity", "frailty", "peak_hour"):
        values = getattr(truth, name)
        assert abs(values[later].mean() - values[~later].mean()) < 4 * values.std() / np.sqrt(3000), name
        assert values[later].std() == pytest.approx(values[~later].std(), rel=0.05), name
    shares = [np.bincount(seen.market[rows], minlength=4) / rows.sum() for rows in (later, ~later)]
    assert np.abs(shares[0] - shares[1]).max() < 0.03
    assert seen.declared[later].mean() > 0.0
    made, known = drawn_items(140, 4000)
    born_later = known.birth_day >= 29
    assert born_later.sum() == pytest.approx(4000 * 140 / 69, abs=2)
    for name in ("quality", "clickbait", "length"):
        values = getattr(made, name)
        assert abs(values[born_later].mean() - values[~born_later].mean()) < 0.07, name
        assert values[born_later].std() == pytest.approx(values[~born_later].std(), rel=0.05), name
    assert np.isnan(known.editor_score[born_later]).mean() == pytest.approx(0.1, abs=0.02)


def test_a_new_market_goes_on_sending_its_share():
    world = replace(SMALL, num_users=4000, later_days=20, changes={"new_market": within(0.4)})
    parts = world.mechanisms()
    later = parts.users.arrival_day >= world.num_days
    east = parts.observed_users.market == MARKETS.index("east")
    assert east[later].mean() == pytest.approx(0.4, abs=0.04)
    in_log = np.unique(parts.users.arrival_day[east & ~later])
    assert in_log.tolist() == [2, 3, 4]


def test_the_true_value_reaches_the_later_days():
    longer = replace(SMALL, later_days=10)
    assert longer.value(UNIFORM, 7, repeats=2) == SMALL.value(UNIFORM, 7, repeats=2)
    week, more = longer.value(UNIFORM, 7, repeats=2), longer.value(UNIFORM, 17, repeats=2)
    assert more.visits.mean > week.visits.mean
    with pytest.raises(
        ValueError, match="horizon_days is 18, num_days is 7 and later_days is 10; raise later"
    ):
        longer.value(UNIFORM, 18)


def test_a_closed_loop_reaches_the_later_days():
    world = replace(SMALL, num_users=800, later_days=6)
    parts = world.mechanisms()
    publication = world.publication(parts, UNIFORM)
    morning = morning_after(publication, UNIFORM, day=5)
    table = ClosedLoop(
        publication, morning, UNIFORM, schedule=Schedule(first_day=5, num_days=8, every_days=0)
    ).finish()
    assert table["day"].tolist() == list(range(5, 13))
    # 400 of 800 arrive over 10 days of the log and those before it: 40 a day
    assert table["arrived_users"].diff().iloc[2:].tolist() == [40] * 6
    assert table["active_users"].min() > 0.5 * table["active_users"].iloc[0]
    with pytest.raises(
        ValueError, match="serving ends with day 14, and the world with day 13; raise later_days"
    ):
        ClosedLoop(publication, morning, UNIFORM, schedule=Schedule(first_day=5, num_days=9, every_days=0))


def test_a_world_ends_after_its_later_days():
    world = replace(SMALL, later_days=2)
    run = Run(world.mechanisms())
    while run.day < 9:
        run.step(UNIFORM)
    with pytest.raises(ValueError, match="there is no day 9: the world ends with day 8; raise later_days"):
        run.step(UNIFORM)


def test_later_days_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="later_days is -1; it must be at least 0"):
        DefaultWorld(later_days=-1)
