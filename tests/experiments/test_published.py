"""Published benchmarks: readers on made files of the exact schema, what is learned of them, and the table."""

from __future__ import annotations

import gzip
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from holdfast.core.errors import UserError
from holdfast.core.shipped import shipped_folder

STUDY = shipped_folder("experiments") / "model_zoo" / "published"
NAMES = sorted(path.stem for path in STUDY.glob("*.py"))
NARROW = ["ranker.embedding_dim=4", "ranker.tower_widths=[8]", "trainer.accelerator=cpu"]
"""Settings that train fast; as published, models are far wider than a made file needs."""


@pytest.fixture(scope="module")
def study():
    """The study's modules by name; they find each other as they do when the study is run."""
    before = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    sys.path.insert(0, str(STUDY))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(STUDY))
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(before)


def drawn(rng: np.random.Generator, logits: np.ndarray) -> np.ndarray:
    return (rng.random(len(logits)) < 1.0 / (1.0 + np.exp(-logits))).astype(int)


def aliexpress_file(path: Path, rows: int, seed: int) -> pd.DataFrame:
    """82 columns; a click depends on categorical_1 and numerical_1, a conversion on numerical_2 as well."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"search_id": np.arange(rows) // 4 + 1})
    for index in range(1, 17):
        frame[f"categorical_{index}"] = rng.integers(0, 8, rows)
    for index in range(1, 64):
        frame[f"numerical_{index}"] = rng.random(rows).round(6)
    click = drawn(
        rng,
        1.2 * (frame["categorical_1"] % 4 - 1.5).to_numpy() + 3.0 * (frame["numerical_1"] - 0.5).to_numpy(),
    )
    frame["click"] = click
    frame["conversion"] = click * drawn(rng, 8.0 * (frame["numerical_2"] - 0.6).to_numpy())
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)
    return frame


@pytest.fixture
def aliexpress(tmp_path):
    folder = tmp_path / "aliexpress"
    aliexpress_file(folder / "train.csv", 2400, seed=1)
    aliexpress_file(folder / "test.csv", 1200, seed=2)
    return folder


def census_lines(study: dict[str, ModuleType], rows: int, seed: int) -> list[str]:
    """42 values between commas and spaces; income depends on education, marital status on age."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(rows):
        education, age = rng.integers(0, 5), rng.integers(15, 80)
        row = dict.fromkeys(study["census"].COLUMNS, "Not in universe")
        row |= {name: str(rng.integers(0, 40)) for name in study["census"].NUMERICAL}
        row |= {"age": str(age), "education": f"level {education}", "instance_weight": "1032.38"}
        row["birth_country"] = "?"
        row["marital_status"] = "Never married" if rng.random() < 0.9 * (age < 35) + 0.05 else "Divorced"
        row["income"] = "50000+." if rng.random() < 0.2 * education + 0.05 else "- 50000."
        lines.append(", ".join(row.values()))
    return lines


@pytest.fixture
def census(study, tmp_path):
    folder = tmp_path / "census"
    folder.mkdir()
    (folder / "census-income.data").write_text("\n".join(census_lines(study, 2000, seed=1)) + "\n")
    with gzip.open(folder / "census-income.test.gz", "wt") as file:
        file.write("\n".join(census_lines(study, 1600, seed=2)) + "\n")
    return folder


def feature(field: str, value: int) -> str:
    return f"{field}\x02{value}\x031.0"


