"""What a policy or a catalogue can do wrong: named with the day, and the log written so far stays whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError
from holdfast.data.log import Log
from holdfast.data.readers.parquet import ParquetLog
from holdfast.simulation.closed_loop import ClosedLoop, Schedule, morning_after
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.oracles import LongTermOracle, OraclePolicy
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.random_slots import RandomSlots
from holdfast.simulation.policies.rows import RowsScored
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policies.stated_probabilities import StatedProbabilities
from holdfast.simulation.policy import Policy, PolicyError, PopularityAndTopics, Requests, Slates
from holdfast.simulation.truth import read_truth
from holdfast.simulation.world import DefaultWorld

WORLD = DefaultWorld(num_users=120, num_items=150, num_days=5, burn_in_days=2)
BAD_DAY = 3
GOOD = behavior_policy(epsilon=0.3)

Change = Callable[[Slates], Any]


@dataclass(frozen=True)
class Fails:
    """A good policy until one day, on which its slates are changed."""

    change: Change
    name: str = "fails@7"

    def choose(self, requests: Requests) -> Slates:
        good = GOOD.choose(requests)
        slates: Slates = self.change(good) if requests.day == BAD_DAY else good
        return slates


def first(values: Any, value: Any) -> Any:
    """The array with another value in its first cell."""
    changed = values.copy()
    changed.flat[0] = value
    return changed


def raises(error: Exception) -> Change:
    def change(good: Slates) -> Slates:
        raise error

    return change


BAD_SLATES: dict[str, tuple[Change, str]] = {
    "a candidate twice": (
        lambda good: replace(good, position=np.repeat(good.position[:, :1], 6, axis=1)),
        "a slate shows one candidate twice",
    ),
    "a negative id": (
        lambda good: replace(good, position=first(good.position, -1)),
        "a position is outside 0 to 19",
    ),
    "an id beyond the candidates": (
        lambda good: replace(good, position=first(good.position, 20)),
        "a position is outside 0 to 19",
    ),
    "ids of items and not of candidates": (
        lambda good: replace(good, position=good.position + 100),
        "a position is outside 0 to 19",
    ),
    "ids as floats": (
        lambda good: replace(good, position=good.position.astype(np.float64)),
        "position holds float64; it must hold integers",
    ),
    "a mask for ids": (
        lambda good: replace(good, position=good.position > 3),
        "position holds bool; it must hold integers",
    ),
    "ids in lists": (
        lambda good: replace(good, position=good.position.tolist()),
        "position is of type list; it must be a NumPy array",
    ),
    "a slot too few": (
        lambda good: replace(good, position=good.position[:, :5]),
        r"position has shape \(\d+, 5\); \(\d+, 6\) is needed",
    ),
    "a request too few": (
        lambda good: replace(good, position=good.position[1:]),
        r"position has shape \(\d+, 6\); \(\d+, 6\) is needed",
    ),
    "one propensity a request": (
        lambda good: replace(good, propensity=good.propensity[:, 0]),
        r"propensity has shape \(\d+,\); \(\d+, 6\) is needed",
    ),
    "one slate propensity a slot": (
        lambda good: replace(good, slate_propensity=good.propensity),
        r"slate_propensity has shape \(\d+, 6\); \(\d+,\) is needed",
    ),
    "propensity 0": (
        lambda good: replace(good, propensity=first(good.propensity, 0.0)),
        r"1 values of propensity are NaN or outside \(0, 1\], the first is .*0\.0",
    ),
    "propensity NaN": (
        lambda good: replace(good, propensity=first(good.propensity, np.nan)),
        r"1 values of propensity are NaN or outside \(0, 1\], the first is .*nan",
    ),
    "propensity 2": (
        lambda good: replace(good, propensity=first(good.propensity, 2.0)),
        r"1 values of propensity are NaN or outside \(0, 1\], the first is .*2\.0",
    ),
    "propensity in words": (
        lambda good: replace(good, propensity=good.propensity.astype(str)),
        "propensity holds <U32; it must hold floats",
    ),
    "a slate that is NaN": (
        lambda good: replace(good, slate_propensity=first(good.slate_propensity, np.nan)),
        "1 values of slate_propensity are NaN or outside",
    ),
    "a slate likelier than its items": (
        lambda good: replace(good, propensity=np.full_like(good.propensity, 1e-4)),
        r"\d+ slates are likelier than an item in them, the first has .* and propensity 0.0001",
    ),
    "nothing at all": (lambda good: None, "position is of type NoneType; it must be a NumPy array"),
    "an error of its own": (raises(KeyError("user 7")), "failed: KeyError: 'user 7'"),
    "an error of its own kind of value": (raises(ValueError("odd")), "failed: ValueError: odd"),
    "a division": (raises(ZeroDivisionError("by zero")), "failed: ZeroDivisionError: by zero"),
}
bad_slates = pytest.mark.parametrize(("change", "message"), BAD_SLATES.values(), ids=BAD_SLATES.keys())


@cache
def whole_log() -> Log:
    return WORLD.simulate(GOOD).log


def assert_whole_until(folder: Path, day: int) -> None:
    """The log ends at midnight before the day, and is what a world without the mishap would say by then."""
    log = ParquetLog(root=str(folder / "log")).read()
    view = whole_log().as_of(log.observed_until).frame.drop(columns=["dwell_cut", "policy"])
    assert log.frame.drop(columns="policy").equals(view)
    assert np.unique(log.local_days() - log.local_days().min()).tolist() == list(range(day))
    assert set(read_truth(folder / "truth").visits["day"]) == set(range(day))
    assert sorted(path.name for path in folder.iterdir()) == ["log", "truth"], "no leftovers"


@bad_slates
def test_bad_slates_name_the_policy_and_the_day_and_the_log_stays_whole(
    change: Change, message: str, tmp_path: Path
):
    with pytest.raises(PolicyError, match=rf"^policy 'fails@7' on day 3:? ?{message}"):
        WORLD.write(tmp_path / "log", Fails(change), truth=tmp_path / "truth")
    assert_whole_until(tmp_path, BAD_DAY)


def test_threads_do_not_hide_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("holdfast.simulation.loop.BLOCK_USERS", 25)
    policy = Fails(raises(RuntimeError("out of memory")))
    with pytest.raises(
        PolicyError, match="policy 'fails@7' on day 3 failed: RuntimeError: out of memory"
    ) as error:
        WORLD.write(tmp_path / "log", policy, truth=tmp_path / "truth", threads=3)
    assert_whole_until(tmp_path, BAD_DAY)
    assert isinstance(error.value.__cause__, RuntimeError)
    assert isinstance(error.value, UserError), "the command line says it without a traceback"


def test_a_log_in_memory_a_value_a_replay_and_a_closed_loop_say_the_same():
    policy = Fails(raises(KeyError("user 7")))
    parts = WORLD.mechanisms()
    publication = WORLD.publication(parts, policy)
    morning = morning_after(publication, GOOD, day=2)
    loop = ClosedLoop(publication, morning, policy, schedule=Schedule(first_day=2, num_days=3, every_days=0))
    for work in (
        lambda: WORLD.simulate(policy),
        lambda: WORLD.value(policy, 5, repeats=2),
        lambda: WORLD.replay(policy),
        loop.finish,
    ):
        with pytest.raises(PolicyError, match="policy 'fails@7' on day 3 failed: KeyError: 'user 7'"):
            work()
    assert loop.served is not None
    assert loop.served.day == 2, "what was served before is kept"


def test_a_failure_before_the_log_begins_leaves_what_was_there(tmp_path: Path):
    """In the days before the log nothing has been written yet, and an older log is not lost."""
    WORLD.write(tmp_path / "log", GOOD)
    before = {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()}

    @dataclass(frozen=True)
    class Never:
        name: str = "never@1"

        def choose(self, requests: Requests) -> Slates:
            raise OSError("no such file")

    with pytest.raises(PolicyError, match="policy 'never@1' on day -2 failed: OSError: no such file"):
        WORLD.write(tmp_path / "log", Never())
    assert {path.name: path.read_bytes() for path in (tmp_path / "log").iterdir()} == before


@dataclass(frozen=True)
class Numbers:
    """A scorer, or who states probabilities, that goes wrong on a day."""

    wrong: Callable[[Floats], Floats]

    def score(self, requests: Requests) -> Floats:
        good = PopularityAndTopics().score(requests)
        return self.wrong(good) if requests.day == BAD_DAY else good

    def probabilities(self, requests: Requests) -> Floats:
        good = np.full(requests.candidates.shape, 1.0 / requests.candidates.shape[1])
        return self.wrong(good) if requests.day == BAD_DAY else good


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda good: first(good, np.nan), "1 of \\d+ scores are NaN or infinite"),
        (lambda good: good * np.inf, "\\d+ of \\d+ scores are NaN or infinite"),
        (lambda good: good[:, 1:], r"scores have shape \(\d+, 19\), and the candidates \(\d+, 20\)"),
        (lambda good: good.ravel(), r"scores have shape \(\d+,\)"),
        (lambda good: None, r"scores have shape \(\)"),
        (lambda good: np.full(good.shape, "high"), "failed: ValueError: could not convert"),
    ],
)
def test_scores_that_no_ranking_can_be_made_of(wrong: Any, message: str, tmp_path: Path):
    for exploration in (EpsilonGreedySlates(epsilon=0.3), PosteriorSampling(epsilon=0.1)):
        policy = ScoredPolicy(
            exploration=exploration, scorers=(PopularityAndTopics(), Numbers(wrong)), ranker="odd"
        )
        where = "" if message.startswith("failed") else r"\(Numbers\) "
        with pytest.raises(PolicyError, match=rf"policy 'odd/.*@1' {where}on day 3:? ?{message}"):
            WORLD.write(tmp_path / "log", policy)
        assert len(np.unique(ParquetLog(root=str(tmp_path / "log")).read().local_days())) == BAD_DAY


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda good: good * 0.9, "the probabilities of .* requests do not sum to 1, the first to 0.9"),
        (lambda good: first(good, np.nan), "1 of .* probabilities are NaN or outside 0 to 1"),
        (lambda good: first(good, -0.05), "1 of .* probabilities are NaN or outside 0 to 1"),
        (lambda good: np.eye(20)[np.zeros(len(good), dtype=int)], "fewer candidates with a probability"),
        (lambda good: good[:, 1:], "probabilities have shape"),
    ],
)
def test_probabilities_that_are_none(wrong: Any, message: str, tmp_path: Path):
    policy = StatedProbabilities(chooser=Numbers(wrong), ranker="learned")
    with pytest.raises(
        PolicyError, match=rf"policy 'learned/probabilities@1' \(Numbers\) on day 3: .*{message}"
    ):
        WORLD.write(tmp_path / "log", policy)
    assert len(np.unique(ParquetLog(root=str(tmp_path / "log")).read().local_days())) == BAD_DAY


def publication_policy(model: Any) -> Policy:
    scorer = RowsScored(model=model, publication=WORLD.publication(WORLD.mechanisms(), GOOD))
    return ScoredPolicy(exploration=EpsilonGreedySlates(), scorers=(scorer,), ranker="model")


def test_a_model_that_gives_another_number_of_rows_is_named():
    with pytest.raises(PolicyError, match=r"policy 'model/epsilon_greedy\(0.1\)@1' on day -2 failed: .*rows"):
        WORLD.simulate(publication_policy(lambda rows: np.zeros(len(rows) - 1)))


def test_explorations_and_oracles_out_of_place_are_named():
    many = ScoredPolicy(
        exploration=RandomSlots(num_random=7, where="last"), scorers=(PopularityAndTopics(),), ranker="many"
    )
    with pytest.raises(
        PolicyError, match=r"policy 'many/random_slots.*' on day -2 failed: .*num_random is 7"
    ):
        WORLD.simulate(many)
    oracle = OraclePolicy(scorer=LongTermOracle(), exploration=EpsilonGreedySlates(), ranker="oracle")
    with pytest.raises(PolicyError, match=r"policy 'oracle/.*@1' on day 4: an oracle has to be told"):
        oracle.choose(requests_of_day(4))


def requests_of_day(day: int) -> Requests:
    seen: list[Requests] = []

    @dataclass(frozen=True)
    class Seeing:
        name: str = "seeing@1"

        def choose(self, requests: Requests) -> Slates:
            seen.append(requests)
            return GOOD.choose(requests)

    WORLD.simulate(Seeing())
    return next(each for each in seen if each.day == day)


DRY = {"catalogue_turnover": {"start_day": 2, "ramp_days": 1, "strength": 1.0}}


def test_a_catalogue_that_runs_dry_names_the_day_and_the_log_stays_whole(tmp_path: Path):
    """Everything born before day 2 is withdrawn on day 2; what is born that day does not fill a request."""
    world = replace(WORLD, num_items=60, changes=DRY)
    born = int((world.mechanisms().observed_items.birth_day == 2).sum())
    with pytest.raises(
        ValueError,
        match=f"only {born} items are alive on day 2, and a request needs candidates=20; raise num_items",
    ):
        world.write(tmp_path / "log")
    log = ParquetLog(root=str(tmp_path / "log")).read()
    assert np.unique(log.local_days() - log.local_days().min()).tolist() == [0, 1]


def test_a_catalogue_as_large_as_a_request_will_do():
    """Exactly as many items alive as candidates: each request gets all of them, whatever their weights."""
    items = DefaultWorld(num_users=40, num_items=150, num_days=2, burn_in_days=0).mechanisms().observed_items
    alive = int((items.birth_day <= 0).sum())
    world = DefaultWorld(num_users=40, num_items=150, num_days=2, burn_in_days=0, candidates=alive)
    candidates = world.simulate().truth.candidates
    first_day = np.sort(candidates[:40], axis=1)
    assert (first_day == first_day[0]).all()
    with pytest.raises(ValueError, match=f"only {alive} items are alive on day 0, and a request needs"):
        replace(world, candidates=alive + 1).simulate()


def test_a_catalogue_of_yesterdays_papers_still_fills_a_request():
    """With a half-life of an hour only today's items count, and there are too few of them: others follow."""
    world = replace(WORLD, num_items=300, half_life_days=1 / 24)
    truth = world.simulate().truth
    born = world.mechanisms().observed_items.birth_day
    assert all(len(set(row)) == 20 for row in truth.candidates[::50].tolist())
    today = np.flatnonzero(born == truth.visits["day"].iloc[0]) + 1
    assert 0 < len(today) < 20
    assert np.array_equal(np.sort(truth.candidates[0, : len(today)]), today)


