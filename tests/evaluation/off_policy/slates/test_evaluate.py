from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from holdfast.evaluation.off_policy import (
    COLUMNS,
    Intervals,
    InversePropensity,
    PredictedRewards,
    Trust,
    evaluate,
)
from holdfast.evaluation.off_policy.slates import (
    CascadeDoublyRobust,
    IndependentInversePropensity,
    RewardInteractionInversePropensity,
    SelfNormalizedSlateInversePropensity,
    SlateInversePropensity,
    SlateProbabilities,
    compare_slates,
    diagnose_slates,
    evaluate_slates,
)


def hand_log() -> pd.DataFrame:
    """Three slates of two slots.

    Marginal weights are (2, 1/2), (1/2, 1), (1, 2), those of the slots so far (2, 1), (1/2, 1/4), (1, 2), and
    rewards (1, 2), (0, 4), (3, 1).
    """
    return pd.DataFrame(
        {
            "request_id": ["a", "a", "b", "b", "c", "c"],
            "slot": [0, 1, 0, 1, 0, 1],
            "item_id": [7, 8, 9, 7, 8, 9],
            "click": [1.0, 2.0, 0.0, 4.0, 3.0, 1.0],
            "marginal": [0.25, 0.4, 0.5, 0.3, 0.25, 0.25],
            "wanted_marginal": [0.5, 0.2, 0.25, 0.3, 0.25, 0.5],
            "given_earlier": [0.25, 0.5, 0.5, 0.5, 0.25, 0.25],
            "wanted_given_earlier": [0.5, 0.25, 0.25, 0.25, 0.25, 0.5],
        }
    )


WANTED = SlateProbabilities(marginal="wanted_marginal", given_earlier="wanted_given_earlier")
LOGGED = SlateProbabilities(marginal="marginal", given_earlier="given_earlier")


def found(frame: pd.DataFrame, **options: object) -> pd.Series:
    options = {"behavior": LOGGED, **options}
    table = evaluate_slates(frame, WANTED, **options)  # type: ignore[arg-type]
    return table.set_index("estimator")["value"]


BY_HAND = {
    "sips": (1 * 3 + 0.25 * 4 + 2 * 4) / 3,
    "snsips": (1 * 3 + 0.25 * 4 + 2 * 4) / 3.25,
    "iips": (2 * 1 + 0.5 * 2 + 0 + 1 * 4 + 1 * 3 + 2 * 1) / 3,
    "sniips": (2 * 1 + 0 + 1 * 3) / 3.5 + (0.5 * 2 + 1 * 4 + 2 * 1) / 3.5,
    "rips": (2 * 1 + 1 * 2 + 0 + 0.25 * 4 + 1 * 3 + 2 * 1) / 3,
    "snrips": (2 * 1 + 0 + 1 * 3) / 3.5 + (1 * 2 + 0.25 * 4 + 2 * 1) / 3.25,
}


def test_against_sums_made_by_hand():
    values = found(hand_log())
    assert list(values.index) == ["sips", "snsips", "iips", "sniips", "rips", "snrips"]
    for name, value in BY_HAND.items():
        assert values[name] == pytest.approx(value, rel=1e-12), name


def test_estimators_have_no_settings_to_report():
    assert (evaluate_slates(hand_log(), WANTED, behavior=LOGGED)["setting"] == "").all()


