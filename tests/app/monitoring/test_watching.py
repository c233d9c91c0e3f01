from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from holdfast.app.monitoring.scored_rows import ScoredRows
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.monitoring.watch_reference import (
    load_watch_reference,
    make_watch_reference,
    save_watch_reference,
)
from holdfast.app.monitoring.watching import watch
from holdfast.app.monitoring.window_rows import WindowRows
from holdfast.app.monitoring.windows import Days

FIRST, LEARNED, WATCHED = 20_000, 24, 14
CATEGORIES = ["user_id", "item_id", "day_of_week", "hour"]
DISTANCES = {"population_stability", "chi_square"}


def world(seed, *, life=150):
    """Days that are like each other: users come from one crowd, each item lives for a few days."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(LEARNED + WATCHED), 100)
    days = np.repeat(days, 4)  # sessions of four rows
    user = np.repeat(rng.integers(2000, size=days.size // 4), 4)
    return pd.DataFrame(
        {
            "user_id": user,
            "item_id": (days * 20 + rng.exponential(life, size=days.size)).astype(np.int64),
            "day_of_week": days % 7,
            "hour": np.repeat(rng.integers(8, 20, size=days.size // 4), 4),
            "editor_score": rng.normal(size=days.size),
            "idle": rng.normal(size=days.size),
            "day": FIRST + days,
        }
    )


class TinyModel:
    """Click by a column that carries the order, and return, which nearly all do, by none that moves."""

    def __init__(self, rows):
        rng = np.random.default_rng(0)
        clicks = rng.random(len(rows)) < 1 / (1 + np.exp(2 - 0.5 * rows["editor_score"]))
        self.click = LogisticRegression().fit(rows[["editor_score"]].to_numpy(), clicks)
        returns = 0.92 + rng.normal(0, 0.01, size=len(rows))
        self.back = LinearRegression().fit(rows[["editor_score"]].to_numpy(), returns)
        self.inputs = dict.fromkeys([*CATEGORIES, "editor_score", "idle"])
        self.heads = {"click": "click_probability", "retention": "return_probability"}

    def predict(self, rows):
        used = rows[["editor_score"]].astype(float).fillna(0.0).to_numpy()
        click, back = self.click.predict_proba(used)[:, 1], self.back.predict(used)
        return pd.DataFrame(
            {"click_probability": click, "return_probability": back, "score": np.log(click) + np.log(back)},
            index=rows.index,
        )


def scored(rows, model):
    features = rows.drop(columns="day")
    users = rows["user_id"].to_numpy()
    return ScoredRows(features, model.predict(features), {}, rows["day"].to_numpy(), users)


def seen(rows, *, spoil=lambda frame: frame, settings=None):
    """What is watched of the later days, which ``spoil`` changes."""
    learned = rows["day"] < FIRST + LEARNED
    model = TinyModel(rows[learned])
    reference = make_watch_reference(scored(rows[learned], model), categorical=CATEGORIES, zone="UTC")
    later = spoil(rows[~learned].copy())
    windows = []
    for day in range(FIRST + LEARNED, FIRST + LEARNED + WATCHED):
        here = scored(later[later["day"] == day], model)
        windows.append(WindowRows(Days(day, 1, "UTC"), here, len(here)))
    return watch(windows, reference, watcher=model, settings=settings or MonitorSettings())


@pytest.fixture(scope="module")
def stable():
    return [seen(world(seed)) for seed in range(3)]


def test_values_that_come_and_go_by_nature_are_no_alarm(stable):
    told = [each for watched in stable for each in watched.alarms if each.where in ("user_id", "item_id")]
    # Of 3 x 14 windows one or two may have a false alarm at the rate of 0.05.
    assert len({(each.where, each.start) for each in told}) <= 4


def test_identifiers_are_still_judged(stable):
    findings = [each for each in stable[0].findings if each.where in ("user_id", "item_id")]
    judged = {(each.where, each.kind) for each in findings if each.p_value is not None}
    kinds = ("population_stability", "new_categories")
    assert {(where, kind) for where in ("user_id", "item_id") for kind in kinds} <= judged


def test_a_column_that_is_one_value_a_day_is_not_compared_by_distributions(stable):
    found = [each for each in stable[0].findings if each.where == "day_of_week" and each.kind in DISTANCES]
    assert found and all(each.p_value is None and "one value in all rows" in each.note for each in found)


def test_no_alarm_of_stable_days_asks_for_training(stable):
    assert all(watched.trigger.action in ("none", "watch") for watched in stable)


def test_a_new_value_in_one_users_session_is_one_event_and_of_many_users_a_finding():
    def spoiled(share):
        def spoil(frame):
            users = frame["user_id"].unique()
            here = frame["user_id"].isin(users[: max(1, int(share * users.size))])
            first = frame["day"] == FIRST + LEARNED
            return frame.assign(hour=frame["hour"].where(~(here & first), 3))

        return spoil

    told = {}
    for share in (0.0, 0.3):
        alarms = seen(world(5), spoil=spoiled(share)).alarms
        told[share] = {each.start for each in alarms if (each.where, each.kind) == ("hour", "new_categories")}
    assert told[0.0] == set()
    assert len(told[0.3]) == 1


def test_new_values_of_all_users_are_found_whenever_they_come():
    def spoil(frame):
        late = frame["day"] == FIRST + LEARNED + WATCHED - 1
        return frame.assign(hour=frame["hour"].where(~late, frame.index + 1000))

    alarms = seen(world(6), spoil=spoil).alarms
    last = pd.Timestamp(FIRST + LEARNED + WATCHED - 1, unit="D", tz="UTC")
    starts = {each.start for each in alarms if (each.where, each.kind) == ("hour", "new_categories")}
    assert starts == {last}


@pytest.mark.parametrize(("column", "actions"), [("editor_score", {"repair"}), ("idle", {"none", "watch"})])
def test_a_column_that_carries_the_order_is_harmful_at_once_and_an_unused_one_never(column, actions):
    watched = seen(world(7), spoil=lambda frame: frame.assign(**{column: np.nan}))
    harms = [each.harm for each in watched.alarms if each.where == column]
    first = min(each.start for each in watched.alarms if each.where == column)
    assert first == pd.Timestamp(FIRST + LEARNED, unit="D", tz="UTC")
    assert watched.trigger.action in actions
    if column == "idle":
        assert all((each.relative, each.relative_high) == (0.0, 0.0) for each in harms)
    else:
        assert all(each.harmful for each in watched.alarms if each.where == column)
        assert min(each.order_low for each in harms) > 0.5


def test_what_comes_and_goes_survives_saving(tmp_path):
    rows = world(1)
    rows = rows[rows["day"] < FIRST + LEARNED]
    made = make_watch_reference(scored(rows, TinyModel(rows)), categorical=CATEGORIES, zone="UTC")
    save_watch_reference(made, tmp_path / "reference")
    read = load_watch_reference(tmp_path / "reference")
    assert list(read.same_in_days) == ["day_of_week"]
    assert read.news_reach == {"user_id": 12, "item_id": 12} == made.news_reach
    assert replace(read, same_in_days=()).last_day == made.last_day
