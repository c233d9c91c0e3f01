from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.app.simulating.contender_folder import calibration_table
from holdfast.app.simulating.tables import MEANS_OVER_DAYS, simulation_tables
from holdfast.simulation.long_term_value import LongTermValue


def days(clicks: list[int], *, users: int = 10) -> pd.DataFrame:
    number = len(clicks)
    shown = {name: np.linspace(0.1, 0.2, number) for name in MEANS_OVER_DAYS}
    return pd.DataFrame(
        {
            "day": np.arange(number),
            "policy": "p@1",
            "arrived_users": users,
            "gone_users": 1,
            "impressions": 50,
            "clicks": clicks,
            "dwell_seconds": [10.0 * each for each in clicks],
            **shown,
            "active_users": 4,
        }
    )


NOTHING = calibration_table([])
FIGURES = {
    (0, "a"): days([2, 3]),
    (0, "b"): days([4, 6]),
    (5, "a"): days([1, 1]),
    (5, "b"): days([2, 5]),
}


def tables(**changed):
    settings = {"value": LongTermValue(), "oracle": "b", "reference": "a", "level": 0.95, **changed}
    figures = settings.pop("figures", FIGURES)
    return simulation_tables(figures, dict.fromkeys(figures, NOTHING), **settings)


def test_quantities_of_all_days_by_hand():
    summary = tables().summary.set_index(["contender", "quantity"])["mean"]
    assert summary["a", "clicks_per_user"] == pytest.approx((0.5 + 0.2) / 2)
    assert summary["a", "value_so_far"] == pytest.approx((0.5 + 0.2) / 2)
    assert summary["b", "click_rate"] == pytest.approx((10 / 100 + 7 / 100) / 2)
    assert summary["a", "dwell_per_user"] == pytest.approx((5.0 + 2.0) / 2)
    assert summary["a", "dwell_mean"] == pytest.approx(10.0)
    assert summary["a", "visits_per_user"] == pytest.approx(0.8)
    assert summary["a", "active_users"] == 4.0
    assert summary["a", "gini"] == pytest.approx(0.15)
    assert summary["a", "regret"] == pytest.approx((0.5 + 0.5) / 2)
    assert summary["b", "regret"] == 0.0


def test_differences_are_paired_seed_by_seed():
    found = tables().differences.set_index(["contender", "quantity"])
    assert set(found.index.get_level_values("contender")) == {"b"}
    assert (found["reference"] == "a").all()
    row = found.loc[("b", "value_so_far")]
    # 0.5 in both worlds: the interval has no width, although the worlds differ.
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.5, 0.5, 0.5))
    assert row["num_seeds"] == 2
    single = tables().summary.set_index(["contender", "quantity"]).loc[("b", "value_so_far")]
    assert single["high"] - single["low"] > 1.0


def test_days_have_value_and_regret_so_far():
    found = tables().days.set_index(["seed", "contender", "day"])
    assert found.loc[(0, "b"), "value_so_far"].tolist() == pytest.approx([0.4, 1.0])
    assert found.loc[(0, "a"), "regret"].tolist() == pytest.approx([0.2, 0.5])
    assert list(tables().days.columns[:3]) == ["seed", "contender", "day"]


def test_without_an_oracle_there_is_no_regret_and_with_one_seed_no_interval():
    found = tables(oracle=None, figures={key: each for key, each in FIGURES.items() if key[0] == 0})
    assert "regret" not in found.days
    assert "regret" not in set(found.summary["quantity"])
    assert found.summary["low"].isna().all()
    assert (found.summary["num_seeds"] == 1).all()
    metrics = found.metrics()
    assert metrics["simulate/a/value_so_far"] == {"value": 0.5, "low": None, "high": None, "num_seeds": 1}
    assert metrics["simulate/b_minus_a/value_so_far"]["value"] == pytest.approx(0.5)


def test_a_single_contender_and_days_without_anybody():
    empty = days([0, 0]).assign(impressions=0, active_users=0, gini=np.nan, arrived_users=0)
    found = tables(oracle=None, figures={(0, "a"): empty})
    assert found.differences.empty
    assert list(found.differences.columns) == [
        "contender",
        "reference",
        "quantity",
        "mean",
        "low",
        "high",
        "num_seeds",
    ]
    summary = found.summary.set_index("quantity")["mean"]
    assert np.isnan(summary[["click_rate", "dwell_mean", "gini", "clicks_per_user"]]).all()
    assert summary["active_users"] == 0.0
    assert found.metrics()["simulate/a/gini"]["value"] is None


def test_no_predictions_still_make_a_table_with_its_columns():
    assert list(tables().calibration.columns) == [
        "seed",
        "contender",
        "day",
        "objective",
        "predicted",
        "observed",
        "n",
    ]
