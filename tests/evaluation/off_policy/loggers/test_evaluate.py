from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.evaluation.off_policy import (
    COLUMNS,
    ClippedInversePropensity,
    DoublyRobust,
    Intervals,
    InversePropensity,
    PredictedRewards,
    SelfNormalizedInversePropensity,
    evaluate,
    is_answer,
)
from holdfast.evaluation.off_policy.loggers import (
    BalancedLoggers,
    NaiveLoggers,
    WeightedLoggers,
    evaluate_several_loggers,
)

POLICY = np.tile([0.25, 0.75], (6, 1))


def hand_log() -> pd.DataFrame:
    """Logger a made four rows with chances (.5, .5), logger b two with (.2, .8)."""
    return pd.DataFrame(
        {
            "policy": ["a", "a", "b", "a", "b", "a"],
            "action": [0, 1, 1, 1, 0, 0],
            "reward": [1.0, 2.0, 3.0, 4.0, 5.0, 0.0],
            "p_a": 0.5,
            "p_b": [0.2, 0.8, 0.8, 0.8, 0.2, 0.2],
            "propensity": [0.5, 0.5, 0.8, 0.5, 0.2, 0.5],
        }
    )


OWN_WEIGHTS = np.array([0.5, 1.5, 0.9375, 1.5, 1.25, 0.5])
MIXED = np.where(
    np.array([0, 1, 1, 1, 0, 0]) == 1, 0.75 / (4 / 6 * 0.5 + 2 / 6 * 0.8), 0.25 / (4 / 6 * 0.5 + 2 / 6 * 0.2)
)
REWARD = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 0.0])
BY_A = np.array([True, True, False, True, False, True])


def by_inverse_variance(values: np.ndarray) -> float:
    parts = [values[BY_A], values[~BY_A]]
    precision = np.array([part.size / part.var() for part in parts])
    return float(precision @ [part.mean() for part in parts] / precision.sum())


PROPENSITIES = {"a": "p_a", "b": "p_b"}


def found(frame: pd.DataFrame | None = None, **options: object) -> pd.Series:
    options = {"propensities": PROPENSITIES, "reward_model": False, **options}
    frame = hand_log() if frame is None else frame
    table = evaluate_several_loggers(frame, POLICY[: len(frame)], **options)  # type: ignore[arg-type]
    return table.set_index("estimator")["value"]


def test_weights_only_by_hand():
    values = found()
    assert values["ips_naive"] == pytest.approx((OWN_WEIGHTS * REWARD).mean(), rel=1e-12)
    assert values["snips_naive"] == pytest.approx(OWN_WEIGHTS @ REWARD / OWN_WEIGHTS.sum(), rel=1e-12)
    assert values["ips_balanced"] == pytest.approx((MIXED * REWARD).mean(), rel=1e-12)
    assert values["snips_balanced"] == pytest.approx(MIXED @ REWARD / MIXED.sum(), rel=1e-12)
    assert values["ips_weighted"] == pytest.approx(by_inverse_variance(OWN_WEIGHTS * REWARD), rel=1e-12)


def test_doubly_robust_by_hand_weights_the_whole_value():
    predicted = np.array([1.0, 2.5, 2.0, 3.0, 4.0, 1.0])
    expected = np.array([2.0, 2.0, 3.0, 3.0, 1.0, 1.5])
    values = found(reward_model=PredictedRewards(predicted, expected))
    terms = expected + OWN_WEIGHTS * (REWARD - predicted)
    assert values["dr_naive"] == pytest.approx(terms.mean(), rel=1e-12)
    assert values["dr_balanced"] == pytest.approx((expected + MIXED * (REWARD - predicted)).mean(), rel=1e-12)
    assert values["dr_weighted"] == pytest.approx(by_inverse_variance(terms), rel=1e-12)
    # weighting the correction only, and averaging the model's part over all rows, is another number
    correction_only = expected.mean() + by_inverse_variance(OWN_WEIGHTS * (REWARD - predicted))
    assert abs(values["dr_weighted"] - correction_only) > 0.01