def ali_ccp_files(folder: Path, part: str, rows: int, seed: int) -> None:
    """A click depends on the user's field 121 (a common feature), a purchase on the row's field 206."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    taste = rng.integers(0, 4, 50)
    common = [
        f"u{user},3,"
        + "\x01".join([feature("101", user + 1), feature("121", taste[user] + 1), feature("109_14", 7)])
        for user in range(50)
    ]
    samples = []
    for row in range(rows):
        user, kind, item = rng.integers(0, 50), rng.integers(0, 3), rng.integers(0, 30)
        click = int(rng.random() < 0.1 + 0.25 * taste[user])
        purchase = click * int(rng.random() < 0.1 + 0.4 * kind)
        features = "\x01".join([feature("205", item + 1), feature("206", kind + 1), feature("301", 1)])
        samples.append(f"{row + 1},{click},{purchase},u{user},3,{features}")
    # Left out: a purchase without a click.
    samples.append(f"{rows + 1},0,1,u0,1,{feature('205', 1)}")
    (folder / f"common_features_{part}.csv").write_text("\n".join(common) + "\n")
    (folder / f"sample_skeleton_{part}.csv").write_text("\n".join(samples) + "\n")


@pytest.fixture
def ali_ccp(tmp_path):
    folder = tmp_path / "ali_ccp"
    ali_ccp_files(folder, "train", 3000, seed=1)
    ali_ccp_files(folder, "test", 1500, seed=2)
    return folder


KUAIRAND_LOG = (
    "user_id", "video_id", "date", "hourmin", "time_ms", "is_click", "is_like", "is_follow", "is_comment",
    "is_forward", "is_hate", "long_view", "play_time_ms", "duration_ms", "profile_stay_time",
    "comment_stay_time", "is_profile_enter", "is_rand", "tab",
)  # fmt: skip


@pytest.fixture
def kuairand(tmp_path):
    """A click depends on the tab, every other kind of feedback on the video's author."""
    folder = tmp_path / "KuaiRand-1K" / "data"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    author = rng.integers(0, 6, 60)
    days = {
        "log_standard_4_08_to_4_21_1k.csv": pd.date_range("2022-04-08", "2022-04-21"),
        "log_standard_4_22_to_5_08_1k.csv": pd.date_range("2022-04-22", "2022-05-08"),
    }
    for name, dates in days.items():
        rows = 100 * len(dates)
        frame = pd.DataFrame(0, index=range(rows), columns=list(KUAIRAND_LOG))
        day = dates.repeat(100)
        noon = day.tz_localize("Asia/Shanghai") + pd.Timedelta(hours=12)
        frame["date"] = day.strftime("%Y%m%d").astype(int)
        frame["time_ms"] = [int(each.timestamp() * 1000) for each in noon]
        frame["user_id"], frame["video_id"] = rng.integers(0, 20, rows), rng.integers(0, 60, rows)
        frame["tab"] = rng.integers(0, 4, rows)
        for task in (*KUAIRAND_LOG[5:12], "is_profile_enter"):
            odds = 2.0 * (author[frame["video_id"]] - 2.5)
            frame[task] = drawn(rng, 2.0 * (frame["tab"].to_numpy() - 1.5) if task == "is_click" else odds)
        frame.to_csv(folder / name, index=False)
    numbers = dict.fromkeys(("follow_user_num", "fans_user_num", "friend_user_num", "register_days"), 3)
    pd.DataFrame(
        {
            "user_id": range(20),
            "user_active_degree": "full_active",
            "is_live_streamer": 0,
            "is_video_author": 1,
        }
        | numbers
        | {f"onehot_feat{index}": 1 for index in range(18)}
    ).to_csv(folder / "user_features_1k.csv", index=False)
    pd.DataFrame(
        {
            "video_id": range(60),
            "author_id": author,
            "video_type": "NORMAL",
            "upload_dt": "2022-04-01",
            "upload_type": "LongImport",
            "visible_status": 1,
            "video_duration": 9000.0,
            "server_width": 720.0,
            "server_height": 1280.0,
            "music_id": 5,
            "music_type": 9.0,
            "tag": "12,34",
        }
    ).to_csv(folder / "video_features_basic_1k.csv", index=False)
    return folder.parent


