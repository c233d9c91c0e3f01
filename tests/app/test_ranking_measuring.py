"""What a row is worth to the order within requests, by hand, for every set of heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from holdfast.app.ranking_measuring import ranking_rows
from holdfast.core.protocols import Population
from holdfast.data.card import Objective
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.ranking_metrics import ranking_metrics

NAN = float("nan")
LOG3 = np.log2(3.0)
SCORE = np.array([3.0, 2.0, 1.0, 1.0, 2.0, 0.5], dtype=np.float32)
REQUEST = np.array([0, 0, 0, 1, 1, 2])
# Not opened, opened, opened | opened, not opened | opened for nobody knows how long.
CLICK = [0, 1, 1, 1, 0, 1]
SECONDS = [NAN, np.e**2 - 1, np.e - 1, np.e - 1, NAN, NAN]
WEIGHT = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def window(objectives: Sequence[Objective], *, population: Population = "opened") -> EncodedWindow:
    size = len(REQUEST)
    zeros, seconds = np.zeros(size, dtype=np.int64), np.array(SECONDS)
    if population == "all":
        seconds = np.where(np.array(CLICK) == 0, 0.0, seconds)
    columns = {"click": np.array(CLICK, dtype=float), "dwell": seconds, "retention": np.ones(size)}
    value = np.stack([columns[name] for name in objectives], axis=1)
    return EncodedWindow(
        name="test",
        objectives=tuple(objectives),
        categorical=np.zeros((size, 1), dtype=np.int32),
        numeric=np.zeros((size, 0), dtype=np.float32),
        lists=(),
        content_seconds=np.full(size, np.inf, dtype=np.float32),
        value=value.astype(np.float32),
        event=np.ones_like(value, dtype=bool),
        known=~np.isnan(value),
        spread=np.ones_like(value, dtype=np.float32),
        propensity=np.full(size, NAN),
        request=REQUEST,
        user=zeros,
        user_day=zeros,
        day=zeros,
        slot=zeros,
        follow_up_days=zeros,
        recency_days=zeros.astype(np.float32),
        active_days_7=zeros.astype(np.float32),
        policy=zeros,
        item=zeros,
    )


def test_a_model_of_dwell_alone_is_ranked_by_dwell() -> None:
    rows = ranking_rows(window(["dwell"]), SCORE, population="opened", weights={"dwell": WEIGHT})
    assert rows is not None
    assert set(rows.gains) == {"dwell"}
    # The last row, of which no dwell is known, counts as not opened.
    np.testing.assert_allclose(rows.gains["dwell"], [0, 2, 1, 1, 0, 0], rtol=1e-6)
    assert rows.weight is None
    (ndcg,) = ranking_metrics(
        **vars(rows), users=REQUEST, cutoffs=[2], bootstrap=ClusterBootstrap(num_resamples=0)
    )
    assert ndcg.name == "ranking/ndcg_dwell@2"
    assert ndcg.n == 2
    assert ndcg.value == pytest.approx(((2 / LOG3) / (2 + 1 / LOG3) + 1 / LOG3) / 2, rel=1e-6)


def test_dwell_over_all_rows_says_which_rows_were_not_opened_and_how_they_count() -> None:
    all_rows = window(["dwell"], population="all")
    rows = ranking_rows(all_rows, SCORE, population="all", weights={"dwell": WEIGHT})
    assert rows is not None
    np.testing.assert_allclose(rows.gains["dwell"], [0, 2, 1, 1, 0, NAN], rtol=1e-6)
    assert rows.weight is WEIGHT


@pytest.mark.parametrize("population", ["opened", "all"])
def test_clicks_say_what_a_missing_dwell_means(population: Population) -> None:
    both = window(["click", "dwell", "retention"], population=population)
    rows = ranking_rows(both, SCORE, population=population, weights={"click": WEIGHT})
    assert rows is not None
    np.testing.assert_array_equal(rows.gains["click"], CLICK)
    np.testing.assert_allclose(rows.gains["dwell"], [0, 2, 1, 1, 0, NAN], rtol=1e-6)
    assert rows.weight is WEIGHT


def test_a_click_that_is_not_known_is_of_unknown_worth_to_both_gains() -> None:
    both = window(["click", "dwell"])
    both.known[0, 0] = False
    rows = ranking_rows(both, SCORE, population="opened", weights={})
    assert rows is not None
    np.testing.assert_allclose(rows.gains["click"], [NAN, 1, 1, 1, 0, 1])
    np.testing.assert_allclose(rows.gains["dwell"], [NAN, 2, 1, 1, 0, NAN], rtol=1e-6)


def test_clicks_alone() -> None:
    rows = ranking_rows(window(["click"]), SCORE, population="opened", weights={})
    assert rows is not None
    assert set(rows.gains) == {"click"}


def test_returns_alone_tell_no_orders_apart() -> None:
    assert ranking_rows(window(["retention"]), SCORE, population="opened", weights={}) is None
