"""Robust or accurate: its figures on data whose answer is known, a tiny run, and what its page shows."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from holdfast.core.shipped import shipped_folder

STUDY = shipped_folder("experiments") / "robust_or_accurate"
NAMES = ("contenders", "measuring", "agreement", "tables", "findings", "figure", "run")


@pytest.fixture(scope="module")
def study(modules_of):
    """The study's modules by name; they find each other as they do when the study is run."""
    with modules_of(STUDY, NAMES) as found:
        yield found


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return pd.read_csv(STUDY / "results" / "results.csv")


def table_of(**figures: list[list[float]]) -> pd.DataFrame:
    """Figures ``[S][M]`` as a table of results."""
    seeds, models = np.shape(next(iter(figures.values())))
    index = pd.MultiIndex.from_product(
        [range(seeds), [f"m{place}" for place in range(models)]], names=["seed", "model"]
    )
    columns = {name: np.ravel(values) for name, values in figures.items()}
    return pd.DataFrame(columns, index=index).reset_index()


def test_tau_of_many_rows_is_that_of_each(study) -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, (2, 20, 7)).astype(float)
    expected = [kendalltau(first, second).statistic for first, second in zip(one, other, strict=True)]
    np.testing.assert_allclose(study["agreement"].kendall(one, other), expected, atol=1e-12)


def test_an_order_agrees_with_itself_and_not_with_noise(study) -> None:
    rng = np.random.default_rng(1)
    skill = np.arange(12.0)[None] + 0.01 * rng.normal(size=(3, 12))
    table = table_of(a=skill, b=2.0 * skill + 1.0, c=-skill, d=rng.normal(size=(3, 12)))
    agreement = study["agreement"].agreement
    same, reverse, noise = (agreement(table, "a", name) for name in "bcd")
    assert (same.tau, same.low, same.high) == pytest.approx((1.0, 1.0, 1.0))
    assert (reverse.tau, reverse.low, reverse.high) == pytest.approx((-1.0, -1.0, -1.0))
    assert noise.low < 0.0 < noise.high


def test_models_are_not_sorted_into_another_order(study) -> None:
    table = table_of(a=[[3.0, 1.0]]).replace({"m0": "z", "m1": "a"})
    assert study["agreement"].by_seed(table, "a").to_dict("list") == {"z": [3.0], "a": [1.0]}


def test_regret_is_what_the_best_of_each_seed_is_worth_more(study) -> None:
    table = table_of(auc=[[0.5, 0.7, 0.6], [0.9, 0.1, 0.1]], worth=[[5.0, 3.0, 1.0], [4.0, 2.0, 1.0]])
    np.testing.assert_allclose(study["agreement"].regret(table, "auc", "worth"), [2.0, 0.0])


def test_a_model_above_the_line_is_more_robust_than_its_clean_auc_says(study) -> None:
    clean = [[10.0, 20.0, 30.0, 40.0]] * 2
    stressed = [[5.0, 10.0, 25.0, 20.0]] * 2
    table = table_of(**{"no_drift/click/skill": clean, "s": stressed})
    residuals = study["agreement"].residuals(table, "s")
    assert residuals.shape == (2, 4)
    assert residuals["m2"].iloc[0] > 2.0
    assert (residuals.drop(columns="m2") < 1.0).all(axis=None)


def test_the_settings_are_those_that_ship_and_an_unknown_model_is_named(study) -> None:
    contenders = study["contenders"]
    assert contenders.ROBUST[0] == "group_dro"
    assert contenders.ROBUST[-1] == "ensemble"
    assert all(words[0].startswith("robust/") for words in map(contenders.MODELS.get, contenders.ROBUST))
    assert contenders.Study(models=("vrex", "plain")).chosen == ["plain", "vrex"]
    with pytest.raises(ValueError, match="nobody"):
        _ = contenders.Study(models=("nobody",)).chosen


