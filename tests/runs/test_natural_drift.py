"""A market that training never saw, in a log in which it clicks the reverse of what the others do."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.log import Log

NUM_DAYS, NUM_USERS, NUM_ITEMS = 14, 40, 10
START = pd.Timestamp("2025-01-06", tz="UTC").as_unit("us")
WORDS = (
    *("data=parquet", "horizon_days=1", "split.gap_days=1", "split.validation_days=2", "split.test_days=3"),
    *("split.maturity_days=1", "model.mixture.expert_widths=[8]", "model.mixture.num_experts=2"),
    *("model.ranker.tower_widths=[8]", "model.ranker.embedding_dim=4", "trainer.batch_size=64"),
    *("trainer.max_epochs=2", "evaluation.num_resamples=20", "tracking=local"),
    *("stress.only=[new_items]", "stress.severities=[5]", "stages=[prepare,fit,stress,report]"),
)


def reversed_market() -> Log:
    """A request of all items a user and day; market ``a`` clicks odd ids, the others even ones."""
    day, user, item = (
        each.ravel()
        for each in np.meshgrid(
            np.arange(NUM_DAYS), np.arange(NUM_USERS), np.arange(NUM_ITEMS), indexing="ij"
        )
    )
    market = np.array(["a", "a", "a", "b", "b", "c"])[user % 6]
    frame = pd.DataFrame(
        {
            "request_id": day * NUM_USERS + user,
            "user_id": user + 1,
            "item_id": item + 1,
            "shown_at": START + pd.to_timedelta(day * 86400 + user * 60, unit="s"),
            "slot": item,
            "market": market,
            "click": ((item + 1) % 2 == 1) == (market == "a"),
        }
    )
    features = (
        Feature(name="user_id", kind="categorical", owner="user"),
        Feature(name="market", kind="categorical", owner="user"),
        Feature(name="item_id", kind="categorical", owner="item"),
    )
    card = DatasetCard(name="reversed market", features=features, outcomes=("click",))
    return Log(frame, card, START + pd.Timedelta(days=NUM_DAYS))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs") / "log"
    reversed_market().write(folder)
    return folder


@pytest.fixture(scope="module")
def judged(root, command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    done = command("run", *WORDS, f"data.root={root}", "split.held_out={market:[b,c]}", f"run_dir={folder}")
    assert done.code == 0, done.err
    return folder, done.out


def test_the_market_is_in_no_window_and_judged_apart(judged):
    folder, out = judged
    rows = pd.read_parquet(folder / "prepared" / "rows_test.parquet")
    assert set(rows["market"]) == {"a"}
    # Items' histories never heard of the others: odd ids are clicked always, even ones never.
    rates = rows.groupby(rows["item_id"] % 2)["item_clicks_7d"].max()
    assert (rates[0], rates[1] > 0) == (0, True)
    assert "held out of all windows: market=b, market=c" in out
    assert "held out of training, market=b: click" in out


def test_what_was_learned_is_wrong_there_and_the_reference_says_so_exactly(judged):
    table = pd.read_parquet(judged[0] / "tables" / "stress_quick_natural.parquet")
    auc = table[table["metric"] == "click/auc"].set_index("window")
    assert list(auc.index) == ["as in training", "market=b", "market=c", "all held out"]
    # Item means put odd ids first, which is wrong for every pair elsewhere.
    assert auc["reference"].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert auc.loc["as in training", "value"] > 0.8
    assert auc.loc["all held out", "value"] < 0.2
    test_rows = 3 * NUM_ITEMS
    members = pd.Series(np.array(["a", "a", "a", "b", "b", "c"])[np.arange(NUM_USERS) % 6]).value_counts()
    expected = [members["a"], members["b"], members["c"], members["b"] + members["c"]]
    assert auc["n"].tolist() == [each * test_rows for each in expected]
    assert auc.loc["as in training", "lift"] == pytest.approx(
        200 * (auc.loc["as in training", "value"] - 1.0)
    )


def test_metrics_and_report_name_it_beside_the_clean_value(judged):
    folder, _ = judged
    found = json.loads((folder / "metrics.json").read_text())
    there = found["stress_quick/natural/market=b/click/auc"]
    assert there["clean"] == found["stress_quick/clean/click/auc"]["value"]
    assert there["reference"] == 0.0
    page = (folder / "report.html").read_text()
    assert "Drift that nobody made" in page
    assert "market=c" in page


def test_a_run_without_it_has_an_empty_table_and_no_section(root, command, tmp_path):
    done = command("run", *WORDS, f"data.root={root}", "trainer.max_epochs=1", f"run_dir={tmp_path / 'r'}")
    assert done.code == 0, done.err
    assert len(pd.read_parquet(tmp_path / "r" / "tables" / "stress_quick_natural.parquet")) == 0
    assert "Drift that nobody made" not in (tmp_path / "r" / "report.html").read_text()


def test_a_value_that_is_nowhere_is_refused_before_training(root, command, tmp_path):
    words = ("split.held_out={market:[d]}", f"run_dir={tmp_path / 'r'}")
    done = command("run", *WORDS, f"data.root={root}", *words)
    assert done.code == 2
    assert "names 'd', which no row of the log has; its values are a, b, c" in done.err
