"""What must hold in a world whatever happens in it: every change is on, and users leave for good."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.core.arrays import Bools, Floats
from holdfast.data.readers.parquet import ParquetLog
from holdfast.simulation.loop import Run
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.oracles import LongTermOracle, OraclePolicy
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import Policy, Requests, Slates
from holdfast.simulation.truth import read_truth
from holdfast.simulation.world import DefaultWorld, Simulation

WHEN = {"start_day": 3, "ramp_days": 3}
WORLD = DefaultWorld(
    num_users=900,
    num_items=400,
    num_days=10,
    burn_in_days=4,
    seed=8,
    time_zone="America/New_York",
    start="2025-03-03",
    changes={
        "new_market": {**WHEN, "strength": 0.2},
        "rotating_interests": {**WHEN, "strength": 1.0},
        "clickbait_fatigue": {**WHEN, "strength": 1.0},
        "season": {**WHEN, "strength": 0.5},
        "holiday": {**WHEN, "strength": -0.5},
        "catalogue_turnover": {**WHEN, "strength": 0.3},
        "churn": {**WHEN, "strength": 0.2},
        "missing_sensor": {**WHEN, "strength": 0.5},
        "unit_change": {**WHEN, "strength": 0.5},
        "noisy_sensor": {**WHEN, "strength": 1.0},
        "behavior_change": {**WHEN, "strength": 0.5},
    },
)
UNIFORM = ScoredPolicy(exploration=UniformSlates())
GREEDY = behavior_policy(epsilon=0.0)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return WORLD.simulate()


def test_nobody_returns_before_leaving(simulation: Simulation):
    """The next visit begins after all that was read in this one; it is a visit, and none lies between."""
    frame = simulation.log.frame
    dwell = pd.to_timedelta(frame["dwell_seconds"].fillna(0.0), unit="s")
    known = frame["next_visit_at"].notna()
    assert known.mean() > 0.5
    read_by = (frame["shown_at"] + dwell).groupby([frame["user_id"], frame["next_visit_at"]]).max()
    assert (read_by.index.get_level_values("next_visit_at") > read_by).all()
    shown = set(zip(frame["user_id"], frame["shown_at"], strict=True))
    assert all(pair in shown for pair in read_by.index)
    day = simulation.log.local_days()
    visits = frame.assign(day=day)[["user_id", "day"]].drop_duplicates().sort_values(["user_id", "day"])
    following = visits.groupby("user_id")["day"].shift(-1).notna()
    assert following.sum() == len(read_by), "every visit but a user's last has a next one"


def test_what_a_user_reads_takes_its_time(simulation: Simulation):
    """Requests of a user follow each other, with all that was read between them."""
    frame = simulation.log.frame
    requests = frame.groupby(["user_id", "request_id"]).agg(
        shown_at=("shown_at", "first"), stayed=("dwell_seconds", "sum")
    )
    requests = requests.sort_values(["user_id", "shown_at"])
    free = requests["shown_at"] + pd.to_timedelta(requests["stayed"], unit="s")
    following = requests.groupby("user_id")["shown_at"].shift(-1)
    assert (following[following.notna()] > free[following.notna()]).all()


def test_dwell_is_of_clicks_and_at_most_the_content(simulation: Simulation):
    frame = simulation.log.frame
    assert frame["dwell_seconds"].notna().equals(frame["click"].rename("dwell_seconds"))
    opened = frame[frame["click"]]
    assert (opened["dwell_seconds"] > 0).all()
    assert (opened["dwell_seconds"] <= opened["content_seconds"]).all()
    assert 0.05 < (opened["dwell_seconds"] == opened["content_seconds"]).mean() < 0.6


def test_nobody_comes_before_arriving_or_twice_a_day_and_nothing_is_shown_before_its_birth(
    simulation: Simulation,
):
    truth, items = simulation.truth, WORLD.mechanisms().observed_items
    visits = truth.visits
    assert not visits.duplicated(["user_id", "day"]).any()
    assert (visits["day"] >= truth.users.arrival_day[visits["user_id"] - 1]).all()
    assert ((visits["hazard"] > 0.0) & (visits["hazard"] <= 1.0)).all()
    day = simulation.log.local_days()
    day = day - day.min()
    assert set(zip(simulation.log.frame["user_id"], day, strict=True)) == set(
        zip(visits["user_id"], visits["day"], strict=True)
    )
    item = simulation.log.frame["item_id"].to_numpy() - 1
    assert (items.birth_day[item] <= day).all()
    turnover = WORLD.mechanisms().changes.catalogue_turnover
    for number in range(WORLD.num_days):
        gone = turnover.withdrawn(items.birth_day, number, seed=WORLD.seed)
        assert not gone[item[day == number]].any()


def test_every_request_shows_its_slots_and_has_a_day_of_its_own(simulation: Simulation):
    frame, truth = simulation.log.frame, simulation.truth
    assert len(frame) == WORLD.slots * len(truth.requests) == WORLD.slots * len(truth.candidates)
    shown = frame["item_id"].to_numpy().reshape(-1, WORLD.slots)
    assert (np.diff(np.sort(shown, axis=1), axis=1) > 0).all(), "no item twice in a slate"
    assert (shown[:, :, None] == truth.candidates[:, None, :]).any(axis=2).all()


def test_nobody_who_is_gone_comes_back_and_all_is_counted():
    """Visitors, users who are gone, users who have not arrived: nobody is two of them, day after day."""
    run = Run(WORLD.mechanisms())
    arrival = run.parts.users.arrival_day
    gone_before: Bools = np.zeros(WORLD.num_users, dtype=bool)
    while run.day < WORLD.num_days:
        number = run.day
        day = run.step(WORLD.behavior_on(number))
        assert day is not None
        here = np.zeros(WORLD.num_users, dtype=bool)
        here[day.visits.user] = True
        assert not (here & gone_before).any(), "gone for good"
        assert not (here & (arrival > number)).any()
        assert (here | (arrival != number)).all(), "whoever arrives is there"
        assert (run.state.gone | ~gone_before).all(), "gone stays gone"
        assert not (run.state.gone & ~gone_before & ~here).any(), "one leaves after a visit"
        assert np.array_equal(run.state.last_visit[here], np.full(here.sum(), number))
        gone_before = run.state.gone.copy()
    assert 50 < gone_before.sum() < WORLD.num_users


@dataclass(frozen=True)
class Watched:
    """A policy, and what the world showed it."""

    policy: Policy
    seen: dict[tuple[int, int], list[tuple[Floats, ...]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.policy.name

    def choose(self, requests: Requests) -> Slates:
        assert requests.seconds is not None
        luck = requests.draws.uniform(requests.user, 4)
        for row, user in enumerate(requests.user.tolist()):
            seen = (luck[row], requests.candidates[row], requests.seconds[row])
            self.seen.setdefault((user, requests.day), []).append(seen)
        return self.policy.choose(requests)


def test_two_policies_meet_the_same_chance():
    """Where both bring a user back on a day: the same hour, candidates and luck, whoever else came."""
    one, two = Watched(UNIFORM), Watched(GREEDY)
    runs = [WORLD.simulate(policy) for policy in (one, two)]
    both, either = one.seen.keys() & two.seen.keys(), one.seen.keys() | two.seen.keys()
    assert 500 < len(both) < len(either), "the two do not bring back the same people"
    turns = 0
    for visit in both:
        first, second = one.seen[visit], two.seen[visit]
        assert first[0][2] == second[0][2], "the hour of the first request"
        for mine, others in zip(first, second, strict=False):
            assert np.array_equal(mine[0], others[0]), "what a policy draws"
            assert np.array_equal(mine[1], others[1]), "what it chooses from"
            turns += 1
    assert turns > len(both)
    assert not np.array_equal(runs[0].truth.visits["hazard"], runs[1].truth.visits["hazard"])


def test_the_same_item_in_the_same_slot_meets_the_same_user():
    """On the very first day nobody has a past: what both policies show is clicked, and read, alike."""
    world = replace(WORLD, burn_in_days=0, established_share=1.0, changes={})
    days = [Run(world.mechanisms()).step(policy) for policy in (UNIFORM, GREEDY)]
    slates = []
    for day in days:
        assert day is not None
        # each user's first request comes first
        rows = np.unique(day.requests.user, return_index=True)[1]
        slates.append(
            {name: getattr(day.requests, name)[rows] for name in ("item", "click", "dwell_seconds")}
        )
    same = slates[0]["item"] == slates[1]["item"]
    assert 150 < same.sum() < same.size
    for name in ("click", "dwell_seconds"):
        np.testing.assert_array_equal(slates[0][name][same], slates[1][name][same])
    assert slates[0]["click"][same].sum() > 5


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_seed_makes_the_same_files_bit_for_bit(
    simulation: Simulation, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """In memory or in files, however many threads and blocks: one world, one log, one truth."""
    monkeypatch.setattr("holdfast.simulation.loop.BLOCK_USERS", 70)
    WORLD.write(tmp_path / "log", truth=tmp_path / "truth", threads=threads)
    assert ParquetLog(root=str(tmp_path / "log")).read().fingerprint() == simulation.log.fingerprint()
    truth = read_truth(tmp_path / "truth")
    for name in ("impressions", "requests", "visits"):
        assert getattr(truth, name).equals(getattr(simulation.truth, name)), name
    WORLD.write(tmp_path / "again" / "log", truth=tmp_path / "again" / "truth", threads=4 - threads)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "again" not in path.parts]
    assert len(files) > 3 * WORLD.num_days
    for path in files:
        other = tmp_path / "again" / path.relative_to(tmp_path)
        assert path.read_bytes() == other.read_bytes(), path.name


def test_an_oracle_moves_nobody_elses_chance():
    """Told the truth or not: a privileged policy meets the same visits where return is blind."""
    blind = replace(WORLD, satisfaction_effect=0.0, changes={})
    oracle = OraclePolicy(
        scorer=LongTermOracle(), exploration=EpsilonGreedySlates(epsilon=0.0), ranker="long_term_oracle"
    )
    one, two = blind.simulate(oracle).truth.visits, blind.simulate(UNIFORM).truth.visits
    for name in ("user_id", "day", "hazard"):
        assert np.array_equal(one[name], two[name])
    assert one["satisfaction_after"].mean() > two["satisfaction_after"].mean()
