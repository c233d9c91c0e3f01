"""Rows that a split keeps from training: which, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.held_out import held_out_rows, values_of
from holdfast.data.log import Log
from holdfast.data.splits import TemporalSplit

SPLIT = {"gap_days": 0, "validation_days": 1, "test_days": 2, "maturity_days": 0}
DAYS = 6


def log(**columns) -> Log:
    """Four requests a day of two rows each, one a market."""
    size = DAYS * 8
    hour = np.repeat(np.arange(DAYS * 4) * 6, 2)
    frame = pd.DataFrame(
        {
            "request_id": np.arange(size) // 2,
            "shown_at": pd.Timestamp("2025-01-06", tz="UTC").as_unit("us") + pd.to_timedelta(hour, unit="h"),
            "market": np.tile(np.repeat(["n", "s", "w", None], 2), DAYS),
            "number": np.tile(np.repeat([1, 2, 3, 4], 2), DAYS),
            "level": np.tile(np.repeat([1.0, 2.0, np.nan, 4.0], 2), DAYS),
            "slot": np.tile([0, 1], size // 2),
            "click": False,
            "topics": [["a"]] * size,
        }
    ).assign(**columns)
    features = (Feature(name="market", kind="categorical", owner="user"),)
    until = pd.Timestamp("2025-01-06", tz="UTC") + pd.Timedelta(days=DAYS)
    return Log(frame, DatasetCard(name="markets", features=features), until)


@pytest.mark.parametrize(
    ("held_out", "places"),
    [
        ({"market": ["n"]}, [0]),
        ({"market": ["n", "w"]}, [0, 2]),
        ({"number": [3]}, [2]),
        ({"number": ["3"]}, [2]),
        ({"level": [2]}, [1]),
        ({"market": ["n"], "number": [4]}, [0, 3]),
    ],
)
def test_rows_with_any_of_the_values(held_out, places):
    found = held_out_rows(log(), held_out)
    assert found.tolist() == [place in places for place in np.tile(np.repeat([0, 1, 2, 3], 2), DAYS)]


def test_the_kept_log_and_the_held_out_rows_are_the_log():
    whole = log()
    split = TemporalSplit(**SPLIT, held_out={"market": ["s"]})
    kept = split.kept(whole)
    assert len(kept) + int(held_out_rows(whole, split.held_out).sum()) == len(whole)
    assert "s" not in set(kept.frame["market"].dropna())
    assert kept.frame.index.tolist() == list(range(len(kept)))
    assert split.windows(whole).keys() == {"train", "validation", "test"}
    assert TemporalSplit(**SPLIT).kept(whole) is whole
    assert list(values_of(whole, "market", ["s", "w"])) == ["market=s", "market=w"]


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        (
            {"markt": ["n"]},
            "names 'markt', which is no column of the log that may divide it; columns of users",
        ),
        ({"click": [False]}, "names 'click', which is no column"),
        ({"market": ["x"]}, "names 'x', which no row of the log has; its values are n, s, w"),
        ({"market": [None]}, "which no row of the log has"),
        ({"slot": [1]}, "differs within a request, and half a slate cannot be judged"),
        ({"topics": ["a"]}, "holds lists"),
        ({"number": [1, 2, 3, 4]}, "leaves no row in the train window"),
    ],
)
def test_what_cannot_be_held_out(held_out, said):
    with pytest.raises(UserError) as refused:
        TemporalSplit(**SPLIT, held_out=held_out).kept(log())
    assert said in str(refused.value)


def test_values_that_the_test_days_do_not_have_are_refused():
    early = log(market=np.where(np.arange(DAYS * 8) < 8, "old", "new"))
    with pytest.raises(UserError, match="holds out 8 rows, and none of them is in the test window"):
        TemporalSplit(**SPLIT, train_days=None, held_out={"market": ["old"]}).kept(early)


@pytest.mark.parametrize(
    "held_out", [{"market": []}, {"market": "n"}, {"market": ["n", "n"]}, {"n": [3, "3"]}]
)
def test_what_could_be_meant_for_no_log(held_out):
    with pytest.raises(ValueError, match=r"split\.held_out"):
        TemporalSplit(**SPLIT, held_out=held_out)