def test_cascade_dr_by_hand():
    """With q = 1 and an expected q of 2 in slot 0 and 3 in slot 1."""
    predictions = PredictedRewards(np.ones(6), np.tile([2.0, 3.0], 3))
    values = found(hand_log(), predictions=predictions)
    corrections = (2 * 0 + 1 * 1) + (0.5 * -1 + 0.25 * 3) + (1 * 2 + 2 * 0)
    expected = 3 * 2 + 3 * (2 + 0.5 + 1)
    assert values["cascade_dr"] == pytest.approx((corrections + expected) / 3, rel=1e-12)
    normalised = (2 * 0 + 0.5 * -1 + 1 * 2) / 3.5 + (1 * 1 + 0.25 * 3 + 2 * 0) / 3.25 + 2 + 3
    assert values["sn_cascade_dr"] == pytest.approx(normalised, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_neither_the_order_of_rows_nor_names_of_requests_matter(seed: int):
    shuffled = hand_log().sample(frac=1.0, random_state=seed)
    shuffled["request_id"] = shuffled["request_id"].map({"a": 5, "b": -1, "c": 2})
    pd.testing.assert_series_equal(found(shuffled), found(hand_log()), rtol=1e-12)


def test_the_head_and_the_slate_are_products_of_the_chances_given_the_earlier_slots():
    frame = hand_log()
    for side in ("", "wanted_"):
        steps = frame[f"{side}given_earlier"].to_numpy().reshape(3, 2)
        frame[f"{side}head"] = steps.cumprod(axis=1).ravel()
        frame[f"{side}slate"] = np.repeat(steps.prod(axis=1), 2)
    table = evaluate_slates(
        frame,
        SlateProbabilities(head="wanted_head", slate="wanted_slate"),
        behavior=SlateProbabilities(head="head", slate="slate"),
    ).set_index("estimator")
    for name in ("sips", "snsips", "rips", "snrips"):
        assert table["value"][name] == pytest.approx(BY_HAND[name], rel=1e-12)


def test_a_shorter_slate_gets_nothing_from_slots_that_it_does_not_have():
    frame = hand_log().drop(index=5)
    values = found(frame)
    assert values["iips"] == pytest.approx((2 * 1 + 0.5 * 2 + 0 + 1 * 4 + 1 * 3) / 3, rel=1e-12)
    assert values["rips"] == pytest.approx((2 * 1 + 1 * 2 + 0 + 0.25 * 4 + 1 * 3) / 3, rel=1e-12)
    assert values["sips"] == pytest.approx((1 * 3 + 0.25 * 4 + 1 * 3) / 3, rel=1e-12)


def many_slates(seed: int, *, num_slates: int = 2000, num_users: int | None = None) -> pd.DataFrame:
    """Two independent slots of three items; the evaluation policy prefers item 0."""
    draw = np.random.default_rng(seed)
    logged = np.array([0.3, 0.3, 0.4])
    wanted = np.array([0.5, 0.3, 0.2])
    item = draw.choice(3, size=(num_slates, 2), p=logged)
    chance = np.array([0.6, 0.4, 0.2])[item] * [1.0, 0.5]
    frame = pd.DataFrame(
        {
            "request_id": np.repeat(np.arange(num_slates), 2),
            "slot": np.tile([0, 1], num_slates),
            "item_id": item.ravel(),
            "click": (draw.random(item.shape) < chance).ravel(),
            "dwell_seconds": draw.exponential(10.0, item.size),
            "propensity": logged[item].ravel(),
            "wanted": wanted[item].ravel(),
        }
    )
    if num_users is not None:
        frame["user_id"] = np.repeat(draw.integers(num_users, size=num_slates), 2)
    return frame


MARGINAL = {
    "evaluation": SlateProbabilities(marginal="wanted"),
    "behavior": SlateProbabilities(marginal="propensity"),
}


def test_intervals_are_those_of_means_over_slates():
    frame = many_slates(0)
    row = evaluate_slates(frame, **MARGINAL, estimators=[IndependentInversePropensity()]).iloc[0]
    terms = (frame["click"] * frame["wanted"] / frame["propensity"]).to_numpy().reshape(-1, 2).sum(axis=1)
    assert row["value"] == pytest.approx(terms.mean(), rel=1e-12)
    assert row["standard_error"] == pytest.approx(terms.std(ddof=1) / math.sqrt(2000), rel=1e-9)
    assert row["num_units"] == 2000
    assert row["low"] < 0.48 * 1.5 < row["high"]
    assert row["status"] == "ok"
    weights = (frame["wanted"] / frame["propensity"]).to_numpy().reshape(-1, 2)
    sizes = weights.sum(axis=0) ** 2 / (weights**2).sum(axis=0)
    assert row["effective_sample_size"] == pytest.approx(sizes.min(), rel=1e-12)
    assert row["largest_weight"] == pytest.approx(weights.max(), rel=1e-12)


def test_the_bootstrap_agrees_and_users_are_clusters():
    frame = many_slates(1, num_users=300)
    table = evaluate_slates(frame, **MARGINAL)
    drawn = evaluate_slates(frame, **MARGINAL, intervals=Intervals(method="bootstrap", num_resamples=400))
    assert (table["num_units"] == 300).all()
    width = (table["high"] - table["low"]).to_numpy(dtype=float)
    assert np.allclose((drawn["high"] - drawn["low"]).to_numpy(dtype=float), width, rtol=0.15)


def test_several_objectives_and_a_utility():
    frame = many_slates(2)
    table = evaluate_slates(
        frame,
        **MARGINAL,
        rewards=["click", "dwell_seconds"],
        utilities={"both": {"click": 2.0, "dwell_seconds": 0.1}},
    ).set_index(["objective", "estimator"])
    expected = 2.0 * table["value"]["click", "iips"] + 0.1 * table["value"]["dwell_seconds", "iips"]
    assert table["value"]["both", "iips"] == pytest.approx(expected, rel=1e-12)
    assert tuple(table.reset_index()[list(COLUMNS)].columns) == COLUMNS


def test_a_difference_from_the_logged_mean_is_paired():
    frame = many_slates(3)
    table = compare_slates(
        frame,
        {"new": MARGINAL["evaluation"], "same": MARGINAL["behavior"]},
        behavior=MARGINAL["behavior"],
        estimators=[IndependentInversePropensity()],
    ).set_index("policy")
    assert table["value"]["same"] == pytest.approx(0.0, abs=1e-12)
    alone = evaluate_slates(frame, **MARGINAL, estimators=[IndependentInversePropensity()]).iloc[0]
    logged = frame["click"].sum() / 2000
    assert table["value"]["new"] == pytest.approx(alone["value"] - logged, rel=1e-9)
    assert table["standard_error"]["new"] < alone["standard_error"]


def test_bootstrap_of_one_slate_abstains_without_a_nan():
    table = evaluate_slates(hand_log().iloc[:2], WANTED, behavior=LOGGED)
    assert table["status"].str.contains("only one of the slates").all()
    assert not table.map(lambda value: isinstance(value, float) and math.isnan(value)).any(axis=None)


def test_no_clicks_and_a_policy_that_would_choose_nothing_of_the_log_abstain():
    frame = many_slates(4)
    none = evaluate_slates(frame.assign(click=0.0), **MARGINAL)
    assert none["status"].str.contains("the log cannot say").all()
    elsewhere = evaluate_slates(
        frame, SlateProbabilities(marginal=np.zeros(len(frame))), behavior=MARGINAL["behavior"]
    )
    assert elsewhere["status"].str.contains("the log cannot say").all()
    assert elsewhere.set_index("estimator")["value"].isna()["sniips"]


def test_wrong_weights_in_one_slot_only_are_found():
    """Propensities of slot 0, where the log is strongest, are twice too large."""
    frame = many_slates(5, num_slates=4000)
    first = frame["slot"] == 0
    frame.loc[first, "wanted"] = frame.loc[first, "propensity"] / 2
    row = evaluate_slates(frame, **MARGINAL, estimators=[IndependentInversePropensity()]).iloc[0]
    assert row["status"].startswith("the log cannot say: weights average 0.5 in slot 0 instead of 1")
    by_slot = diagnose_slates(frame, **MARGINAL, family="marginal")
    assert by_slot["mean_weight"].tolist() == pytest.approx([0.5, 1.0], abs=0.05)


def test_too_little_overlap_abstains_with_what_would_help():
    frame = many_slates(6, num_slates=60)
    status = evaluate_slates(frame, **MARGINAL, trust=Trust(min_effective_sample_size=100.0))["status"]
    assert status.str.contains("about .* times as many slates of this kind").all()


def test_advice_of_exploration_is_what_a_log_with_it_has():
    """Slot 1 was all but fixed; the advice is held against a log that was drawn with the exploration."""
    draw = np.random.default_rng(0)
    num_slates = 4000
    logged = np.array([[0.3, 0.3, 0.4], [0.003, 0.007, 0.99]])
    wanted = np.array([[0.4, 0.3, 0.3], [0.5, 0.3, 0.2]])

    def log(chances: np.ndarray) -> pd.DataFrame:
        item = np.stack([draw.choice(3, size=num_slates, p=row) for row in chances], axis=1)
        return pd.DataFrame(
            {
                "request_id": np.repeat(np.arange(num_slates), 2),
                "slot": np.tile([0, 1], num_slates),
                "click": draw.random(2 * num_slates) < 0.3,
                "p": chances[[0, 1], item].ravel(),
                "w": wanted[[0, 1], item].ravel(),
            }
        )

    given = {"evaluation": SlateProbabilities(marginal="w"), "behavior": SlateProbabilities(marginal="p")}
    table = evaluate_slates(log(logged), **given, num_candidates=3)
    status = table["status"][0]
    assert "above all in slot 1" in status
    share = float(status.split(" % uniform exploration")[0].split()[-1]) / 100
    explored = diagnose_slates(log((1 - share) * logged + share / 3), **given, family="marginal")
    assert explored["effective_sample_size"].min() >= 0.8 * 100


def refused(pattern: str, frame: pd.DataFrame | None = None, **options: object) -> None:
    given = {"evaluation": WANTED, "behavior": LOGGED, **options}
    evaluation = given.pop("evaluation")
    with pytest.raises(ValueError, match=pattern):
        evaluate_slates(hand_log() if frame is None else frame, evaluation, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("column", "value", "pattern"),
    [
        ("marginal", 0.0, "missing or outside"),
        ("marginal", -0.1, "missing or outside"),
        ("marginal", math.nan, "missing or outside"),
        ("wanted_marginal", 1.5, "missing or outside"),
        ("wanted_marginal", math.nan, "missing or outside"),
        ("given_earlier", math.inf, "missing or outside"),
        ("click", math.nan, "missing or infinite"),
        ("slot", 2, "beyond the number of rows"),
        ("slot", -1, "not a whole number"),
        ("slot", 0.5, "not a whole number"),
        ("slot", 0, "repeat"),
        ("request_id", None, "every row belongs to a slate"),
        ("item_id", None, "every slot shows an item"),
    ],
)
def test_impossible_rows_are_refused(column: str, value: object, pattern: str):
    frame = hand_log()
    frame[column] = frame[column].astype(object)
    frame.loc[1, column] = value
    refused(pattern, frame)


def test_kinds_of_probabilities_are_never_taken_for_one_another():
    with pytest.raises(ValueError, match="SlateProbabilities is empty"):
        SlateProbabilities()
    refused("give SlateProbabilities", behavior="propensity")
    refused(
        "no kind of probability in common",
        behavior=SlateProbabilities(slate=np.full(6, 0.1)),
        evaluation=SlateProbabilities(marginal="wanted_marginal"),
    )
    refused(
        "sips needs the 'slate' probabilities of policy 'evaluation'",
        evaluation=SlateProbabilities(marginal="wanted_marginal"),
        estimators=[SlateInversePropensity()],
    )
    # the chance of the item in its slot, given as that of the whole slate
    refused("slate of policy 'behavior' differs between slots", behavior=SlateProbabilities(slate="marginal"))
    # running products, given as chances given the earlier slots
    frame = hand_log().assign(
        head=[0.25, 0.125, 0.5, 0.25, 0.25, 0.0625], slate=[0.125, 0.125, 0.25, 0.25, 0.0625, 0.0625]
    )
    refused(
        "slate and head disagree", frame, behavior=SlateProbabilities(given_earlier="head", slate="slate")
    )
    refused("grows from one slot", frame, behavior=SlateProbabilities(head="given_earlier"))
    refused(
        "slate is larger than marginal",
        frame.assign(slate=0.3),
        behavior=SlateProbabilities(marginal="marginal", slate="slate"),
    )
    refused(
        "marginal and given_earlier disagree|marginal and head disagree",
        frame.assign(marginal=0.9),
        behavior=SlateProbabilities(marginal="marginal", given_earlier="given_earlier"),
    )


def test_what_else_is_refused():
    refused("has no column", hand_log().drop(columns="click"))
    refused("has no rows", hand_log().iloc[:0])
    refused("names a column that the log does not have", behavior=SlateProbabilities(marginal="propensity"))
    refused("one number for each of the 6 rows", behavior=SlateProbabilities(marginal=np.full(5, 0.5)))
    refused("is not numeric", hand_log().assign(click="yes"))
    refused("squares overflow", hand_log().assign(click=1e80))
    refused("several columns named", pd.concat([hand_log(), hand_log()[["click"]]], axis=1))
    rare = SlateProbabilities(given_earlier=np.full(6, 1e-12), marginal="marginal")
    certain = SlateProbabilities(given_earlier=np.ones(6), marginal="wanted_marginal")
    refused(
        "overflow",
        pd.DataFrame({**hand_log(), "slot": [0, 1, 2, 3, 4, 5], "request_id": 1}).assign(
            marginal=1e-12, wanted_marginal=1.0
        ),
        behavior=rare,
        evaluation=certain,
    )
    refused("different 'user_id'", hand_log().assign(user_id=[1, 2, 1, 1, 1, 1]))
    refused("need predictions", estimators=[CascadeDoublyRobust()])
    refused("one number for each of the 6 rows", predictions=PredictedRewards(np.ones(3), np.ones(3)))
    refused("missing or infinite", predictions=PredictedRewards(np.full(6, np.nan), np.ones(6)))
    refused("exist for single values of the estimators", intervals=Intervals(method="anytime"))
    refused("is empty", estimators=[])
    refused("num_candidates is 1", num_candidates=1)
    with pytest.raises(ValueError, match="name at least one"):
        compare_slates(hand_log(), {}, behavior=LOGGED)
    with pytest.raises(ValueError, match="none of the policies"):
        compare_slates(hand_log(), {"new": WANTED}, behavior=LOGGED, predictions={"click": None})
    with pytest.raises(ValueError, match="baseline is 'old'"):
        compare_slates(hand_log(), {"new": WANTED}, behavior=LOGGED, baseline="old")


def test_single_precision_chances_are_close_enough():
    frame = hand_log()
    frame["slate"] = np.repeat(frame["given_earlier"].to_numpy().reshape(3, 2).prod(axis=1), 2)
    for name in ("given_earlier", "slate", "marginal"):
        frame[name] = frame[name].astype(np.float32)
    behavior = SlateProbabilities(given_earlier="given_earlier", slate="slate", marginal="marginal")
    values = found(frame, behavior=behavior)
    assert values["sips"] == pytest.approx(BY_HAND["sips"], rel=1e-6)


def test_very_long_slates_do_not_overflow():
    """A slate of 20 slots has a chance of about 1e-40 under both policies, and a weight all the same."""
    num_slots = 20
    frame = pd.DataFrame(
        {
            "request_id": np.repeat([0, 1, 2], num_slots),
            "slot": np.tile(np.arange(num_slots), 3),
            "click": 1.0,
            "p": 0.01,
            "w": 0.011,
        }
    )
    table = evaluate_slates(
        frame, SlateProbabilities(given_earlier="w"), behavior=SlateProbabilities(given_earlier="p")
    )
    assert table.set_index("estimator")["value"]["sips"] == pytest.approx(20 * 1.1**20, rel=1e-9)


def test_an_unknown_keyword_is_refused_as_python_would():
    with pytest.raises(TypeError, match="compare_slates\\(\\) got an unexpected keyword argument 'reward'"):
        compare_slates(hand_log(), {"new": WANTED}, behavior=LOGGED, reward="click")  # type: ignore[call-arg]


BOUNDED = {
    "empirical_bernstein": ["sips", "snsips", "iips", "rips"],
    "clopper_pearson": ["sips", "iips", "rips"],
    "anytime": ["sips", "iips", "rips"],
}
NAMED = {
    "sips": SlateInversePropensity(),
    "snsips": SelfNormalizedSlateInversePropensity(),
    "iips": IndependentInversePropensity(),
    "rips": RewardInteractionInversePropensity(),
}


def bounded(method: str, **options: float) -> Intervals:
    return Intervals(method=method, largest_weight=None if method == "anytime" else 9.0, **options)


@pytest.mark.parametrize("method", list(BOUNDED))
def test_bounded_intervals_of_slates_of_one_slot_are_those_of_rows(method: str):
    frame = many_slates(3).query("slot == 0")
    chances = {name: frame[name].to_numpy() for name in ("wanted", "propensity")}
    rows = evaluate(
        frame.assign(action=frame["item_id"], reward=frame["click"].astype(float)),
        chances["wanted"],
        estimators=[InversePropensity()],
        intervals=bounded(method),
    ).iloc[0]
    for family in ("slate", "marginal", "head"):
        table = evaluate_slates(
            frame,
            SlateProbabilities(**{family: "wanted"}),
            behavior=SlateProbabilities(**{family: "propensity"}),
            estimators=[NAMED[{"slate": "sips", "marginal": "iips", "head": "rips"}[family]]],
            intervals=bounded(method),
        ).iloc[0]
        assert list(table[["low", "high"]]) == pytest.approx(list(rows[["low", "high"]]), rel=1e-9)


@pytest.mark.parametrize("method", list(BOUNDED))
def test_bounded_intervals_hold_the_truth_and_shift_with_the_rewards(method: str):
    """Every slot's truth is .6 .5 + .4 .3 + .2 .2 = .46, halved in slot 1."""
    frame = many_slates(5)
    for side in ("wanted", "propensity"):
        frame[f"{side}_slate"] = frame.groupby("request_id")[side].transform("prod")
        frame[f"{side}_head"] = frame.groupby("request_id")[side].cumprod()
    given = {
        "evaluation": SlateProbabilities(marginal="wanted", slate="wanted_slate", head="wanted_head"),
        "behavior": SlateProbabilities(
            marginal="propensity", slate="propensity_slate", head="propensity_head"
        ),
        "estimators": [NAMED[name] for name in BOUNDED[method]],
    }
    table = evaluate_slates(frame, **given, intervals=bounded(method))
    assert (table["status"] == "ok").all()
    assert ((table["low"] < 0.69) & (table["high"] > 0.69)).all()
    assert ((table["low"] >= 0.0) & (table["high"] <= 2.0)).all()
    assert (table["high"] - table["low"] < 1.6).all()
    moved = evaluate_slates(
        frame.assign(click=3.0 - 2.0 * frame["click"]),
        **given,
        intervals=bounded(method, reward_low=1.0, reward_high=3.0),
    )
    # Turned round, the other end is the one that is known.
    wide = (table["high"] - table["low"]).to_numpy(float) * 2.0
    assert (moved["high"] - moved["low"]).to_numpy(float) == pytest.approx(wide, rel=0.35)
    assert ((moved["low"] < 6.0 - 2.0 * 0.69) & (moved["high"] > 6.0 - 2.0 * 0.69)).all()


def test_bounded_intervals_of_slates_refuse_what_they_cannot_do():
    frame = many_slates(0, num_slates=50)
    sips = [IndependentInversePropensity()]
    bernstein = bounded("empirical_bernstein")
    with pytest.raises(ValueError, match="take slates as independent"):
        evaluate_slates(frame.assign(user_id=1), **MARGINAL, estimators=sips, intervals=bernstein)
    with pytest.raises(ValueError, match="outside reward_low"):
        evaluate_slates(frame, **MARGINAL, rewards="dwell_seconds", estimators=sips, intervals=bernstein)
    small = Intervals(method="empirical_bernstein", largest_weight=1.1)
    with pytest.raises(ValueError, match=r"largest_weight is 1\.1, and .* has logged 1\.66667"):
        evaluate_slates(frame, **MARGINAL, estimators=sips, intervals=small)
