"""The fair zoo: who takes part, what is compared, that it runs, and that its page says its figures."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from sklearn.metrics import log_loss, ndcg_score, roc_auc_score

from holdfast.core.shipped import shipped_folder

STUDY = shipped_folder("experiments") / "model_zoo"
NAMES = ("study", "variants", "measures", "one_fit", "gathering", "tables", "figure", "run")


@pytest.fixture(scope="module")
def zoo(modules_of):
    """The study's modules by name; they find each other as they do when the study is run."""
    with modules_of(STUDY, NAMES) as found:
        yield found


@pytest.fixture(scope="module")
def quick(zoo, tmp_path_factory):
    """The study as ``--quick --only ple`` leaves it: its files, and its results of single trainings."""
    folder = tmp_path_factory.mktemp("zoo")
    zoo["run"].main(
        [
            *("--quick", "--processes", "1", "--only", "ple"),
            *("--runs", str(folder / "runs"), "--out", str(folder)),
        ]
    )
    return folder


def test_every_option_of_every_family_takes_part(zoo) -> None:
    found = zoo["variants"].variants()
    options = {
        path.stem
        for group in ("model/mixture", "model/interaction", "model/sequence", "objective/balance")
        for path in (shipped_folder("configs") / group).glob("*.yaml")
    }
    assert options - {"none", "mean_pooling", "static"} <= set(found)
    assert len(found) == 28
    assert len({each.folder for each in found.values()}) == 28


def test_a_contender_differs_from_the_base_by_one_word(zoo) -> None:
    base = zoo["variants"].BASE_WORD
    for each in zoo["variants"].variants().values():
        others = [word for word in each.words if word != base]
        assert len(others) <= 1 or each.name == zoo["variants"].REFERENCE


def test_an_unknown_contender_is_refused_with_those_there_are(zoo) -> None:
    with pytest.raises(ValueError, match=r"--only names \['pel'\].*'ple'"):
        zoo["variants"].chosen(("pel",))


def test_the_world_of_tuning_is_not_reported(zoo) -> None:
    with pytest.raises(ValueError, match="tuning_seed is 1"):
        zoo["study"].Study(tuning_seed=1)


def test_a_part_of_the_study_never_takes_the_place_of_the_whole(zoo, capsys) -> None:
    with pytest.raises(SystemExit):
        zoo["run"].main(["--only", "ple"])
    assert "--out" in capsys.readouterr().err


def test_all_have_as_many_trials_and_the_same_rates(zoo, quick) -> None:
    runs = pd.read_csv(quick / "results" / "runs.csv")
    tuning = runs[runs["seed"] == 100]
    assert tuning.groupby("variant")["rate"].apply(sorted).apply(tuple).unique().tolist() == [(1.0, 2.0)]
    reported = runs[runs["reported"]]
    assert (runs.loc[~runs["reported"] & (runs["seed"] != 100), "rate"] == 1.0).all()
    assert reported.groupby("variant")["seed"].apply(tuple).unique().tolist() == [(0, 1)]
    for name, mine in tuning.groupby("variant"):
        best = mine.loc[mine["validation_loss"].idxmin(), "rate"]
        assert (reported.loc[reported["variant"] == name, "rate"] == best).all()


def test_differences_are_those_of_the_values_world_by_world(zoo, quick) -> None:
    values = pd.read_csv(quick / "results" / "measures.csv")
    values = (
        values[values["rates"] == "tuned"].set_index(["variant", "measure", "seed"])["value"].sort_index()
    )
    found = pd.read_csv(quick / "results" / "differences.csv")
    found = found[found["rates"] == "tuned"].set_index(["variant", "against", "measure"])
    signs = {"click/log_loss": -1, "dwell/xauc": 1}
    for measure, sign in signs.items():
        mine, theirs = values["ple", measure], values["shared_bottom", measure]
        gains = 100.0 * sign * (mine / theirs - 1.0)
        row = found.loc["ple", "shared_bottom", measure]
        assert row["gain"] == pytest.approx(gains.mean(), rel=1e-3, abs=1e-4)
        interval = ttest_1samp(gains, 0.0).confidence_interval(0.95)
        assert row["seed_low"] == pytest.approx(interval.low, rel=1e-3, abs=1e-3)
        assert row["seed_high"] == pytest.approx(interval.high, rel=1e-3, abs=1e-3)
    primary = [
        found.loc["ple", "shared_bottom", name]["gain"] for name in zoo["measures"].OBJECTIVES.values()
    ]
    assert found.loc["ple", "shared_bottom", "delta_m"]["gain"] == pytest.approx(np.mean(primary), rel=1e-3)


