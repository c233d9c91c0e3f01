from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy import Intervals, PredictedRewards
from holdfast.evaluation.off_policy.slates import (
    IndependentInversePropensity,
    SlateProbabilities,
    compare_slates,
    evaluate_slates,
    evaluate_slates_parquet,
)

WANTED = SlateProbabilities(marginal="wanted", given_earlier="wanted")
OTHER = SlateProbabilities(marginal="other", given_earlier="other")
LOGGED = SlateProbabilities(marginal="propensity", given_earlier="propensity")


def make_log(num_slates: int = 15_000) -> pd.DataFrame:
    """Slates of one to four slots, three items drawn independently; long ones come last."""
    draw = np.random.default_rng(8)
    logged, wanted, other = np.array([[0.3, 0.3, 0.4], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    size = np.where(np.arange(num_slates) < num_slates - 900, draw.integers(1, 4, num_slates), 4)
    request = np.repeat(np.arange(num_slates), size)
    item = draw.choice(3, size=request.size, p=logged)
    return pd.DataFrame(
        {
            "request_id": request,
            "slot": np.arange(request.size) - np.repeat(np.cumsum(size) - size, size),
            "item_id": item,
            "user_id": np.repeat(draw.integers(2000, size=num_slates), size),
            "click": draw.random(request.size) < 0.2 + 0.1 * item,
            "dwell_seconds": draw.exponential(10.0, request.size),
            "propensity": logged[item],
            "wanted": wanted[item],
            "other": other[item],
            "guess": 0.2 + 0.05 * item,
            "guess_expected": 0.24,
        }
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> tuple[pd.DataFrame, Path]:
    """In files and row groups that end in the middle of slates."""
    frame = make_log()
    folder = tmp_path_factory.mktemp("slates")
    for number, start in enumerate(range(0, len(frame), 9001)):
        frame[start : start + 9001].to_parquet(folder / f"{number:03}.parquet", row_group_size=1777)
    return frame, folder


def guessed(frame: pd.DataFrame) -> dict[str, PredictedRewards]:
    click = PredictedRewards(frame["guess"].to_numpy(), frame["guess_expected"].to_numpy())
    return {"click": click, "dwell_seconds": PredictedRewards(10 * click.logged, 10 * click.expected)}


@pytest.mark.parametrize("user", ["user_id", None])
@pytest.mark.parametrize("method", ["analytic", "bootstrap"])
def test_a_stream_gives_the_answer_of_memory(log, method, user):
    frame, folder = log
    options = {
        "behavior": LOGGED,
        "rewards": ["click", "dwell_seconds"],
        "utilities": {"both": {"click": 1.0, "dwell_seconds": 0.1}},
        "intervals": Intervals(method=method, num_resamples=40),
        "user": user,
        "num_candidates": 5,
    }
    memory = evaluate_slates(frame, WANTED, predictions=guessed(frame), **options)
    stream = evaluate_slates_parquet(folder, WANTED, predictions=guessed, **options)
    pd.testing.assert_frame_equal(memory, stream, rtol=1e-9)
    assert set(memory["estimator"]) >= {"sips", "iips", "rips", "cascade_dr", "sn_cascade_dr"}
    assert len(memory) == 3 * 8


def test_several_policies_and_bounded_intervals(log):
    frame, folder = log
    policies = {"new": WANTED, "other": OTHER}
    memory = compare_slates(frame, policies, behavior=LOGGED, baseline="other")
    stream = evaluate_slates_parquet(folder, policies, behavior=LOGGED, baseline="other")
    pd.testing.assert_frame_equal(memory, stream, rtol=1e-9)
    options = {
        "behavior": LOGGED,
        "user": None,
        "estimators": [IndependentInversePropensity()],
        "intervals": Intervals(method="empirical_bernstein", largest_weight=5 / 3),
    }
    bounded = evaluate_slates(frame, WANTED, **options)
    pd.testing.assert_frame_equal(bounded, evaluate_slates_parquet(folder, WANTED, **options), rtol=1e-9)
    assert bounded["low"].iloc[0] > 0.0


def test_faults_name_their_row_in_the_whole_log(log, tmp_path):
    frame, _ = log

    def refused(faulty: pd.DataFrame, pattern: str, **options: object) -> None:
        faulty.to_parquet(tmp_path / "log.parquet", row_group_size=5000)
        with pytest.raises(UserError, match=pattern):
            evaluate_slates_parquet(
                tmp_path / "log.parquet", **{"policies": WANTED, "behavior": LOGGED, **options}
            )

    late = frame.copy()
    late.loc[20_000, "propensity"] = 0.0
    refused(late, r"counting rows from row 1\d{4} of the log: .*missing or outside")
    late = frame.copy()
    late["slot"] = late["slot"].astype(float)
    late.loc[20_000, "slot"] = np.nan
    refused(late, "not a whole number")
    late.loc[20_000, "slot"] = 1e6
    refused(late, "beyond the number of rows")
    # The last request of a part goes on in the next one, after another has begun.
    cut = int(frame.index[frame["request_id"] != frame["request_id"].shift()].searchsorted(5000)) - 1
    twice = frame.assign(request_id=frame["request_id"].replace(cut + 1, cut - 1))
    refused(twice, "do not stand together|repeat a 'slot'")
    refused(frame.sample(frac=1.0, random_state=0), "beyond the number of rows|do not stand together")
    unnamed = frame.assign(request_id=frame["request_id"].astype("Int64").mask(frame.index > 15_000))
    refused(unnamed, "every row belongs to a slate")
    refused(frame.iloc[:0], "has no rows")
    refused(frame.drop(columns="slot"), "has no column")
    refused(frame, "are arrays", behavior=SlateProbabilities(marginal=np.full(len(frame), 0.5)))
    refused(frame, "name at least one", policies={})
    refused(frame, "none of the policies", predictions={"else": guessed})


def test_a_log_of_one_long_slate(tmp_path):
    frame = make_log(3).query("request_id == 2")
    frame.to_parquet(tmp_path / "one.parquet", row_group_size=1)
    table = evaluate_slates_parquet(tmp_path / "one.parquet", WANTED, behavior=LOGGED)
    assert table["status"].str.startswith("the log cannot say: only one of the").all()
    assert table["value"].notna().all()