def ran(study: dict[str, ModuleType], *arguments: object) -> int:
    code: int = study["run"].main([str(each) for each in arguments])
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
    study, name, mixture, seeds, bounds, tmp_path, request, capsys
):
    """The bounds lie between .5 and what the planted chances allow, and were chosen before the first run."""
    folder = request.getfixturevalue(name)
    fast = ["trainer.max_epochs=8", "trainer.batch_size=128", "trainer.patience=8"]
    rates = ["optimizer.learning_rate=0.005", "optimizer.embedding_learning_rate=0.05"]
    asked = ["--benchmark", name, "--data", folder, "--mixture", mixture, "--seeds", *seeds]
    assert ran(study, *asked, "--out", tmp_path / "out", "--set", *NARROW, *fast, *rates) == 0
    said = capsys.readouterr().out
    (runs_file,) = (tmp_path / "out").rglob("runs.csv")
    runs = pd.read_csv(runs_file)
    assert list(runs["seed"]) == seeds and set(runs["mixture"]) == {mixture}
    for task, bound in bounds.items():
        assert runs[task].min() > bound, task
        assert f"{task}: here" in said
    assert (runs_file.parent / "table.md").read_text().strip() in said
    assert not list((tmp_path / "out").rglob("*.ckpt"))


def test_every_mixture_trains_on_tasks_with_names_of_their_own(study, census, tmp_path):
    mixtures = study["components"].mixture_names()
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
    assert ran(study, *asked, "--set", *NARROW, "trainer.max_epochs=1") == 0
    runs = pd.read_csv(tmp_path / "census" / "runs.csv")
    assert list(runs["mixture"]) == mixtures
    assert np.isfinite(runs[["income", "never_married"]]).all(axis=None)


@pytest.mark.parametrize("name", ["aliexpress", "census", "ali_ccp", "kuairand"])
def test_settings_fit_every_mixture_and_every_figure(study, name):
    components, table, benchmark = (study[each] for each in ("components", "table", "run"))
    settings = components.read_settings(name)
    made = components.components(settings)
    assert made.trainer.max_epochs >= 5
    for mixture in components.mixture_names():
        components.mixture(mixture, settings)
    assert set(settings.mixtures) <= set(components.mixture_names())
    tasks = set(benchmark.BENCHMARKS[name].tasks)
    for country in study["aliexpress"].COUNTRIES if name == "aliexpress" else [""]:
        figures, sources = table.published(name, country)
        assert figures and all(figure.source in sources for figure in figures)
        for figure in figures:
            assert set(figure.auc) <= tasks and all(0.5 < value < 1.0 for value in figure.auc.values())
            if figure.mixture:
                assert figure.mixture in components.mixture_names()
                assert set(figure.auc) <= set(settings.tolerance)


def test_without_data_cells_are_empty_and_it_says_where_to_get_them(study, capsys):
    assert ran(study, "--benchmark", "aliexpress", "--country", "US", "--mixture", "stem") == 0
    said = capsys.readouterr().out
    assert "AliExpress US" in said and "datasets/aliexpress/README.md" in said
    assert "| MMoE [1] | mmoe | 0.7043 |  | 0.8758 |  |" in said
    assert "| none | stem |  |  |  |  |" in said
    assert "[1] MTReclib" in said


def test_every_place_that_a_message_names_is_there(study):
    for each in study["run"].BENCHMARKS.values():
        assert (shipped_folder("datasets") / each.dataset / "README.md").is_file()


def test_aliexpress_is_read_as_it_is_written(study, tmp_path):
    frame = aliexpress_file(tmp_path / "AliExpress_NL" / "train.csv", 400, seed=1)
    aliexpress_file(tmp_path / "AliExpress_NL" / "test.csv", 100, seed=2)
    settings = study["benchmark"].BenchmarkSettings(validation_share=0.25, country="NL")
    windows = study["aliexpress"].read(tmp_path, settings)
    assert (len(windows.train), len(windows.validation), len(windows.test)) == (300, 100, 100)
    # A search is on one side only.
    assert not set(windows.train.request) & set(windows.validation.request)
    rows = study["aliexpress"].read_rows(tmp_path / "AliExpress_NL" / "train.csv")
    np.testing.assert_array_equal(rows.labels, frame[["click", "conversion"]])
    np.testing.assert_array_equal(rows.features["categorical_16"], frame["categorical_16"])
    np.testing.assert_allclose(rows.features["numerical_63"], frame["numerical_63"], atol=1e-6)
    np.testing.assert_array_equal(rows.request, frame["search_id"])