def test_what_is_done_is_not_done_again(zoo, quick, monkeypatch) -> None:
    def never(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(zoo["one_fit"], "_trained", never)
    study, runs = zoo["study"].QUICK, quick / "runs"
    results = zoo["run"].all_results(study, ("ple",), runs, processes=1)
    assert [len(each) for each in (results.tuning, results.tuned, results.same)] == [6, 6, 6]
    assert {each["rate"] for each in results.same} == {1.0}


def test_results_of_another_budget_are_refused(zoo, quick) -> None:
    job = zoo["one_fit"].Job(
        variant=zoo["variants"].variants()["ple"],
        seed=0,
        rate=1.0,
        study=zoo["study"].Study(),
        runs=quick / "runs",
    )
    job.file.parent.mkdir(parents=True, exist_ok=True)
    if not job.file.is_file():
        other = next(job.file.parent.glob("rate_*.json"))
        job.file.write_text(other.read_text())
    with pytest.raises(ValueError, match="another budget"):
        job.result()


def test_measures_agree_with_independent_ones(zoo) -> None:
    """On a window of two users with six requests, by scikit-learn, with users counted once and twice."""
    measures = zoo["measures"]
    rng = np.random.default_rng(0)
    clicked = np.array([1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1]) > 0
    chance, users = rng.uniform(0.05, 0.95, 12), np.repeat([3, 7], 6)
    window = _Window(clicked.astype(float), users, np.repeat(np.arange(4), 3))
    found = list(measures._click(window, chance))
    assert measures.values(found)["click/auc"] == pytest.approx(roc_auc_score(clicked, chance))
    assert measures.values(found)["click/log_loss"] == pytest.approx(log_loss(clicked, chance))
    draws = [np.where(users == 3, 2.0, 1.0), np.where(users == 3, 0.0, 1.0)]
    again = measures.resampled(found, users, _Draws(draws))
    for place, weight in enumerate(draws):
        assert again["click/auc"][place] == pytest.approx(
            roc_auc_score(clicked, chance, sample_weight=weight)
        )
    order = {each.name: each for each in measures._order(window, chance)}
    wanted = np.mean(
        [
            ndcg_score([clicked[rows].astype(float)], [chance[rows]], k=5)
            for rows in np.arange(12).reshape(4, 3)
            if clicked[rows].any()
        ]
    )
    assert measures.values([order["ndcg@5"]])["ndcg@5"] == pytest.approx(wanted)


class _Draws:
    def __init__(self, draws) -> None:
        self.draws = draws

    def resamples(self, _):
        return iter(self.draws)


class _Window:
    """As much of a window as the measures of clicks and of order read; dwell is known where clicked."""

    def __init__(self, click, user, request) -> None:
        self.value = np.column_stack([click, np.where(click > 0, 10.0, np.nan)])
        self.known = np.column_stack([np.ones(click.size, dtype=bool), click > 0])
        self.user, self.request = user, request

    def index_of(self, name: str) -> int:
        return ("click", "dwell").index(name)


def test_the_page_says_what_the_committed_figures_say(zoo) -> None:
    found = zoo["gathering"].saved(STUDY / "results")
    page = (STUDY / "README.md").read_text(encoding="utf-8")
    for name, text in zoo["tables"].sections(found).items():
        between = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", page, re.DOTALL)
        assert between is not None, name
        assert between[1].strip() == text.strip(), name


def test_the_committed_study_is_whole(zoo) -> None:
    study, contenders = zoo["study"].Study(), set(zoo["variants"].variants())
    found = zoo["gathering"].saved(STUDY / "results")
    runs = found.runs
    for part, seeds in (
        (runs[runs["seed"] == study.tuning_seed], study.rates),
        (runs[runs["reported"]], study.seeds),
    ):
        assert set(part["variant"]) == contenders
        assert len(part) == len(contenders) * len(seeds)
    for _, part in found.measures.groupby("rates"):
        assert len(part) == len(contenders) * len(study.seeds) * len(zoo["measures"].MEASURES)
    assert len(study.seeds) >= 3
