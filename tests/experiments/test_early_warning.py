"""Early warning: its figures on data whose answer is known, a tiny world, and what its page shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.monitoring.watched_log import iso_day, watch_log
from holdfast.core.files import read_json
from holdfast.core.shipped import shipped_folder

STUDY = shipped_folder("experiments") / "early_warning"
NAMES = (
    "scenarios",
    "worth",
    "nightly",
    "habits",
    "measuring",
    "scores",
    "tables",
    "findings",
    "figure",
    "run",
)


@pytest.fixture(scope="module")
def study(modules_of):
    """The study's modules by name; they find each other as they do when the study is run."""
    with modules_of(STUDY, NAMES) as found:
        yield found


@pytest.fixture(scope="module")
def ground(study, tmp_path_factory):
    """A tiny world with its model."""
    GlobalHydra.instance().clear()
    made = study["measuring"].Ground(study["run"].QUICK, 903, tmp_path_factory.mktemp("early") / "run")
    GlobalHydra.instance().clear()
    return made


def worth(study, gained, requests=None, possible=None):
    gained = np.asarray(gained, dtype=float)
    ones = np.ones(len(gained))
    return study["worth"].Worth(
        gained, 2.0 * ones if possible is None else possible, ones if requests is None else requests
    )


def test_expected_seconds_are_those_of_a_simulation(study) -> None:
    rng = np.random.default_rng(0)
    log_mean, cap = np.array([2.0, 3.4, 5.0]), np.array([600.0, 40.0, 15.0])
    drawn = np.minimum(np.exp(log_mean + rng.normal(size=(400_000, 3))), cap)
    np.testing.assert_allclose(study["worth"].expected_seconds(log_mean, cap), drawn.mean(0), rtol=0.01)


def test_the_best_order_gains_all_the_worst_as_much_below_and_ties_keep_their_place(study) -> None:
    seconds = np.array([[3.0, 1.0], [1.0, 3.0], [2.0, 2.0]])
    score = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    gained, possible = study["worth"].gains(seconds, score, look=np.array([1.0, 0.5]))
    requests = pd.DataFrame({"day": [0, 1, 1], "gained": gained, "possible": possible})
    found = study["worth"].worth_by_day(requests, num_days=3)
    # By hand: chance is 2 * 1.5, best 3 + .5, worst 1 + 1.5.
    np.testing.assert_allclose(found.gained, [0.5, -0.5, 0.0])
    np.testing.assert_allclose(found.possible, [0.5, 0.5, 0.0])
    np.testing.assert_allclose(found.requests, [1, 2, 0])
    assert found.a_request(1, 2) == -0.25
    assert np.isnan(found.a_request(2, 3))


def test_the_value_falls_on_the_first_day_that_is_below_with_the_two_after_it(study) -> None:
    fall_day, twin = study["worth"].fall_day, worth(study, [1.0] * 10)
    assert fall_day(worth(study, [1.0] * 5 + [0.5] * 5), twin, onset=2) == 5, "not when its mean looks ahead"
    dip = [1.0, 1.0, 0.9, 1.2, 1.0, 1.0, *[0.5] * 4]
    assert fall_day(worth(study, dip), twin, onset=1) == 6, "one bad day is no fall"
    assert fall_day(worth(study, [1.0] * 5 + [0.5] * 5), twin, onset=5) == 5
    assert fall_day(twin, twin, onset=2) is None
    assert fall_day(worth(study, [1.0] * 5 + [0.8] + [1.0] * 4), twin, onset=2) is None, "as a whole it kept"
    assert fall_day(worth(study, [0.5] * 5 + [1.0] * 5), twin, onset=5) is None, "before the onset"
    assert fall_day(worth(study, [1.0] * 9 + [0.0]), twin, onset=8) is None, "no three days are left"
    useless = worth(study, [-1.0] * 10)
    assert fall_day(worth(study, [-2.0] * 10), useless, onset=0) is None, "there is no gain to lose"
    fewer = worth(study, [0.5] * 10, requests=np.full(10, 0.5))
    assert fall_day(fewer, twin, onset=0) is None, "fewer requests are no fall"


