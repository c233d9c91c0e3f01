"""Published benchmarks: what is learned of made files by the command, its table, and its refusals."""

from __future__ import annotations

import re
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from holdfast.core.shipped import shipped_folder

NARROW = ["ranker.embedding_dim=4", "ranker.tower_widths=[8]", "trainer.accelerator=cpu"]
"""Settings that train fast; as published, models are far wider than a made file needs."""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Runs go below the working folder by default, where there may be some."""
    monkeypatch.chdir(tmp_path)


def ran(published: dict[str, ModuleType], *arguments: object) -> int:
    code: int = published["run"].main([str(each) for each in arguments])
    return code


@pytest.mark.parametrize(
    ("name", "mixture", "seeds", "bounds"),
    [
        ("aliexpress", "shared_bottom", [0, 1], {"click": 0.72, "conversion": 0.75}),
        ("census", "mmoe", [0], {"income": 0.65, "never_married": 0.75}),
        ("ali_ccp", "aitm", [0], {"click": 0.62, "purchase": 0.65}),
        ("kuairand", "mmoe", [0], {"is_click": 0.75, "is_like": 0.75, "is_profile_enter": 0.75}),
    ],
)
def test_what_was_planted_is_learned_by_the_command(
    published, name, mixture, seeds, bounds, tmp_path, request, capsys
):
    """The bounds lie between .5 and what the planted chances allow, and were chosen before the first run."""
    folder = request.getfixturevalue(name)
    fast = ["trainer.max_epochs=8", "trainer.batch_size=128", "trainer.patience=8"]
    rates = ["optimizer.learning_rate=0.005", "optimizer.embedding_learning_rate=0.05"]
    asked = ["--benchmark", name, "--data", folder, "--mixture", mixture, "--seeds", *seeds]
    assert ran(published, *asked, "--out", tmp_path / "out", "--set", *NARROW, *fast, *rates) == 0
    said = capsys.readouterr().out
    (runs_file,) = (tmp_path / "out").rglob("runs.csv")
    runs = pd.read_csv(runs_file)
    assert list(runs["seed"]) == seeds and set(runs["mixture"]) == {mixture}
    for task, bound in bounds.items():
        assert runs[task].min() > bound, task
        assert f"{task}: here" in said
    assert (runs_file.parent / "table.md").read_text().strip() in said
    assert not list((tmp_path / "out").rglob("*.ckpt"))


def test_every_mixture_trains_on_tasks_with_names_of_their_own(published, census, tmp_path):
    mixtures = published["components"].mixture_names()
    assert len(mixtures) >= 9
    asked = [
        "--benchmark",
        "census",
        "--data",
        census,
        "--seeds",
        0,
        "--out",
        tmp_path,
        "--mixture",
        *mixtures,
    ]
    assert ran(published, *asked, "--set", *NARROW, "trainer.max_epochs=1") == 0
    runs = pd.read_csv(tmp_path / "census" / "runs.csv")
    assert list(runs["mixture"]) == mixtures
    assert np.isfinite(runs[["income", "never_married"]]).all(axis=None)


@pytest.mark.parametrize("name", ["aliexpress", "census", "ali_ccp", "kuairand"])
def test_settings_fit_every_mixture_and_every_figure(published, name):
    components, table, benchmark = (published[each] for each in ("components", "table", "run"))
    settings = components.read_settings(name)
    made = components.components(settings)
    assert made.trainer.max_epochs >= 5
    for mixture in components.mixture_names():
        components.mixture(mixture, settings)
    assert set(settings.mixtures) <= set(components.mixture_names())
    tasks = set(benchmark.BENCHMARKS[name].tasks)
    for country in published["aliexpress"].COUNTRIES if name == "aliexpress" else [""]:
        figures, sources = table.published(name, country)
        assert figures and all(figure.source in sources for figure in figures)
        for figure in figures:
            assert set(figure.auc) <= tasks and all(0.5 < value < 1.0 for value in figure.auc.values())
            if figure.mixture:
                assert figure.mixture in components.mixture_names()
                assert set(figure.auc) <= set(settings.tolerance)


def test_without_data_cells_are_empty_and_it_says_where_to_get_them(published, capsys):
    assert ran(published, "--benchmark", "aliexpress", "--country", "US", "--mixture", "stem") == 0
    said = capsys.readouterr().out
    assert "AliExpress US" in said and "datasets/aliexpress/README.md" in said
    assert "| MMoE [1] | mmoe | 0.7043 |  | 0.8758 |  |" in said
    assert "| none | stem |  |  |  |  |" in said
    assert "[1] MTReclib" in said


def test_every_place_that_a_message_names_is_there(published):
    for each in published["run"].BENCHMARKS.values():
        assert (shipped_folder("datasets") / each.dataset / "README.md").is_file()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: folder / "nowhere", r"there is no folder .*nowhere; datasets/aliexpress/README"),
        (lambda folder: (folder / "test.csv").unlink() or folder, r"found no test\.csv in .*aliexpress"),
        (
            lambda folder: (folder / "train.csv").write_text("search_id,categorical_1\n1,2\n") and folder,
            r"train\.csv lacks the columns \['categorical_2', .*'conversion'\]",
        ),
        (
            lambda folder: (
                (folder / "test.csv").write_text((folder / "test.csv").read_text().splitlines()[0] + "\n")
                and folder
            ),
            r"test\.csv holds no rows",
        ),
        (lambda folder: (folder / "test.csv").write_text("") or folder, r"test\.csv lacks the columns"),
    ],
)
def test_a_wrong_folder_ends_with_2_and_says_what_is_missing(published, aliexpress, spoil, said, capsys):
    folder = spoil(aliexpress)
    assert ran(published, "--benchmark", "aliexpress", "--data", folder, "--set", *NARROW) == 2
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--benchmark", "census", "--seeds", 0, 0], r"--seeds are \[0, 0\].*name each once"),
        (["--benchmark", "census", "--country", "NL"], "--country is for aliexpress"),
        (
            ["--benchmark", "census", "--data", ".", "--set", "trainer.batchsize=3"],
            r"trainer\.batchsize is unknown",
        ),
        (["--benchmark", "census", "--data", ".", "--set", "widths=3"], r"cannot set \['widths'\]"),
        (["--benchmark", "census", "--data", ".", "--set", "ranker.embedding_dim=0"], "embedding_dim is 0"),
    ],
)
def test_a_wrong_setting_ends_with_2_before_anything_is_read(published, arguments, said, capsys):
    assert ran(published, *arguments) == 2
    assert re.search(said, capsys.readouterr().err)


def test_a_task_in_which_nothing_can_be_told_apart_is_refused(published, aliexpress, capsys):
    path = aliexpress / "test.csv"
    frame = pd.read_csv(path).assign(conversion=0)
    frame.to_csv(path, index=False)
    assert ran(published, "--benchmark", "aliexpress", "--data", aliexpress) == 2
    assert "all 1200 rows of the test window have the label 0 in conversion" in capsys.readouterr().err


def test_a_mixture_that_does_not_fit_is_told_before_it_trains(published, census, monkeypatch, capsys):
    components = published["components"]
    prior = {"prior": ["user_id"]}
    settings = components.read_settings("census")
    settings.mixtures["pepnet"] = prior
    monkeypatch.setattr(published["run"], "read_settings", lambda name: settings)
    assert ran(published, "--benchmark", "census", "--data", census, "--mixture", "pepnet") == 2
    assert re.search(r"PEPNet does not fit this benchmark: prior is \['user_id'\]", capsys.readouterr().err)


def test_runs_of_before_are_not_written_over(published, census, tmp_path, capsys):
    (tmp_path / "out" / "census").mkdir(parents=True)
    runs = tmp_path / "out" / "census" / "runs.csv"
    runs.write_text("mixture,seed\n")
    assert ran(published, "--benchmark", "census", "--data", census, "--out", tmp_path / "out") == 2
    assert "runs.csv holds the runs of before" in capsys.readouterr().err
    assert runs.read_text() == "mixture,seed\n"


def test_a_cut_off_file_is_told(published, census, capsys):
    path = census / "census-income.test.gz"
    path.write_bytes(path.read_bytes()[:-200])
    assert ran(published, "--benchmark", "census", "--data", census) == 2
    assert re.search(r"census-income\.test\.gz.*copy it again", capsys.readouterr().err)


def test_the_interval_is_that_of_students_t(published):
    values = [0.71, 0.72, 0.74]
    low, mean, high = published["table"].interval(values)
    expected = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (low, mean, high) == pytest.approx((expected.low, np.mean(values), expected.high))
    assert np.isnan(published["table"].interval([0.7])[0])


def test_the_table_says_how_far_it_is_from_what_was_published(published):
    table = published["table"]
    figures = [
        table.Figure(model="MMoE", mixture="mmoe", auc={"a": 0.72, "b": 0.86512}, source="[1]"),
        table.Figure(model="OMoE", mixture="", auc={"a": 0.73, "b": 0.87}, source="[1]"),
    ]
    runs = pd.DataFrame({"mixture": ["mmoe", "mmoe", "stem"], "a": [0.71, 0.72, 0.7], "b": [0.84, 0.84, 0.8]})
    text = table.markdown(
        figures, runs, tasks=["a", "b"], mixtures=["mmoe", "stem"], tolerance={"a": 0.005, "b": 0.015}
    )
    lines = text.splitlines()
    # Half an interval: 12.706 times the standard error of two values, .005.
    assert "| 0.7150 [0.6515, 0.7785] (-0.0050, within 0.005) |" in lines[2]
    assert "| 0.86512 | 0.8400 [0.8400, 0.8400] (-0.0251, outside 0.015) |" in lines[2]
    assert lines[3] == "| OMoE [1] |  | 0.7300 |  | 0.8700 |  |"
    assert lines[4] == "| none | stem |  | 0.7000 |  | 0.8000 |"