def test_one_logger_is_the_plain_estimate():
    frame = hand_log().assign(policy="a", propensity=0.5)
    values = found(frame, propensities={"a": "p_a"})
    plain = evaluate(frame, POLICY, reward_model=False).set_index("estimator")["value"]
    for name in ("ips_naive", "ips_balanced", "ips_weighted"):
        assert values[name] == pytest.approx(plain["ips"], rel=1e-12)


def test_without_propensities_of_all_loggers_there_is_no_balanced_estimate():
    values = found(propensities=None)
    assert list(values.index) == ["ips_naive", "snips_naive", "ips_weighted"]
    assert values["ips_naive"] == pytest.approx((OWN_WEIGHTS * REWARD).mean(), rel=1e-12)


def test_arrays_will_do_and_the_own_propensity_follows():
    frame = hand_log()
    arrays = {"a": np.full(6, 0.5), "b": frame["p_b"].to_numpy()}
    values = found(frame.drop(columns=["p_a", "p_b", "propensity"]), propensities=arrays)
    pd.testing.assert_series_equal(values, found())


WANTED = np.array([0.1, 0.1, 0.2, 0.6])
WORTH = np.array([0.2, 0.4, 0.6, 0.8])
TRUTH = float(WANTED @ WORTH)


def two_loggers(seed: int, logged: dict[str, tuple[np.ndarray, int]]) -> tuple[pd.DataFrame, np.ndarray]:
    draw = np.random.default_rng(seed)
    parts = []
    for name, (chances, num_rows) in logged.items():
        action = draw.choice(4, size=num_rows, p=chances)
        parts.append(pd.DataFrame({"policy": name, "action": action, "propensity": chances[action]}))
    frame = pd.concat(parts, ignore_index=True).sample(frac=1.0, random_state=seed, ignore_index=True)
    frame["reward"] = (draw.random(len(frame)) < WORTH[frame["action"]]).astype(float)
    for name, (chances, _) in logged.items():
        frame[name] = chances[frame["action"]]
    return frame, np.tile(WANTED, (len(frame), 1))


FAR_AND_NEAR = {
    "far": (np.array([0.7, 0.2, 0.06, 0.04]), 1500),
    "near": (np.array([0.2, 0.2, 0.2, 0.4]), 500),
}


def test_all_cover_the_truth_and_use_the_rows_better_than_naive():
    covered: dict[str, int] = {}
    squares: dict[str, list[float]] = {}
    for seed in range(20):
        frame, policy = two_loggers(seed, FAR_AND_NEAR)
        table = evaluate_several_loggers(
            frame, policy, propensities={name: name for name in FAR_AND_NEAR}, context=()
        )
        for row in table.itertuples():
            # A few rows of the far logger decide the naive values, and the table may say so.
            assert is_answer(row.status) or row.estimator.endswith("_naive"), row
            covered[row.estimator] = covered.get(row.estimator, 0) + bool(row.low < TRUTH < row.high)
            squares.setdefault(row.estimator, []).append((row.value - TRUTH) ** 2)
    assert set(covered) == {
        "ips_naive",
        "snips_naive",
        "ips_weighted",
        "ips_balanced",
        "snips_balanced",
        "dr_naive",
        "dr_weighted",
        "dr_balanced",
    }
    # 20 draws of an interval that covers 95 % are 16 or more in 99.7 % of cases.
    assert min(covered.values()) >= 16, covered
    errors = {name: float(np.mean(values)) for name, values in squares.items()}
    assert errors["ips_balanced"] < 0.5 * errors["ips_naive"]
    assert errors["ips_weighted"] < 0.5 * errors["ips_naive"]


def test_only_the_mixture_needs_to_have_logged_everything():
    """Logger 'blind' never shows the action that the policy likes most."""
    logged = {
        "blind": (np.array([0.5, 0.3, 0.2, 0.0]), 2000),
        "near": (np.array([0.2, 0.2, 0.2, 0.4]), 2000),
    }
    frame, policy = two_loggers(0, logged)
    table = evaluate_several_loggers(
        frame, policy, reward_model=False, propensities={name: name for name in logged}
    ).set_index("estimator")
    assert table["status"]["ips_balanced"] == "ok"
    assert table["low"]["ips_balanced"] < TRUTH < table["high"]["ips_balanced"]
    for name in ("ips_naive", "ips_weighted"):
        assert "weights average 0.6" in table["status"][name]


