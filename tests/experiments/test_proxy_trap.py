"""The tables of the study, on figures whose answer is known."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

from holdfast.core.shipped import shipped_folder


@pytest.fixture(scope="module")
def study():
    path = shipped_folder("experiments") / "proxy_trap" / "run.py"
    spec = importlib.util.spec_from_file_location("proxy_trap", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def days(who: str, contender: str, seed: int, *, clicks: float, visits: float) -> pd.DataFrame:
    """Two days of ten users, the later one first."""
    return pd.DataFrame(
        {
            "who": who,
            "contender": contender,
            "seed": seed,
            "day": [25, 24],
            "arrived_users": [10, 8],
            "clicks": [clicks, 0.0],
            "impressions": [100, 50],
            "gone_users": [1, 0],
            "back_from_yesterday": [0.5, 0.5],
            "visitor_satisfaction": [0.4, 0.2],
            "active_users": [visits - 1.0, 1.0],
            "dwell_seconds": [50.0, 0.0],
            "value_so_far": [7.0, 3.0],
            "satisfaction": [0.4, 0.2],
            "coverage": [0.5, 0.3],
            "gini": [0.5, 0.5],
            "topic_entropy": [0.9, np.nan],
            "user_concentration": [0.1, 0.1],
        }
    )


def test_totals_are_per_user_who_had_arrived_by_the_last_day(study):
    row = study.totals_of(days("click_only", "trained", 0, clicks=30.0, visits=20.0)).iloc[0]
    assert row["clicks_per_user"] == 3.0
    assert row["visits_per_user"] == 2.0
    assert row["value_so_far"] == 7.0
    assert row["satisfaction"] == pytest.approx(0.3)
    assert row["topic_entropy"] == 0.9  # a day on which nothing was shown has none


def test_differences_are_paired_by_world_and_the_price_is_where_they_cancel(study):
    tables = []
    for seed, luck in enumerate((0.0, 100.0)):
        for contender in study.CONTENDERS:
            tables.append(days("click_only", contender, seed, clicks=60.0 + luck, visits=20.0 + luck))
            for who in study.RANKERS[1:]:
                tables.append(days(who, contender, seed, clicks=30.0 + luck, visits=30.0 + luck))
    totals = pd.concat([study.totals_of(each) for each in tables])
    line = study.verdict_table(totals).splitlines()[4]
    # Three clicks fewer and one visit more a user: a visit has to be worth three clicks; luck cancels.
    assert "-3.00 [-3.00, -3.00]" in line
    assert "+1.00 [1.00, 1.00]" in line
    assert line.endswith("| 3.0 [3.0, 3.0] |")


def test_the_click_auc_of_a_ranker_is_that_of_its_score(study, tmp_path):
    (tmp_path / "prepared").mkdir()
    (tmp_path / "tables").mkdir()
    rows = pd.DataFrame({"click": [True, False, False], "propensity": [0.5, 1.0, 0.25]})
    rows.to_parquet(tmp_path / "prepared" / "rows_test.parquet")
    scores = pd.DataFrame({"score": [0.5, 0.1, 0.9]})
    scores.to_parquet(tmp_path / "tables" / "predictions_test.parquet")
    assert study.click_auc(tmp_path) == pytest.approx(1.0 / (1.0 + 4.0))
