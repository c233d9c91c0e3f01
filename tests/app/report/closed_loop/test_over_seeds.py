from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report.closed_loop import over_seeds
from holdfast.evaluation.over_seeds import SeedInterval


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((9.12, -4.3, 22.5), "9.1 (−4.3 to 22.5)"),
        ((0.384, 0.2021, 0.5659), "0.384 (0.202 to 0.566)"),
        ((1234.5, 1200.0, 1269.0), "1,234 (1,200 to 1,269)"),
        ((0.0, 0.0, 0.0), "0 (0 to 0)"),
        ((3.0, np.nan, np.nan), "3"),
        ((np.nan, np.nan, np.nan), "–"),
        ((1.1, 1.1 - 1e-15, 1.1 + 1e-15), "1.10 (1.10 to 1.10)"),
    ],
)
def test_an_interval_in_words(ends: tuple[float, float, float], words: str) -> None:
    assert over_seeds.in_words(SeedInterval(*ends, num_seeds=3)) == words


def test_a_day_is_the_mean_and_the_ends_of_its_seeds() -> None:
    days = pd.DataFrame(
        {
            "seed": [0, 1, 0, 1, 0, 0],
            "contender": ["b", "b", "b", "b", "a", "a"],
            "day": [5, 5, 6, 6, 5, 7],
            "clicks": [1, 3, np.nan, 8, np.nan, 2],
        }
    )
    table = over_seeds.by_day(days, "clicks").set_index(["contender", "day"])
    assert list(table.index) == [(name, day) for name in "ba" for day in (5, 6, 7)]
    assert table.loc[("b", 5)].tolist() == [2.0, 1.0, 3.0]
    assert table.loc[("b", 6)].tolist() == [8.0, 8.0, 8.0]
    assert table.loc[("a", 7)].tolist() == [2.0, 2.0, 2.0]
    assert table.loc[[("a", 5), ("a", 6), ("b", 7)]].isna().all(axis=None), "gaps stay"


def test_final_values_are_of_the_last_day_that_all_have() -> None:
    days = pd.DataFrame(
        [
            (0, "a", 1, 10.0),
            (0, "a", 2, 20.0),
            (0, "b", 1, 11.0),  # broke on day 2
            (1, "a", 1, 12.0),
            (1, "a", 2, np.nan),
            (1, "b", 1, 13.0),
            (1, "b", 2, 30.0),
            (2, "a", 1, 14.0),  # b never served this seed
        ],
        columns=["seed", "contender", "day", "value_so_far"],
    )
    values = over_seeds.final_values(days)
    assert values.index.tolist() == [0, 1]
    assert values["a"].tolist() == [10.0, 12.0]
    assert values["b"].tolist() == [11.0, 13.0]
    nobody = over_seeds.final_values(days.assign(value_so_far=np.nan))
    assert nobody.empty


def test_a_lead_is_paired_over_seeds() -> None:
    days = pd.DataFrame(
        [(seed, name, 1, 10.0 * seed + lead) for seed in (0, 1) for name, lead in (("a", 0.0), ("b", 1.0))],
        columns=["seed", "contender", "day", "value_so_far"],
    )
    (row,) = over_seeds.lead_by_day(days, reference="a", level=0.95).itertuples(index=False)
    assert row == ("b", 1, 1.0, 1.0, 1.0), "what seeds have in common cancels"


def test_calibration_is_a_ratio_of_sums() -> None:
    table = pd.DataFrame(
        [
            (0, "m", 1, "click", 0.2, 0.1, 100),
            (1, "m", 1, "click", 0.1, 0.2, 300),
            (0, "m", 2, "click", 0.1, 0.0, 50),  # nobody clicked
            (0, "m", 3, "click", np.nan, np.nan, 0),  # nobody came
            (0, "m", 1, "dwell", 30.0, 20.0, 10),
        ],
        columns=["seed", "contender", "day", "objective", "predicted", "observed", "n"],
    )
    found = over_seeds.calibration_by_day(table, objective="click").set_index("day")
    np.testing.assert_allclose(found.loc[1, ["mean", "low", "high"]].astype(float), [50 / 70, 0.5, 2.0])
    assert found.loc[[2, 3], "mean"].isna().all()
    whole = over_seeds.calibration_of_all_days(table).set_index("objective")
    np.testing.assert_allclose(
        whole.loc["click", ["ratio", "low", "high"]].astype(float), [55 / 70, 0.5, 25 / 10]
    )
    np.testing.assert_allclose(whole.loc["dwell", "ratio"], 1.5)
    assert whole.loc["dwell", ["low", "high"]].isna().all(), "one seed has no ends"


def test_who_was_trained_again_is_seen_in_what_served(made_content: ModuleType) -> None:
    days = made_content.loop_days(num_days=8)
    assert over_seeds.trained_before(days) == {"retrained": [23, 26]}
    shuffled = days.sample(frac=1.0, random_state=0)
    assert over_seeds.trained_before(shuffled) == {"retrained": [23, 26]}