def test_census_knows_the_labels_and_leaves_the_weight_of_a_row_out(study, census):
    rows = study["census"].read_rows(census / "census-income.data")
    lines = (census / "census-income.data").read_text().splitlines()
    assert rows.labels[:, 0].sum() == sum(line.endswith(", 50000+.") for line in lines)
    assert rows.labels[:, 1].sum() == sum(", Never married, " in line for line in lines)
    assert rows.features.shape == (2000, 39)
    assert not {"instance_weight", "marital_status", "income"} & set(rows.features)
    assert set(rows.features["education"]) == {f"level {index}" for index in range(5)}
    windows = study["census"].read(census, study["benchmark"].BenchmarkSettings(validation_share=0.5))
    assert (len(windows.validation), len(windows.test)) == (800, 800)
    names = [each.name for each in study["census"].CENSUS.features]
    assert sorted(names) == sorted(rows.features)


def test_ali_ccp_joins_the_features_of_users(study, tmp_path):
    tmp_path.joinpath("common.csv").write_text(
        f"a,2,{feature('101', 11)}\x01{feature('216', 5)}\nb,1,{feature('101', 12)}\n\n"
    )
    tmp_path.joinpath("samples.csv").write_text(
        f"1,1,0,b,2,{feature('205', 3)}\x01{feature('216', 4)}\n"
        f"2,0,1,a,1,{feature('205', 9)}\n"
        f"3,1,1,a,3,{feature('205', 3)}\x01{feature('216', 4)}\x01{feature('150_14', 8)}\n"
    )
    rows, left_out = study["ali_ccp"].read_rows(tmp_path / "samples.csv", tmp_path / "common.csv")
    assert left_out == 1
    np.testing.assert_array_equal(rows.labels, [[1, 0], [1, 1]])
    assert list(rows.features["101"]) == [12, 11]
    assert list(rows.features["205"]) == [3, 3]
    # The common feature counts where both files have one.
    assert list(rows.features["216"]) == [4, 5]
    assert (rows.features["121"] == 0).all()


def test_kuairand_is_cut_by_the_day(study, kuairand):
    windows = study["kuairand"].read(kuairand, study["benchmark"].BenchmarkSettings())
    assert (len(windows.train), len(windows.validation), len(windows.test)) == (2300, 200, 600)
    assert windows.train.labels.shape == (2300, 8)
    assert {"author_id", "tag", "hour", "upload_age_days"} <= set(windows.train.features)


def broken(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values[:-1], r"train\.csv: line 7: Expected 82 columns, got 81"),
        (lambda values: [*values, "1"], r"train\.csv: line 7: Expected 82 columns, got 83"),
        (lambda values: [*values[:20], "x", *values[21:]], r"line 7: .*invalid value 'x'"),
        (lambda values: [*values[:20], "", *values[21:]], r"line 7: numerical_4 is empty"),
        (lambda values: [*values[:20], "inf", *values[21:]], r"line 7: numerical_4 is not finite"),
        (lambda values: ["7", "0.5", *values[2:]], r"line 7: categorical_1 is not a whole number"),
        (lambda values: [*values[:-2], "2", "0"], r"line 7: click is neither 0 nor 1"),
        (lambda values: [*values[:-2], "0", "1"], r"line 7: conversion is 1 where click is 0"),
    ],
)
@pytest.mark.parametrize("blank", [False, True])
def test_a_malformed_line_of_aliexpress_is_told_by_number(study, tmp_path, change, said, blank):
    path = tmp_path / "train.csv"
    aliexpress_file(path, 20, seed=1)
    lines = path.read_text().splitlines()
    lines[6] = ",".join(change(lines[6].split(",")))
    if blank:
        # Passed over, and counted all the same.
        lines.insert(2, "")
        said = said.replace("line 7", "line 8")
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=said):
        study["aliexpress"].read_rows(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", ?", "", "line 3: Expected 42 columns, got 41"),
        ("0000", "0001", "line 3: income is neither '50000\\+\\.' nor '- 50000\\.'"),
        (" ?", " ", "line 3: birth_country is empty"),
    ],
)
def test_a_malformed_line_of_census_is_told_by_number(study, census, old, new, said):
    broken(census / "census-income.data", 3, old, new)
    with pytest.raises(UserError, match=said):
        study["census"].read_rows(census / "census-income.data")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("sample_skeleton", ",u", "u", "line 3: holds 5 values between commas and not 6"),
        (
            "sample_skeleton",
            ",u",
            ",nobody",
            "line 3: the common features 'nobody.*' are not in common_features",
        ),
        ("sample_skeleton", "\x03", "", "line 3: .* is not a field, an id and a value"),
        ("sample_skeleton", "205\x02", "205\x02-", "line 3: field 205 has the id '-"),
        ("sample_skeleton", "205\x02", "205\x0299999999999", "line 3: field 205 has the id '99999999999"),
        ("common_features", ",3,", ",", "line 3: holds 2 values between commas and not 3"),
    ],
)
def test_a_malformed_line_of_ali_ccp_is_told_by_number(study, ali_ccp, file, old, new, said):
    broken(ali_ccp / f"{file}_train.csv", 3, old, new)
    with pytest.raises(UserError, match=said):
        study["ali_ccp"].read(ali_ccp, study["benchmark"].BenchmarkSettings())


