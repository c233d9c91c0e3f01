"""The comparison in a world: what its logs, its truth and its measures are, and that it runs."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr

from holdfast.core.shipped import shipped_folder
from holdfast.data.history import FREQUENCY, RECENCY, TrailingHistory
from holdfast.data.splits import TemporalSplit
from holdfast.simulation.world import DefaultWorld

STUDY = shipped_folder("experiments") / "debiasing"
NAMES = ("world_logs", "world_arms", "world_scores", "world_figure", "world_tables", "compare_world")
WORLD = DefaultWorld(num_users=400, num_items=300, num_days=8, burn_in_days=4, seed=3)
WATCHED = (5, 6)
LOOK = 1.0 / (1.0 + 0.35 * np.arange(6))


@pytest.fixture(scope="module")
def study():
    """The study's modules by name; they find each other as they do when the study is run."""
    sys.path.insert(0, str(STUDY))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(STUDY))
        for name in NAMES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def confounded(study):
    logs = study["world_logs"]
    return logs.logged(WORLD, logs.policy_of("confounded", temperature=0.3), watched_days=WATCHED)


@pytest.fixture(scope="module")
def simulation(study):
    return WORLD.simulate(study["world_logs"].policy_of("confounded", temperature=0.3))


@pytest.fixture(scope="module")
def everything(study, confounded):
    """All candidates of all watched requests."""
    return study["world_logs"].candidates_of(
        confounded, confounded.log, TrailingHistory(), num_requests=10**6, seed=0
    )


def shown(simulation) -> pd.DataFrame:
    """Rows of the watched days with their truth."""
    log = simulation.log.frame.assign(day=simulation.log.local_days())
    both = pd.concat([log, simulation.truth.impressions], axis=1)
    return both[(both["day"] - both["day"].min()).isin(WATCHED)]


def test_to_be_watched_changes_nothing(confounded, simulation) -> None:
    assert confounded.log.fingerprint() == simulation.log.fingerprint()


def test_the_truth_about_candidates_is_that_of_the_rows_that_were_shown(everything, simulation) -> None:
    rows = everything.rows.assign(
        liking=everything.click.ravel() / LOOK.mean(), dwell=everything.dwell_seconds.ravel()
    )
    both = shown(simulation).merge(rows, on=["user_id", "item_id", "shown_at"], suffixes=("", "_asked"))
    assert len(both) > 0.99 * len(shown(simulation))
    looked = LOOK[both["slot"].to_numpy(dtype=np.int64)]
    np.testing.assert_allclose(both["click_probability"], looked * both["liking"], rtol=1e-5)
    # The mean of a log-normal that is cut off, by quantiles instead of by its formula.
    levels = (np.arange(4000) + 0.5) / 4000
    normal = norm.ppf(levels)
    some = both.iloc[:50]
    stays = np.exp(some["dwell_log_mean"].to_numpy()[:, None] + normal)
    cut = np.minimum(stays, some["content_seconds"].to_numpy()[:, None]).mean(axis=1)
    np.testing.assert_allclose(some["dwell"], cut, rtol=2e-3)


def test_return_is_the_chance_that_the_next_days_visit_had(everything, simulation) -> None:
    day = pd.DataFrame(
        {
            "user_id": everything.rows["user_id"].to_numpy().reshape(everything.click.shape)[:, 0],
            "day": everything.rows["shown_at"].dt.day_of_year.to_numpy().reshape(everything.click.shape)[:, 0]
            - 6,
            "retention": everything.retention,
        }
    )
    visits = simulation.truth.visits.assign(day=simulation.truth.visits["day"] - 1)
    both = day.merge(visits, on=["user_id", "day"])
    assert len(both) > 100
    np.testing.assert_allclose(both["retention"], both["hazard"], rtol=1e-6)