def test_a_tiny_run_adds_up_and_is_not_measured_again(study, tmp_path, monkeypatch) -> None:
    tiny = study["contenders"].Study(
        users=300, items=200, epochs=2, severities=(5,), models=("plain", "vrex")
    )
    found = study["run"].measured(tiny, [0], tmp_path, 1)
    assert found["model"].tolist() == ["plain", "vrex"]
    assert np.isfinite(found.drop(columns=["seed", "model"]).to_numpy()).all()
    for world in ("no_drift", "drift"):
        parts = {name: found[name] for name in found if name.startswith(f"{world}/part/")}
        clean = parts.pop(f"{world}/part/clean_lift")
        assert (found[f"{world}/num_ladders"] == 16).all()
        np.testing.assert_allclose(found[f"{world}/lift"], clean)
        np.testing.assert_allclose(found[f"{world}/ship_score"], clean - sum(parts.values()))
    assert (found["no_drift/lift"] != found["fatigue/lift"]).all(), "the worlds differ where they should"
    assert found["no_drift/lift"].nunique() == 2, "the models differ"
    monkeypatch.setattr(study["run"], "measure", lambda *_: pytest.fail("it was there already"))
    pd.testing.assert_frame_equal(study["run"].measured(tiny, [0], tmp_path, 1), found)


def test_a_quick_look_never_writes_over_the_results(study, capsys) -> None:
    with pytest.raises(SystemExit):
        study["run"].main(["--quick"])
    assert "--out" in capsys.readouterr().err


def test_worlds_that_part_before_the_test_window_are_refused(study) -> None:
    from dataclasses import replace

    from holdfast.simulation.world import DefaultWorld

    world = DefaultWorld(num_users=60, num_items=60, num_days=10, burn_in_days=2)
    other = study["contenders"].scheduled(world, {"clickbait_fatigue": 2.0}, start_day=6)
    assert other != world
    assert replace(other, changes=world.changes) == world
    logs = world.read(), other.read()
    day = [logs[0].frame["shown_at"].min().normalize() + pd.Timedelta(days=days) for days in (6, 10)]
    study["measuring"].check_same_past(*logs, until=day[0])
    with pytest.raises(RuntimeError, match="must start with the test window"):
        study["measuring"].check_same_past(*logs, until=day[1])


def test_the_page_shows_what_was_measured(study, results) -> None:
    page = (STUDY / "README.md").read_text()
    assert study["tables"].all_tables(results) in page
    for words in ("answer", "findings", "version_words"):
        assert getattr(study["findings"], words)(results) in page, words
    assert set(results["model"]) == set(study["contenders"].MODELS)
    assert results["seed"].nunique() >= 3
    assert len(results) == results["seed"].nunique() * results["model"].nunique()
    plain = results[results["model"] == "plain"]["no_drift/click_auc"].mean()
    assert (
        f"| plain | {results[results['model'] == 'plain']['validation/click_auc'].mean():.3f} | {plain:.3f} |"
        in page
    )


def test_results_of_an_older_score_say_so_and_are_measured_again(study, tmp_path) -> None:
    today = study["findings"].SCORE_VERSION
    words = study["findings"].version_words
    assert "these figures are old" in words(pd.DataFrame({"seed": [0]}))
    assert "these figures are old" not in words(pd.DataFrame({"score_version": [today]}))
    asked = study["contenders"].Study()
    path = study["run"]._path(tmp_path, 0, "plain")
    record = {"words": asked.words("plain", 0), "figures": {"a": 1.0}}
    path.write_text(json.dumps(record))
    assert study["run"]._kept(asked, tmp_path, 0, "plain") is None
    path.write_text(json.dumps({**record, "score_version": today}))
    assert study["run"]._kept(asked, tmp_path, 0, "plain") == {"a": 1.0}


def test_words_follow_the_figures(study, results) -> None:
    findings = study["findings"]
    models = study["tables"].others(results, robust=True)
    plain = results[results["model"] == "plain"].set_index("seed")
    # All robust trainings exactly as good as plain training, but for one that is better by a point.
    same = results.copy()
    for name in findings.SHIP_SCORES:
        for model in models:
            rows = same["model"] == model
            same.loc[rows, name] = plain[name].loc[same.loc[rows, "seed"]].to_numpy()
    assert "Robust training as shipped did not pay" in findings.answer(same)
    better = same.copy()
    better.loc[better["model"] == "vrex", list(findings.SHIP_SCORES)] += 1.0
    assert "3 lie above 0 (vrex by the standard suite +1.0 [+1.0, +1.0]" in findings.answer(better)
    assert "paid here and there" in findings.answer(better)
    assert "vrex +1.0" not in findings.answer(same)


def test_the_figure_is_drawn(study, results, tmp_path) -> None:
    study["figure"].draw(results, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 20_000
