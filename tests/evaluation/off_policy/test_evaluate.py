"""``evaluate``, ``compare`` and ``diagnose`` on logs computed by hand, and on bad ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy import (
    COLUMNS,
    BalancedInversePropensity,
    ClippedInversePropensity,
    CressieRead,
    DirectMethod,
    DoublyRobust,
    IndexedRows,
    Intervals,
    InversePropensity,
    MoreRobustDoublyRobust,
    OptimisticShrinkage,
    PredictedRewards,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInversePropensity,
    SubGaussianDoublyRobust,
    SubGaussianInversePropensity,
    SwitchDoublyRobust,
    Trust,
    Tuned,
    compare,
    diagnose,
    evaluate,
    is_answer,
)

# With w = (.5, 2, 1, 1.5, 0), r = (1, 1, 0, 2, 4), q = (1, .5, 0, 1, 2), dm = (.75, .5, .25, 1, 1):
BY_HAND = [
    (InversePropensity(), 5.5 / 5),
    (ClippedInversePropensity(max_weight=1.0), (0.5 + 1 + 0 + 2) / 5),
    (SelfNormalizedInversePropensity(), 5.5 / 5.0),
    (SelfNormalizedInversePropensity(max_weight=1.0), 3.5 / 3.5),
    (SubGaussianInversePropensity(shrinkage=1.0), 4 / 5),
    (SubGaussianInversePropensity(shrinkage=0.5), (0.5 / 0.75 + 2 / 1.5 + 2 * 1.5 / 1.25) / 5),
    (DirectMethod(), 3.5 / 5),
    (DoublyRobust(), (3.5 + 2 * 0.5 + 1.5 * 1.0) / 5),
    (DoublyRobust(max_weight=1.0), (3.5 + 0.5 + 1.0) / 5),
    (SelfNormalizedDoublyRobust(), 3.5 / 5 + 2.5 / 5),
    (SwitchDoublyRobust(threshold=1.5), (3.5 + 1.5) / 5),
    (SwitchDoublyRobust(threshold=1.4), 3.5 / 5),
    (OptimisticShrinkage(shrinkage=4.0), (3.5 + 8 / 8 * 0.5 + 6 / 6.25 * 1.0) / 5),
    (OptimisticShrinkage(shrinkage=np.inf), 6.0 / 5),
    (SubGaussianDoublyRobust(shrinkage=1.0), (3.5 + 0.5 + 1.0) / 5),
    (MoreRobustDoublyRobust(), (3.5 + 2 * 0.5 + 1.5 * 1.0) / 5),
    (BalancedInversePropensity(), (1 + 1 + 2 + 4) / 5),
]


@pytest.mark.parametrize(("estimator", "value"), BY_HAND)
def test_estimates_by_hand(hand, estimator, value):
    table = evaluate(
        hand.frame,
        hand.policy,
        hand.predictions,
        [estimator],
        mrdr_reward_model=hand.predictions,
        balanced_weights=np.ones(5),
    )
    assert tuple(table.columns) == COLUMNS
    assert table["value"].iloc[0] == pytest.approx(value, rel=1e-12)


def test_cressie_read_solves_its_constraint(hand):
    # By its definition: find weights of the rows, and of one imaginary row, linear in w and averaging 1.
    w, r = hand.weight[:4], hand.reward[:4]
    table = evaluate(hand.frame[:4], hand.policy[:4], False, [CressieRead()])
    # The mean weight is 1.25, above 1, so that the imaginary row has the smallest weight, 0.
    padded = np.append(w, 0.0)
    level, slope = np.linalg.solve([[1.0, padded.mean()], [padded.mean(), (padded**2).mean()]], [1.0, 1.0])
    share = (level + slope * padded) / 5
    assert share.sum() == pytest.approx(1.0)
    assert share @ padded == pytest.approx(1.0)
    assert table["value"].iloc[0] == pytest.approx(float(share[:4] @ (w * r)), rel=1e-12)


def test_standard_errors_by_hand(hand):
    table = evaluate(
        hand.frame, hand.policy, False, [InversePropensity(), SelfNormalizedInversePropensity()]
    ).set_index("estimator")
    terms = hand.weight * hand.reward
    ips = terms.std(ddof=1) / np.sqrt(5)
    assert table.loc["ips", "standard_error"] == pytest.approx(ips, rel=1e-12)
    # Delta method: the influence of a row is w (r - V) / mean(w), and mean(w) is 1 here.
    influence = hand.weight * (hand.reward - 1.1)
    snips = np.sqrt((influence**2).sum() / 4 / 5)
    assert table.loc["snips", "standard_error"] == pytest.approx(snips, rel=1e-12)
    half = stats.t.ppf(0.975, 4) * ips
    assert table.loc["ips", "low"] == pytest.approx(1.1 - half, rel=1e-12)
    assert table.loc["ips", "high"] == pytest.approx(1.1 + half, rel=1e-12)


def test_users_are_clusters(hand):
    frame = hand.frame.assign(user_id=["a", "b", "a", "c", "b"])
    table = evaluate(frame, hand.policy, False, [InversePropensity()])
    centred = hand.weight * hand.reward - 1.1
    sums = np.array([centred[0] + centred[2], centred[1] + centred[4], centred[3]])
    expected = np.sqrt((sums**2).sum() * 3 / 2) / 5
    assert table["standard_error"].iloc[0] == pytest.approx(expected, rel=1e-12)
    assert table["num_units"].iloc[0] == 3


def test_diagnostics_by_hand(hand):
    table = evaluate(hand.frame, hand.policy, hand.predictions, [ClippedInversePropensity(max_weight=1.0)])
    row = table.iloc[0]
    assert row["effective_sample_size"] == pytest.approx(25 / (0.25 + 4 + 1 + 2.25))
    assert row["mean_weight"] == 1.0
    assert row["largest_weight"] == 2.0
    assert row["clipped_share"] == pytest.approx(2 / 5)
    assert row["support_violation"] == 0.0
    assert row["setting"] == "max_weight=1"


def test_every_form_of_a_policy_gives_the_same(hand):
    estimators = [InversePropensity(), DirectMethod(), DoublyRobust()]
    labels = ["tea", "milk"]
    frame = hand.frame.assign(action=[labels[code] for code in hand.frame["action"]])
    plain = evaluate(hand.frame, hand.policy, hand.predictions, estimators)
    index = np.arange(5)[::-1].copy()
    others = [
        evaluate(hand.frame, hand.policy.astype(np.float32), hand.predictions, estimators),
        evaluate(hand.frame, sparse.csr_matrix(hand.policy), hand.predictions, estimators),
        evaluate(hand.frame, IndexedRows(hand.policy[::-1].copy(), index), hand.predictions, estimators),
        evaluate(frame, pd.DataFrame(hand.policy, columns=labels), hand.predictions, estimators),
        evaluate(frame, hand.policy, hand.predictions, estimators, actions=labels),
        evaluate(
            frame,
            pd.DataFrame(hand.policy[:, ::-1], columns=labels[::-1]),
            hand.predictions,
            estimators,
            actions=labels,
        ),
        evaluate(
            hand.frame,
            hand.policy[np.arange(5), hand.frame["action"]],
            PredictedRewards(hand.predicted, hand.expected),
            estimators,
        ),
    ]
    for other in others:
        pd.testing.assert_frame_equal(plain, other, rtol=1e-6)


def test_several_objectives_and_their_sum(hand):
    frame = hand.frame.rename(columns={"reward": "click"}).assign(dwell=[3.0, 0.0, 1.0, 5.0, 2.0])
    table = evaluate(
        frame,
        hand.policy,
        False,
        [SelfNormalizedInversePropensity()],
        rewards=["click", "dwell"],
        utilities={"both": {"click": 2.0, "dwell": -0.5}},
    ).set_index("objective")
    both = evaluate(
        frame.assign(reward=2.0 * frame["click"] - 0.5 * frame["dwell"]),
        hand.policy,
        False,
        [SelfNormalizedInversePropensity()],
    ).iloc[0]
    # The same as evaluating the sum itself, interval and all: covariances are accounted for.
    for name in ("value", "standard_error", "low", "high"):
        assert table.loc["both", name] == pytest.approx(both[name], rel=1e-12)
    assert table.index.tolist() == ["click", "dwell", "both"]


def test_differences_are_paired(make_bandit):
    bandit = make_bandit(0, num_rows=500)
    shifted = 0.9 * bandit.policy + 0.1 / 5
    table = compare(
        bandit.frame,
        {"a": bandit.policy, "b": shifted},
        False,
        [InversePropensity()],
        baseline="b",
    )
    rows, action = np.arange(500), bandit.frame["action"].to_numpy()
    terms = (bandit.policy - shifted)[rows, action] / bandit.frame["propensity"] * bandit.frame["reward"]
    assert table["value"].iloc[0] == pytest.approx(terms.mean(), rel=1e-12)
    assert table["standard_error"].iloc[0] == pytest.approx(terms.std(ddof=1) / np.sqrt(500), rel=1e-12)
    assert table["policy"].tolist() == ["a"]
    behavior = compare(bandit.frame, {"a": bandit.policy}, False, [InversePropensity()])
    weight = bandit.policy[rows, action] / bandit.frame["propensity"]
    terms = weight * bandit.frame["reward"] - bandit.frame["reward"]
    assert behavior["value"].iloc[0] == pytest.approx(terms.mean(), rel=1e-12)
    assert behavior["standard_error"].iloc[0] == pytest.approx(terms.std(ddof=1) / np.sqrt(500), rel=1e-12)
    values = compare(bandit.frame, {"a": bandit.policy, "b": shifted}, False, baseline=None)
    assert set(values["policy"]) == {"a", "b"}


def test_rows_may_come_in_any_order(make_bandit):
    bandit = make_bandit(1, num_rows=400, num_users=60)
    shuffled = np.random.default_rng(0).permutation(400)
    for method in ("analytic", "bootstrap"):
        settings = Intervals(method=method)
        one = evaluate(bandit.frame, bandit.policy, context=["x0"], intervals=settings)
        other = evaluate(
            bandit.frame.iloc[shuffled].reset_index(drop=True),
            bandit.policy[shuffled],
            context=["x0"],
            intervals=settings,
        )
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_bootstrap_agrees_with_the_analytic_error(make_bandit):
    bandit = make_bandit(2, num_rows=4000)
    estimators = [InversePropensity(), SelfNormalizedInversePropensity(), DoublyRobust()]
    analytic = evaluate(bandit.frame, bandit.policy, None, estimators, context=["x0", "x1", "x2"])
    drawn = evaluate(
        bandit.frame,
        bandit.policy,
        None,
        estimators,
        context=["x0", "x1", "x2"],
        intervals=Intervals(method="bootstrap", num_resamples=1000),
    )
    ratio = (drawn["high"] - drawn["low"]).to_numpy(float) / (analytic["high"] - analytic["low"]).to_numpy(
        float
    )
    assert (np.abs(ratio - 1.0) < 0.15).all()


def test_a_ratio_is_resampled_as_a_ratio():
    # All rewards 1: the self-normalised value is 1 in every resample, however the weights fall.
    frame = pd.DataFrame({"action": [0, 1] * 200, "propensity": 0.5, "reward": 1.0})
    policy = np.tile([0.1, 0.9], (400, 1))
    table = evaluate(
        frame,
        policy,
        False,
        [SelfNormalizedInversePropensity()],
        intervals=Intervals(method="bootstrap"),
    )
    assert (table["low"].iloc[0], table["high"].iloc[0]) == pytest.approx((1.0, 1.0))


def test_tuning_keeps_no_state(make_bandit):
    tuned = Tuned(estimator="clipped_ips")
    easy, hard = make_bandit(3, behavior=1.8), make_bandit(3, behavior=-1.5, exploration=0.02)
    first = evaluate(hard.frame, hard.policy, False, [tuned])["setting"].iloc[0]
    evaluate(easy.frame, easy.policy, False, [tuned])
    assert evaluate(hard.frame, hard.policy, False, [tuned])["setting"].iloc[0] == first


def test_answers_on_a_good_log(make_bandit):
    bandit = make_bandit(4, num_rows=3000)
    table = evaluate(bandit.frame, bandit.policy, context=["x0", "x1", "x2"]).set_index("estimator")
    for name in ("ips", "snips", "cressie_read", "dr", "sndr", "mrdr"):
        assert is_answer(table.loc[name, "status"])
        assert abs(table.loc[name, "value"] - bandit.truth) < 4 * table.loc[name, "standard_error"]
    assert len(table) == 11


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"propensity": [0.5, 0.0, 0.5, 0.5, 0.5]}, "1 of 5 propensities"),
        ({"propensity": [0.5, -0.1, 0.5, 0.5, 0.5]}, "first in row 1 is -0.1"),
        ({"propensity": [0.5, 0.5, np.nan, 0.5, 0.5]}, "estimate_propensities"),
        ({"propensity": [0.5, 0.5, 1.5, 0.5, 0.5]}, r"outside \(1e-12, 1\]"),
        ({"propensity": 1e-300}, "5 of 5 propensities"),
        ({"propensity": "high"}, "not numeric"),
        ({"propensity": "0.5"}, "not numeric"),
        ({"reward": pd.Timestamp("2020-01-01")}, "not numeric"),
        ({"reward": [1.0, np.nan, 0.0, 0.0, 0.0]}, "not known yet"),
        ({"reward": [1.0, np.inf, 0.0, 0.0, 0.0]}, "infinite"),
        ({"reward": [1.0, -1e200, 0.0, 0.0, 0.0]}, "the reward in row 1 is -1e.200, .* squares overflow"),
        ({"action": [0, 2, 0, 1, 0]}, "1 logged actions are not among the 2"),
        ({"action": [0, -1, 0, 1, 0]}, "not among"),
        ({"action": ["a", "b", "a", "b", "a"]}, "pass actions="),
        ({"action": [0, None, 0, 1, 0]}, "missing values"),
        ({"user_id": ["a", None, "b", "c", "d"]}, "user=None"),
        ({"slot": [0, None, 0, 1, 0]}, "slot=None"),
    ],
)
def test_bad_feedback_is_refused(hand, change, match):
    with pytest.raises(UserError, match=match):
        evaluate(hand.frame.assign(**change), hand.policy, False)


@pytest.mark.parametrize(
    ("policy", "match"),
    [
        (np.full((5, 2), 0.6), "5 rows of probabilities do not sum to 1"),
        (np.tile([1.5, -0.5], (5, 1)), "negative"),
        (np.tile([np.nan, 1.0], (5, 1)), "missing"),
        (np.full((4, 2), 0.5), "4 rows of probabilities and the feedback 5"),
        (np.full(5, 1.5), r"outside \[0, 1\]"),
        (np.full(5, np.nan), r"outside \[0, 1\]"),
        (np.full((5, 2, 1), 0.5), "shape"),
        (np.full((5, 2), "x"), "must be numbers"),
        (np.full((5, 2), 0.5 + 0j), "must be numbers"),
        (sparse.csr_matrix(np.full((5, 2), 0.6)), "do not sum to 1"),
    ],
)
def test_bad_policies_are_refused(hand, policy, match):
    with pytest.raises(UserError, match=match):
        evaluate(hand.frame, policy, False)


def test_other_mistakes_are_refused(hand):
    with pytest.raises(UserError, match="no rows"):
        evaluate(hand.frame[:0], hand.policy[:0])
    with pytest.raises(UserError, match=r"no column \['clicked'\]"):
        evaluate(hand.frame, hand.policy, rewards="clicked")
    with pytest.raises(UserError, match="several columns named"):
        evaluate(pd.concat([hand.frame, hand.frame[["reward"]]], axis=1), hand.policy)
    with pytest.raises(UserError, match="needs a reward model"):
        evaluate(hand.frame, hand.policy, False, [DoublyRobust()])
    with pytest.raises(UserError, match="do not fit"):
        evaluate(hand.frame, hand.policy, hand.predictions[:3])
    with pytest.raises(UserError, match=r"shape \(5, 3\)"):
        evaluate(hand.frame, hand.policy, np.ones((5, 3)))
    with pytest.raises(UserError, match="missing or infinite"):
        evaluate(hand.frame, hand.policy, np.full((5, 2), np.nan))
    with pytest.raises(UserError, match="utility 'u'"):
        evaluate(hand.frame, hand.policy, False, utilities={"u": {"dwell": 1.0}})
    with pytest.raises(UserError, match="given twice"):
        evaluate(hand.frame, hand.policy, False, [InversePropensity(), InversePropensity()])
    with pytest.raises(UserError, match="estimators is empty"):
        evaluate(hand.frame, hand.policy, False, [])
    with pytest.raises(UserError, match="balanced_weights"):
        evaluate(hand.frame, hand.policy, False, [BalancedInversePropensity()])
    with pytest.raises(UserError, match="baseline is 'c'"):
        compare(hand.frame, {"a": hand.policy}, baseline="c")
    with pytest.raises(UserError, match="name at least one"):
        compare(hand.frame, {})
    with pytest.raises(UserError, match="2, 3"):
        compare(hand.frame, {"a": hand.policy, "b": np.full((5, 3), 1 / 3)}, False)


def no_nan(table: pd.DataFrame) -> bool:
    numbers = table.select_dtypes("number")
    return not any(
        isinstance(value, float) and np.isnan(value)
        for column in numbers
        for value in numbers[column].dropna()
    ) and bool(np.isfinite(numbers.fillna(0.0).to_numpy(float)).all())


def degenerate() -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    """Logs that cannot say anything."""
    rows = pd.DataFrame({"action": [0, 1] * 300, "propensity": 0.5, "reward": 0.0})
    half = np.full((600, 2), 0.5)
    clicked = rows.assign(reward=([0.0, 0.0, 1.0] * 200))
    return {
        "one row": (clicked[:1], half[:1]),
        "two rows": (clicked[:2], half[:2]),
        "no clicks": (rows, half),
        "one user": (clicked.assign(user_id="u"), half),
        "no weight": (clicked.assign(action=0), np.tile([0.0, 1.0], (600, 1))),
        "never logged": (clicked.assign(action=0), half),
        "one heavy row": (clicked.assign(propensity=[1e-6, *[0.5] * 599]), half),
        "tiny propensities": (clicked.assign(propensity=1e-12), half),
    }


@pytest.mark.parametrize("method", ["analytic", "bootstrap"])
@pytest.mark.parametrize("name", list(degenerate()))
def test_what_cannot_be_said_is_not_said(name, method):
    frame, policy = degenerate()[name]
    table = evaluate(frame, policy, intervals=Intervals(method=method))
    assert no_nan(table)
    assert not table["status"].map(is_answer).any()
    assert table["status"].str.startswith("the log cannot say: ").all()
    compared = compare(frame, {"new": policy}, False, intervals=Intervals(method=method))
    assert no_nan(compared)
    if name != "two rows":
        assert not compared["status"].map(is_answer).any()


def test_abstention_says_what_would_help(make_bandit):
    bandit = make_bandit(5, behavior=-2.0, exploration=0.001, evaluation=6.0)
    status = evaluate(bandit.frame, bandit.policy, False, [InversePropensity()])["status"].iloc[0]
    assert "times as many rows" in status
    assert "% uniform exploration" in status
    lenient = Trust(min_effective_sample_size=0, min_informative=0, max_bias=1e9, max_weight_error=1e9)
    relaxed = evaluate(bandit.frame, bandit.policy, False, [InversePropensity()], trust=lenient)
    assert relaxed["status"].iloc[0] == "ok"


def test_wrong_propensities_show_in_the_mean_weight(make_bandit):
    bandit = make_bandit(6, num_rows=3000)
    frame = bandit.frame.assign(propensity=np.minimum(1.0, 1.5 * bandit.frame["propensity"]))
    table = evaluate(frame, bandit.policy, False, [SelfNormalizedInversePropensity()])
    assert "weights average" in table["status"].iloc[0]
    wrong = diagnose(frame, bandit.policy).propensities
    right = diagnose(bandit.frame, bandit.policy).propensities
    assert (wrong["z"] < -4).all()
    assert (right["z"].abs() < 4).all()


@pytest.mark.parametrize("method", ["empirical_bernstein", "clopper_pearson", "anytime"])
def test_bounded_intervals(make_bandit, method):
    bandit = make_bandit(7, num_rows=3000)
    settings = Intervals(method=method, largest_weight=50.0)
    row = evaluate(bandit.frame, bandit.policy, False, [InversePropensity()], intervals=settings).iloc[0]
    analytic = evaluate(bandit.frame, bandit.policy, False, [InversePropensity()]).iloc[0]
    assert 0.0 <= row["low"] < bandit.truth < row["high"] <= 1.0
    assert row["high"] - row["low"] > analytic["high"] - analytic["low"]


def test_bounded_intervals_refuse_what_they_cannot_do(make_bandit):
    bandit = make_bandit(8, num_rows=300)
    bernstein = Intervals(method="empirical_bernstein", largest_weight=1.5)
    with pytest.raises(UserError, match="has logged"):
        evaluate(bandit.frame, bandit.policy, False, [InversePropensity()], intervals=bernstein)
    with pytest.raises(UserError, match="exist for single values"):
        evaluate(bandit.frame, bandit.policy, intervals=bernstein)
    with pytest.raises(UserError, match="outside reward_low"):
        evaluate(
            bandit.frame.assign(reward=2.0),
            bandit.policy,
            False,
            [InversePropensity()],
            intervals=Intervals(method="anytime"),
        )
    with pytest.raises(UserError, match="independent"):
        evaluate(
            bandit.frame.assign(user_id=1),
            bandit.policy,
            False,
            [InversePropensity()],
            intervals=Intervals(method="anytime"),
        )
    with pytest.raises(ValueError, match="needs largest_weight"):
        Intervals(method="clopper_pearson")


def test_a_guaranteed_interval_answers_where_a_normal_one_does_not():
    frame = pd.DataFrame({"action": [0, 1] * 150, "propensity": 0.5, "reward": 0.0})
    half = np.full((300, 2), 0.5)
    normal = evaluate(frame, half, False, [InversePropensity()]).iloc[0]
    assert not is_answer(normal["status"])
    for settings in (
        Intervals(method="empirical_bernstein", largest_weight=1.0),
        Intervals(method="anytime"),
    ):
        row = evaluate(frame, half, False, [InversePropensity()], intervals=settings).iloc[0]
        assert is_answer(row["status"])
        assert row["low"] == 0.0
        assert 0.0 < row["high"] < 0.2
    wrong = frame.assign(propensity=0.8)
    row = evaluate(wrong, half, False, [InversePropensity()], intervals=Intervals(method="anytime")).iloc[0]
    assert not is_answer(row["status"])