def test_a_fall_is_more_than_the_luck_of_users(study) -> None:
    rng, module = np.random.default_rng(2), study["worth"]
    users = np.repeat(np.arange(200), rng.poisson(6, 200))
    taste = rng.gamma(2.0, 1.0, 200)
    twin = pd.DataFrame({"user": users, "gained": taste[users] + rng.normal(size=users.size)})
    drifted = twin.assign(gained=0.8 * twin["gained"] + 0.5 * rng.normal(size=users.size))[: users.size // 2]
    assert module.log_ratio_error(twin, twin) == 0.0
    parts = [each.groupby("user")["gained"].agg(["sum", "count"]) for each in (drifted, twin)]
    parts = [each.reindex(range(200), fill_value=0).to_numpy() for each in parts]
    draws = rng.integers(200, size=(4000, 200))
    (gain, number), (gain_0, number_0) = (np.moveaxis(each[draws].sum(axis=1), -1, 0) for each in parts)
    expected = np.log((gain / number) / (gain_0 / number_0)).std()
    assert module.log_ratio_error(drifted, twin) == pytest.approx(expected, rel=0.1)
    stable, worse = worth(study, [1.0] * 10), worth(study, [1.0] * 5 + [0.9] * 5)
    assert module.fall_day(worse, stable, onset=5, log_error=0.06) == 5
    assert module.fall_day(worse, stable, onset=5, log_error=0.07) is None, "1.645 * .07 is above .105"


def record(onset, told, gained):
    spoken = [{"rule": r, "told": t, "window": t, "what": w} for r, t, w in told]
    values = {"gained": gained, "possible": [2.0] * len(gained), "requests": [1.0] * len(gained)}
    return {"onset": onset, "worth": values, "log_error": 0.0, "spoken": spoken}


def table_of(study, falls=(True, True)) -> pd.DataFrame:
    """Worlds of 10 days with an onset on day 3 and a fall on day 5; the trigger of the second never comes."""
    scores, scenario = study["scores"], study["scenarios"].Scenario
    rows = []
    for seed, fall in enumerate(falls):
        always = [(study["habits"].ALWAYS, night, "it is night") for night in range(10)]
        false = [(scores.ALARM, 4, "a"), (scores.ALARM, 4, "b"), (scores.ALARM, 9, "a")]
        stable = record(0, [*always, *false], [1.0] * 10)
        true = [(scores.ALARM, 4, "a"), (scores.ALARM, 6, "c")]
        true += [(scores.TRIGGER, 7, "c")] if seed == 0 else []
        gained = [1.0] * 5 + [0.0] * 5 if fall else [1.0] * 10
        changed = record(3, [*always[3:], *true], gained)
        rows += scores.result_rows(seed, scenario(), stable, stable)
        rows += scores.result_rows(seed, scenario(schedule="season", ramp="abrupt"), changed, stable)
    return pd.DataFrame(rows)


def test_scores_are_those_counted_by_hand(study) -> None:
    scores, table = study["scores"], table_of(study)
    alarm, trigger = (scores.drifts(table, rule) for rule in (scores.ALARM, scores.TRIGGER))
    assert alarm["fall"].tolist() == [5, 5]
    assert (scores.delay(alarm, "first").value, scores.lead(alarm, "first").value) == (1.0, 1.0)
    assert (scores.delay(alarm).value, scores.lead(alarm).value) == (3.0, -1.0), "its own is not the twin's"
    late = scores.lead(trigger)
    assert (late.value, late.censored, late.number) == (-3.5, 1, 2), "one on day 7, one never: day 10"
    assert (late.low, late.high) == (-5.0, -2.0)
    assert scores.false_nights(table, scores.ALARM).value == pytest.approx(2 * 28 / 10)
    always, never = study["habits"].ALWAYS, study["habits"].NEVER
    assert scores.false_nights(table, always).value == 28.0
    assert scores.false_nights(table, never).value == 0.0
    assert scores.delay(scores.drifts(table, always), "first").value == 0.0
    assert scores.told_share(scores.drifts(table, always)) == (0, 2), "what it tells, the twin tells too"
    assert scores.told_share(scores.drifts(table, never), "first") == (0, 2)


def test_the_habits_alarm_where_they_say(study) -> None:
    from holdfast.monitoring.finding import Finding
    from holdfast.monitoring.reference import Reference

    habits, rng = study["habits"], np.random.default_rng(0)
    before = pd.DataFrame(
        {"a": rng.normal(size=2000), "b": rng.normal(size=2000), "user_id": np.arange(2000)}
    )
    same = before.assign(user_id=before["user_id"] + 10_000)
    moved = before.assign(a=before["a"] + 2.0)
    told = list(habits.column_rules(Reference.from_frame(before), {3: same, 4: moved}))
    assert {(each.rule, each.told, each.what) for each in told} == {
        (habits.STABILITY, 4, "a"),
        (habits.UNCONTROLLED, 4, "a"),
    }
    nothing = Finding(where="a", kind="kolmogorov_smirnov")
    assert habits._rule_of(nothing) is None
    spoken = habits.performance_rule(
        np.array([0.6, 0.62, 0.58]), np.array([0.6, 0.53, np.nan, 0.55]), head="retention", delay_days=7
    )
    # By hand: .6 - 3 * .02.
    assert [(each.window, each.told) for each in spoken] == [(1, 8)]


def test_harmless_changes_have_no_lead_and_are_told_apart(study) -> None:
    scores, table = study["scores"], table_of(study, falls=(True, False))
    alarm = scores.drifts(table, scores.ALARM)
    assert scores.lead(alarm).number == 1
    assert scores.told_share(scores.drifts(table, scores.ALARM, harmful=False)) == (1, 1)
    none = table_of(study, falls=(False, False))
    assert scores.lead(scores.drifts(none, scores.ALARM)).number == 0
    assert "2 changed twins; in 0 of them the value falls" in study["tables"].all_tables(none)


def test_tables_and_figure_are_drawn_whatever_came(study, tmp_path) -> None:
    for number, falls in enumerate([(True, False), (False,)]):
        table = table_of(study, falls=falls)
        assert "| season, abrupt | season |" in study["tables"].all_tables(table)
        study["figure"].draw(table, tmp_path / f"{number}.png")
        assert (tmp_path / f"{number}.png").stat().st_size > 15_000


def test_the_answer_is_said_as_it_came_out(study) -> None:
    answer = study["findings"].answer
    both = answer(table_of(study))
    assert "The value falls in 2 of 2 changed twins: season (2)." in both
    assert "own alarm** comes before the fall in 0, on the night of its day in 0, after it in 2" in both
    assert "Lead -1.0 [-1.0, -1.0] days, delay 3.0 [3.0, 3.0]: it **comes too late" in both
    assert (
        "own trigger** comes before the fall in 0, on the night of its day in 0, after it in 1 and never in 1"
        in both
    )
    assert "no own trigger: season, abrupt (1 of 2)" in both
    none = answer(table_of(study, falls=(False, False)))
    assert "there is no lead time" in none
    assert "an own alarm in 2 and an own trigger in 1 of 2" in none


def test_every_group_holds_all_rules_beside_the_stable_twins(study) -> None:
    tables, table = study["tables"], table_of(study)
    page = tables.every_scenario(table)
    assert page.count("## season, abrupt") == 1
    for rule in study["scores"].RULES:
        assert page.count(f"\n| {rule} |") == 1
        assert tables.group_tables(table).count(f"\n| {rule} |") == 2, "by kind, by speed"
    assert "| always | 28.0 [28.0, 28.0] | 0 of 2 |" in page


def test_a_change_and_sizes_that_do_not_exist_are_named(study) -> None:
    scenarios = study["scenarios"]
    with pytest.raises(ValueError, match="earthquake"):
        scenarios.Scenario(schedule="earthquake", ramp="abrupt")
    with pytest.raises(ValueError, match="slow"):
        scenarios.Scenario(schedule="season", ramp="slow")
    with pytest.raises(ValueError, match="last_onset"):
        scenarios.Study(watched_days=9)
    every = scenarios.Study()
    assert len(every.scenarios()) == 1 + 10 * 2
    onsets = {every.onset(seed, name) for seed in range(30) for name in scenarios.SCHEDULES}
    assert onsets == set(range(every.first_onset, every.last_onset + 1))


def test_the_study_keeps_to_worlds_that_nothing_was_tuned_on(study) -> None:
    seeds = study["run"].SEEDS
    assert len(set(seeds)) == len(seeds) >= 4
    assert not set(seeds) & {*range(40), 901, 902, 903}


def test_what_is_known_at_an_age_is_what_the_log_knew_then(study, ground) -> None:
    nightly, opened = study["nightly"], ground.opened
    scene = ground.stable
    window = ground.first_day + 1
    for age in (0, 2, 7):
        moment = study["measuring"].local_midnight(window + age + 1, opened.card.time_zone)
        view = scene.log.as_of(moment)
        frame = view.frame[view.local_days() == window].reset_index(drop=True)
        then = opened.watcher.score(replace(view, frame=frame)).outcomes["retention"]
        rows = scene.rows.rows(scene.rows.day == window)
        found = nightly.as_known_after(rows.outcomes["retention"], age)
        for name in ("known", "age", "delay"):
            np.testing.assert_array_equal(getattr(found, name), getattr(then, name), err_msg=f"{name} {age}")
        np.testing.assert_array_equal(found.observed[found.known], then.observed[then.known])


class Made:
    """A log that is there."""

    def __init__(self, log) -> None:
        self.log = log

    def read(self):
        return self.log


def test_a_night_of_the_study_is_what_the_monitor_says_that_night(study, ground, tmp_path) -> None:
    """Days looked at once, returns cut to their age, against ``holdfast monitor`` on a log of that night."""
    measuring, nightly = study["measuring"], study["nightly"]
    scenario = study["scenarios"].Scenario(schedule="unit_change", ramp="abrupt")
    world = study["scenarios"].changed(ground.world, scenario, start_day=ground.study.reference_days + 2)
    scene, opened, first = ground.scene(world), ground.opened, ground.first_day
    settings = measuring.MonitorSettings(harm_rows=20, rate=0.2)
    zone = opened.card.time_zone
    views = nightly.Views(opened, settings=settings, watcher=nightly.RememberingWatcher(opened.watcher))
    windows = measuring.windows_of(first, first + 9, num_days=1, zone=zone)
    nights = dict(nightly.night_by_night(views.with_labels(scene.rows, windows)))
    blind = [study["nightly"]._window_rows(replace(scene.rows, outcomes={}), each) for each in windows]
    label_free = [alarm for ages in views.label_free(scene.rows, windows).values() for alarm in ages[0]]
    assert {(a.where, a.kind, a.start, a.harmful) for a in label_free} == {
        (a.where, a.kind, a.start, a.harmful) for a in views.watch(blind).alarms
    }
    alarmed = 0
    for night in (first + 3, first + 8):
        assert list(nights[night]) == list(range(max(first, night - 7), night + 1))
        alarms = [each for day in nights[night].values() for each in day]
        trigger = nightly.retraining_trigger(alarms, looks=settings.looks)
        said = watch_log(
            opened.bundle.folder,
            settings=replace(settings, start=iso_day(max(first, night - 7))),
            output=tmp_path / str(night),
            source=Made(scene.log.as_of(measuring.local_midnight(night + 1, zone))),
        )
        found = [(each.where, each.kind, pd.Timestamp(each.start), each.harmful) for each in alarms]
        expected = [
            (each["where"], each["kind"], pd.Timestamp(each["start"]), each["harmful"])
            for each in said["alarms"]
        ]
        assert sorted(found, key=str) == sorted(expected, key=str)
        assert trigger.action == said["action"]
        assert set(trigger.reasons) == set(said["reasons"])
        alarmed += len(found)
    assert alarmed, "the change is seen"


def test_a_trigger_is_told_on_the_night_that_confirms_it(study) -> None:
    from holdfast.monitoring.alarm import Alarm

    nightly = study["nightly"]
    start = pd.Timestamp("2024-05-01", tz="UTC")

    def harmful(day):
        begin = start + pd.Timedelta(days=day)
        return Alarm(
            where="a", kind="kolmogorov_smirnov", place="feature", start=begin,
            end=begin + pd.Timedelta(days=1), since=begin, p_value=0.0, adjusted_p_value=0.0,
            statistic=1.0, threshold=0.05, effect=1.0, effect_unit="sd",
            interval=None, harm=None, harmful=True, next_step="Train again.", note="",
        )  # fmt: skip

    days = {0: [harmful(0)], 2: [harmful(2)], 3: [harmful(3)]}
    told = []
    for night in range(4):
        seen = {day: alarms for day, alarms in days.items() if day <= night}
        told += nightly._told("v", seen, night, looks=2)
    first = nightly._first_nights(told)
    assert {each.window: each.told for each in first if each.rule == "alarm, v"} == {0: 0, 2: 2, 3: 3}
    triggers = {each.told for each in first if each.rule == "trigger, v"}
    assert triggers == {3}, "the second harmful day in a row, not the lonely first one"


def test_a_tiny_world_is_watched_and_a_change_is_seen(study, ground) -> None:
    measuring, scores = study["measuring"], study["scores"]
    scenario = study["scenarios"].Scenario(schedule="unit_change", ramp="abrupt")
    twin = study["worth"].worth_by_day(ground.stable.requests, num_days=ground.study.watched_days)
    stable = record(0, [], twin.gained.tolist()) | {"worth": {k: v.tolist() for k, v in vars(twin).items()}}
    found = measuring.measure(ground, scenario)
    rows = pd.DataFrame(scores.result_rows(903, scenario, found, stable)).set_index("rule")
    assert rows.loc[scores.FREE_ALARM, "first_own"] == found["onset"] == 2
    assert rows.loc[study["habits"].ALWAYS, "first"] == 2
    assert rows.loc[study["habits"].NEVER, "first"] is None or np.isnan(
        rows.loc[study["habits"].NEVER, "first"]
    )
    assert stable["worth"]["requests"][:2] == found["worth"]["requests"][:2]
    assert stable["worth"]["gained"][:2] == found["worth"]["gained"][:2]
    assert stable["worth"]["requests"][2:] == found["worth"]["requests"][2:], "a sensor moves no user"
    assert all(2 <= each["told"] < ground.study.watched_days for each in found["spoken"])


def test_what_is_there_is_not_measured_again(study, tmp_path, monkeypatch) -> None:
    run, quick = study["run"], study["run"].QUICK
    calls = []

    def measured(ground, scenario):
        calls.append(scenario.name)
        return record(2, [(study["scores"].ALARM, 3, "a")], [1.0] * quick.watched_days)

    monkeypatch.setattr(run, "Ground", lambda *_: None)
    monkeypatch.setattr(run, "measure", measured)
    found = run.measured(quick, [903, 904], tmp_path, 1)
    assert len(calls) == 2 * len(quick.scenarios())
    assert found["seed"].nunique() == 2
    (tmp_path / "seed_903" / "stable.json").unlink()
    pd.testing.assert_frame_equal(run.measured(quick, [903, 904], tmp_path, 1), found)
    assert calls[-1] == "stable"
    assert len(calls) == 2 * len(quick.scenarios()) + 1
    assert read_json(tmp_path / "seed_904" / "stable.json")["record"]["onset"] == 2
    stronger = replace(study["scenarios"].SCHEDULES["unit_change"], settings={"strength": 0.1})
    monkeypatch.setitem(study["scenarios"].SCHEDULES, "unit_change", stronger)
    run.measured(quick, [903], tmp_path, 1)
    assert calls[-2:] == ["unit_change-abrupt", "unit_change-gradual"], "another strength is another result"


def test_a_quick_look_never_writes_over_the_results(study, capsys) -> None:
    with pytest.raises(SystemExit):
        study["run"].main(["--quick"])
    assert "--out" in capsys.readouterr().err


def test_the_page_shows_what_was_measured(study) -> None:
    results = STUDY / "results" / "results.csv"
    if not results.is_file():
        pytest.skip("the study has not been run yet")
    table = pd.read_csv(results)
    page = (STUDY / "README.md").read_text()
    assert study["tables"].all_tables(table) in page
    assert study["findings"].answer(table) in page
    assert table["seed"].nunique() >= 4
    assert set(table["rule"]) == set(study["scores"].RULES)
    assert set(table["schedule"]) == {"stable", *study["scenarios"].SCHEDULES}