def test_a_malformed_line_of_kuairand_is_told_by_number(study, kuairand):
    path = kuairand / "data" / "log_standard_4_22_to_5_08_1k.csv"
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace(lines[4].split(",")[0], "nobody", 1)
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"log_standard_4_22_to_5_08_1k\.csv: line 5: .*nobody"):
        study["kuairand"].read(kuairand, study["benchmark"].BenchmarkSettings())


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
def test_a_wrong_folder_ends_with_2_and_says_what_is_missing(study, aliexpress, spoil, said, capsys):
    folder = spoil(aliexpress)
    assert ran(study, "--benchmark", "aliexpress", "--data", folder, "--set", *NARROW) == 2
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
def test_a_wrong_setting_ends_with_2_before_anything_is_read(study, arguments, said, capsys):
    assert ran(study, *arguments) == 2
    assert re.search(said, capsys.readouterr().err)


def test_a_task_in_which_nothing_can_be_told_apart_is_refused(study, aliexpress, capsys):
    path = aliexpress / "test.csv"
    frame = pd.read_csv(path).assign(conversion=0)
    frame.to_csv(path, index=False)
    assert ran(study, "--benchmark", "aliexpress", "--data", aliexpress) == 2
    assert "all 1200 rows of the test window have the label 0 in conversion" in capsys.readouterr().err


def test_a_mixture_that_does_not_fit_is_told_before_it_trains(study, census, monkeypatch, capsys):
    components = study["components"]
    prior = {"prior": ["user_id"]}
    settings = components.read_settings("census")
    settings.mixtures["pepnet"] = prior
    monkeypatch.setattr(study["run"], "read_settings", lambda name: settings)
    assert ran(study, "--benchmark", "census", "--data", census, "--mixture", "pepnet") == 2
    assert re.search(r"PEPNet does not fit this benchmark: prior is \['user_id'\]", capsys.readouterr().err)


def test_a_cut_off_file_is_told(study, census, capsys):
    path = census / "census-income.test.gz"
    path.write_bytes(path.read_bytes()[:-200])
    assert ran(study, "--benchmark", "census", "--data", census) == 2
    assert re.search(r"census-income\.test\.gz.*copy it again", capsys.readouterr().err)


def test_rows_of_one_search_cannot_be_held_out(study, tmp_path):
    aliexpress_file(tmp_path / "train.csv", 4, seed=1)
    rows = study["aliexpress"].read_rows(tmp_path / "train.csv")
    with pytest.raises(UserError, match="all 4 rows belong to one request"):
        study["benchmark"].hold_out(rows, share=0.5)


def test_the_interval_is_that_of_students_t(study):
    values = [0.71, 0.72, 0.74]
    low, mean, high = study["table"].interval(values)
    expected = ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert (low, mean, high) == pytest.approx((expected.low, np.mean(values), expected.high))
    assert np.isnan(study["table"].interval([0.7])[0])


def test_the_table_says_how_far_it_is_from_what_was_published(study):
    table = study["table"]
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
