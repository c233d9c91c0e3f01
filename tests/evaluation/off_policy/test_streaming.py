from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy import (
    Intervals,
    InversePropensity,
    SelfNormalizedInversePropensity,
    compare,
    evaluate,
    evaluate_parquet,
)

POLICY = [f"p{action}" for action in range(5)]


@pytest.fixture(scope="module")
def log(make_bandit, tmp_path_factory) -> tuple[pd.DataFrame, np.ndarray, Path]:
    """40,000 rows in files that do not end where blocks do."""
    bandit = make_bandit(0, num_rows=40_000, num_users=5000)
    frame = bandit.frame.assign(
        dwell_seconds=bandit.frame["reward"] * np.exp(bandit.frame["x0"]),
        device=np.where(bandit.frame["x1"] > 0, "phone", "desk"),
        slot=np.arange(40_000) % 3,
        **dict(zip(POLICY, bandit.policy.T, strict=True)),
    )
    folder = tmp_path_factory.mktemp("log")
    for number, start in enumerate(range(0, 40_000, 7300)):
        frame[start : start + 7300].to_parquet(folder / f"{number:03}.parquet", row_group_size=1999)
    return frame, bandit.policy, folder


@pytest.mark.parametrize("method", ["analytic", "bootstrap"])
def test_a_stream_gives_the_answer_of_memory(log, method):
    frame, policy, folder = log
    options = {
        "rewards": ["reward", "dwell_seconds"],
        "context": ["x0", "x2", "device"],
        "utilities": {"both": {"reward": 1.0, "dwell_seconds": 0.1}},
        "intervals": Intervals(method=method, num_resamples=50),
    }
    memory = evaluate(frame, policy, **options)
    stream = evaluate_parquet(folder, lambda part: part[POLICY].to_numpy(), **options)
    pd.testing.assert_frame_equal(memory, stream, rtol=1e-9)
    assert len(memory) == 33


def test_columns_and_functions_serve(log):
    frame, policy, folder = log
    action = frame["action"].to_numpy()
    chosen = frame.assign(chance=policy[np.arange(len(frame)), action])
    chosen.to_parquet(folder.parent / "one.parquet")
    estimators = [SelfNormalizedInversePropensity()]
    stream = evaluate_parquet(folder.parent / "one.parquet", "chance", estimators=estimators)
    memory = evaluate(frame, policy[np.arange(len(frame)), action], estimators=estimators)
    pd.testing.assert_frame_equal(memory, stream, rtol=1e-9)
    modelled = evaluate_parquet(
        folder, lambda part: part[POLICY].to_numpy(), lambda part: np.full((len(part), 5), 0.5)
    )
    pd.testing.assert_frame_equal(modelled, evaluate(frame, policy, np.full((40_000, 5), 0.5)), rtol=1e-9)
    paired = evaluate_parquet(
        folder,
        {"new": lambda part: part[POLICY].to_numpy(), "even": lambda part: np.full((len(part), 5), 0.2)},
        baseline="even",
        context=["x0"],
    )
    in_memory = compare(
        frame, {"new": policy, "even": np.full((40_000, 5), 0.2)}, baseline="even", context=["x0"]
    )
    pd.testing.assert_frame_equal(paired, in_memory, rtol=1e-8)


def test_faults_name_their_row(log):
    frame, _, folder = log
    path = folder.parent / "bad.parquet"
    frame.assign(propensity=np.where(np.arange(40_000) == 30_001, 0.0, frame["propensity"])).to_parquet(path)
    with pytest.raises(UserError, match=r"first in row 30001 is 0\.0"):
        evaluate_parquet(path, lambda part: part[POLICY].to_numpy(), estimators=[InversePropensity()])
    with pytest.raises(UserError, match="names column 'chance'"):
        evaluate_parquet(folder, "chance")
    with pytest.raises(UserError, match="need the log in memory"):
        evaluate_parquet(folder, lambda part: part[POLICY].to_numpy(), np.ones((40_000, 5)))
    frame[:0].to_parquet(path)
    with pytest.raises(UserError, match="no rows"):
        evaluate_parquet(path, lambda part: part[POLICY].to_numpy())