def test_chances_in_single_precision_are_as_good(tmp_path: Path):
    single = Fails(lambda good: good)

    @dataclass(frozen=True)
    class Single:
        name: str = "single@1"

        def choose(self, requests: Requests) -> Slates:
            good = single.choose(requests)
            return Slates(
                position=good.position.astype(np.int16),
                propensity=good.propensity.astype(np.float32),
                slate_propensity=good.slate_propensity.astype(np.float32),
            )

    WORLD.write(tmp_path / "log", Single())
    log = ParquetLog(root=str(tmp_path / "log")).read()
    assert log.frame["propensity"].to_numpy() == pytest.approx(
        whole_log().frame["propensity"].to_numpy(), rel=1e-6
    )


@pytest.mark.parametrize("name", [None, 5, "", b"bytes@1"])
def test_a_name_that_no_log_can_hold_is_refused(name: Any, tmp_path: Path):
    @dataclass(frozen=True)
    class Named:
        name: Any

        def choose(self, requests: Requests) -> Slates:
            return GOOD.choose(requests)

    refuse_everywhere(Named(name), f"a policy of type Named has the name {name!r}; give it", tmp_path)


def test_a_policy_without_a_name_is_refused(tmp_path: Path):
    class Nameless:
        def choose(self, requests: Requests) -> Slates:
            return GOOD.choose(requests)

    refuse_everywhere(Nameless(), "a policy of type Nameless has the name None", tmp_path)


def refuse_everywhere(policy: Any, message: str, folder: Path) -> None:
    publication = WORLD.publication(WORLD.mechanisms(), GOOD)
    morning = morning_after(publication, GOOD, day=1)
    schedule = Schedule(first_day=1, num_days=1, every_days=0)
    for work in (
        lambda: WORLD.simulate(policy),
        lambda: WORLD.write(folder / "log", policy),
        lambda: WORLD.value(policy, 2, repeats=2),
        lambda: WORLD.replay(policy),
        lambda: ClosedLoop(publication, morning, policy, schedule=schedule).step(),
        lambda: morning_after(publication, policy, day=1),
    ):
        with pytest.raises(PolicyError, match=message):
            work()