def test_a_logger_whose_rows_all_bring_in_the_same_makes_the_weighted_value_unknown():
    frame, policy = two_loggers(1, FAR_AND_NEAR)
    frame.loc[frame["policy"] == "near", "reward"] = 0.0
    table = evaluate_several_loggers(frame, policy, reward_model=False).set_index("estimator")
    assert table["value"].isna()["ips_weighted"]
    assert "all rows of one of the loggers" in table["status"]["ips_weighted"]
    assert table["value"].notna()["ips_naive"]


def test_the_bootstrap_agrees_with_the_delta_method():
    frame, policy = two_loggers(2, FAR_AND_NEAR)
    widths = [
        (table["high"] - table["low"]).to_numpy(dtype=float)
        for table in (
            evaluate_several_loggers(
                frame, policy, False, propensities={name: name for name in FAR_AND_NEAR}, intervals=intervals
            )
            for intervals in (Intervals(), Intervals(method="bootstrap", num_resamples=400))
        )
    ]
    assert np.allclose(*widths, rtol=0.15)


def test_names_columns_and_utilities():
    frame, policy = two_loggers(3, FAR_AND_NEAR)
    table = evaluate_several_loggers(
        frame.assign(other=1.0 - frame["reward"]),
        policy,
        False,
        [NaiveLoggers(SelfNormalizedInversePropensity())],
        rewards=["reward", "other"],
        utilities={"sum": {"reward": 1.0, "other": 1.0}},
    )
    assert tuple(table.columns) == COLUMNS
    assert (table["setting"] == "").all()
    assert table["objective"].tolist() == ["reward", "other", "sum"]
    assert table["value"].iloc[2] == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "options", "pattern"),
    [
        ({}, {"logger": "who"}, "no column 'who'"),
        ({"policy": [None, "a", "b", "a", "b", "a"]}, {}, "logged by somebody"),
        ({}, {"propensities": {"a": "p_a"}}, r"loggers \['b'\] are missing"),
        ({}, {"propensities": {"a": "p_a", "b": "p_c"}}, "does not have"),
        ({"p_b": 1.5}, {}, "outside"),
        ({"p_b": np.nan}, {}, "outside"),
        ({"p_b": "often"}, {}, "column 'p_b' is not numeric"),
        ({"propensity": "often"}, {}, "column 'propensity' is not numeric"),
        ({}, {"propensities": {"a": "p_a", "b": np.full((6, 1), 0.5)}}, r"have shape \(6, 1\)"),
        ({"propensity": 0.5}, {}, "disagree in 2 rows, the first is row 2"),
        ({"propensity": 0.0}, {"propensities": None}, "missing or outside"),
        ({"reward": np.nan}, {}, "missing or infinite"),
        ({}, {"estimators": [BalancedLoggers()], "propensities": None}, "needs propensities="),
        ({}, {"estimators": [NaiveLoggers(DoublyRobust())]}, "needs a reward model"),
        ({}, {"intervals": Intervals(method="anytime")}, "do not exist for several loggers"),
        ({}, {"estimators": []}, "estimators is empty"),
    ],
)
def test_what_is_refused(change: dict[str, object], options: dict[str, object], pattern: str):
    with pytest.raises(ValueError, match=pattern):
        found(hand_log().assign(**change), **options)


def test_only_plain_means_are_weighted():
    with pytest.raises(ValueError, match="without clipping"):
        WeightedLoggers(DoublyRobust(max_weight=5.0))
    with pytest.raises(ValueError, match="without clipping"):
        WeightedLoggers(ClippedInversePropensity())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="use evaluate_several_loggers"):
        evaluate(hand_log(), POLICY, False, [WeightedLoggers(InversePropensity())])