def test_weights_lead_from_what_was_shown_to_all_candidates_in_any_slot(everything, simulation) -> None:
    rows = shown(simulation)
    weight = 1.0 / rows["propensity"].to_numpy()
    truth = everything.click.mean()
    weighted = np.average(rows["click_probability"], weights=weight)
    # Standard error of a ratio, whole requests being drawn; bound of three of them set beforehand.
    excess = pd.Series(weight * (rows["click_probability"].to_numpy() - weighted))
    by_request = excess.groupby(rows["request_id"].to_numpy()).sum()
    error = np.sqrt(np.square(by_request).sum()) / weight.sum()
    assert abs(weighted - truth) < 3 * error
    assert rows["click_probability"].mean() - truth > 5 * error


def test_history_of_candidates_is_that_of_the_midnight_before(study, confounded) -> None:
    logs, history = study["world_logs"], TrailingHistory(smoothing=0.0)
    midnight = confounded.publication.until(6)
    past = confounded.log.frame[confounded.log.frame["shown_at"] < midnight]
    rows = pd.DataFrame({"request_id": [0, 0, 1], "user_id": [1, 1, 2], "item_id": [7, 8, 7]})
    made = logs.with_history(rows, confounded.log, midnight=midnight, history=history)
    for place, (user, item) in enumerate(zip(rows["user_id"], rows["item_id"], strict=True)):
        of_item = past[(past["item_id"] == item) & (past["shown_at"] >= midnight - pd.Timedelta(days=7))]
        assert made["item_impressions_7d"][place] == len(of_item)
        assert made["item_clicks_7d"][place] == of_item["click"].sum()
        days = past.loc[past["user_id"] == user, "shown_at"].dt.normalize().unique()
        assert made[FREQUENCY][place] == sum(day >= midnight - pd.Timedelta(days=7) for day in days)
        gap = (midnight - days.max()).days if len(days) else np.nan
        np.testing.assert_equal(made[RECENCY][place], float(gap))
    alone = logs.with_history(rows.iloc[[2]], confounded.log, midnight=midnight, history=history)
    pd.testing.assert_series_equal(made.iloc[2], alone.iloc[0], check_names=False)


def test_logs_of_one_size_keep_whole_requests_and_every_visit(study, confounded) -> None:
    split = TemporalSplit(train_days=3, gap_days=1, validation_days=1, test_days=2, maturity_days=1)
    smaller = replace(
        confounded.log,
        frame=confounded.log.frame[confounded.log.frame["request_id"] % 3 > 0].reset_index(drop=True),
    )
    logs = {"confounded": confounded.log, "randomised": smaller}
    cut = study["world_logs"].same_size(logs, split, seed=0)
    for name in ("train", "validation"):
        window = split.windows(confounded.log)[name]
        rows = [log.between(window.start, window.end).frame for log in cut.values()]
        assert rows[0]["request_id"].nunique() == rows[1]["request_id"].nunique() > 10
        assert all((each.groupby("request_id").size() == 6).all() for each in rows)
    before = TrailingHistory(window_days=[]).compute(confounded.log)
    after = TrailingHistory(window_days=[]).compute(cut["confounded"])
    kept = confounded.log.frame["request_id"].isin(cut["confounded"].frame["request_id"]).to_numpy()
    assert not kept.all()
    pd.testing.assert_frame_equal(after, before[kept].reset_index(drop=True))


def test_nobody_to_ask_is_said(study, confounded) -> None:
    with pytest.raises(ValueError, match="raise num_users"):
        study["world_logs"].candidates_of(
            replace(confounded, asked=[]), confounded.log, TrailingHistory(), num_requests=5, seed=0
        )


def test_scores_by_hand(study) -> None:
    predicted = np.array([[0.1, 0.4], [0.2, 0.2]])
    truth = np.array([[0.2, 0.2], [0.1, 0.3]])
    liked = np.array([[True, False], [True, False]])
    found = study["world_scores"].scores(predicted, truth, liked)
    assert found["mae"] == pytest.approx(0.125)
    assert found["rmse"] == pytest.approx(np.sqrt((0.01 + 0.04 + 0.01 + 0.01) / 4))
    assert found["calibration"] == pytest.approx(0.9 / 0.8)
    assert found["mae_liked"] == pytest.approx(0.1)
    assert found["mae_others"] == pytest.approx(0.15)
    assert np.isnan(found["rank_correlation"]), "all tie in one or the other of each request"


def test_rank_correlation_is_spearmans(study) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (20, 8)), rng.integers(0, 5, (20, 8))
    expected = [spearmanr(one, other).statistic for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(study["world_scores"].rank_correlation(first, second), expected, atol=1e-12)


def test_differences_are_paired_over_seeds(study) -> None:
    values = {"naive": [1.0, 2.0, 3.0], "IPS": [0.9, 1.8, 2.7], "randomised": [0.5, 1.5, 2.5]}
    rows = [
        {"seed": seed, "history": "none", "world": "randomised", "head": "click", "measure": "mae"}
        | {"arm": arm, "value": value}
        for arm, each in values.items()
        for seed, value in enumerate(each)
    ]
    table = study["compare_world"].summary(pd.DataFrame(rows)).set_index("arm")
    assert table.loc["IPS", "to_naive"] == pytest.approx(-0.2)
    # Three differences of -0.1, -0.2 and -0.3: t(2) 4.3027 times 0.1 over the root of 3.
    half = 4.302653 * 0.1 / np.sqrt(3.0)
    assert table.loc["IPS", "to_naive_high"] == pytest.approx(-0.2 + half, rel=1e-6)
    assert table.loc["naive", "to_randomised"] == pytest.approx(0.5)
    assert table.loc["naive", "to_randomised_low"] == pytest.approx(0.5)
    said = study["compare_world"].as_markdown(
        table.reset_index(), history="none", world="randomised", measure="mae"
    )
    assert "| naive | 2.0000 |" in said
    assert f"| IPS | 1.8000 (-0.2000 ± {half:.4f}) |" in said


def test_the_readme_shows_what_the_comparison_wrote(study) -> None:
    table, page = pd.read_csv(STUDY / "results" / "world.csv"), (STUDY / "README.md").read_text()
    errors = study["world_tables"].errors_table(table)
    assert errors in page
    assert study["world_tables"].level_and_order_table(table) in page
    row = table[(table["arm"] == "IPS") & (table["history"] == "none") & (table["world"] == "randomised")]
    click = row[(row["head"] == "click") & (row["measure"] == "mae")].iloc[0]
    assert f"| IPS | {click['mean']:.4f} | {click['to_naive']:+.4f} [" in errors


def test_caps_of_the_clipped_arms_are_the_one_given(study) -> None:
    arms = study["world_arms"].arms(7.0)
    assert {each.max_weight for name, each in arms.items() if name.startswith("clipped")} == {7.0}
    assert [name for name, each in arms.items() if each.log == "randomised"] == ["randomised"]
    assert arms["naive"].weighting.kind == "none"


def test_contenders_can_be_chosen_and_an_unknown_one_is_named(study) -> None:
    made = study["compare_world"].Study(arms=("IPS",))
    assert list(made.chosen("none")) == ["naive", "IPS", "randomised"]
    assert list(made.chosen("trailing")) == ["naive", "randomised"]
    with pytest.raises(ValueError, match="'DRY'"):
        study["compare_world"].Study(arms=("DRY",)).chosen("none")


@pytest.mark.slow
def test_it_runs_and_leaves_its_tables(study, tmp_path, capsys) -> None:
    sizes = ("--users", "150", "--train-days", "4", "--test-days", "1", "--requests", "30", "--epochs", "1")
    assert study["compare_world"].main(["--seeds", "5", *sizes, "--out", str(tmp_path)]) == 0
    table = pd.read_csv(tmp_path / "world.csv")
    assert (tmp_path / "world.png").is_file()
    plain = table[(table["history"] == "none") & (table["world"] == "randomised")]
    assert set(plain["arm"]) == set(study["world_arms"].arms(20.0))
    assert np.isfinite(plain.loc[plain["measure"] == "mae", "mean"]).all()
    assert "| clipped IPS + DR-JL |" in capsys.readouterr().out
