from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from holdfast.evaluation.evaluate import (
    ClickRows,
    DwellRows,
    RankingRows,
    RetentionRows,
    click_metrics,
    dwell_metrics,
    evaluate_window,
    ranking_metrics,
    retention_metrics,
)
from holdfast.evaluation.metric_value import MetricValue
from holdfast.evaluation.ranking import (
    dwell_gain,
    ndcg_per_request,
    rank_requests,
    reciprocal_rank_per_request,
    request_weights,
)
from holdfast.evaluation.settings import EvaluationSettings

SETTINGS = EvaluationSettings(num_resamples=40)
BOOTSTRAP = SETTINGS.bootstrap


def window(seed: int = 0, num_users: int = 60) -> dict[str, Any]:
    """A small window: three rows a request, one request a user-day, six days, known for four days after."""
    rng = np.random.default_rng(seed)
    user_day = np.repeat(np.arange(num_users * 6), 3)
    users, days = user_day // 6, user_day % 6
    size = user_day.size
    probability = rng.beta(2.0, 5.0, size=size)
    click = (rng.random(size) < probability).astype(np.float32)
    gap = rng.integers(1, 8, size=num_users * 6)[user_day].astype(np.float32)
    follow_up = np.minimum(9 - days, 7)
    event = gap <= follow_up
    by_day = np.cumsum(rng.dirichlet(np.ones(8), size=size)[:, :7], axis=1)
    seconds = rng.lognormal(3.0, 1.0, size=size)
    weight = rng.exponential(size=size)
    return {
        "users": users,
        "click": ClickRows(probability=probability, value=click, known=days < 6, weight=weight),
        "dwell": DwellRows(
            predicted_seconds=seconds * rng.lognormal(size=size),
            value=np.where(click > 0, seconds, np.nan),
            event=rng.random(size) < 0.8,
            known=click > 0,
            weight=weight,
        ),
        "retention": RetentionRows(
            return_probability_by_day=by_day,
            value=np.where(event, gap, follow_up),
            event=event,
            follow_up_days=follow_up,
            user_days=user_day,
            days=days + 20_000,
            baseline_by_day=by_day**2,
            weight=weight,
        ),
        "ranking": RankingRows(
            score=probability,
            gains={"click": click, "dwell": dwell_gain(seconds, click > 0)},
            requests=user_day,
            weight=weight,
        ),
    }


def by_name(values: list[MetricValue]) -> dict[str, MetricValue]:
    named = {value.name: value for value in values}
    assert len(named) == len(values)
    return named


def test_names_are_stable_and_every_weighted_one_has_its_twin() -> None:
    found = by_name(evaluate_window(settings=SETTINGS, **window()))
    plain = [
        *(
            f"click/{name}"
            for name in (
                "auc",
                "auc_by_user",
                "log_loss",
                "normalized_entropy",
                "calibration",
                "ece",
                "ece_null",
            )
        ),
        *(f"dwell/{name}" for name in ("mae_seconds", "xauc", "calibration")),
        *(
            f"retention/d{day}/{name}"
            for day in (1, 3, 7)
            for name in (
                *("auc", "brier", "log_loss", "calibration", "auc_by_user"),
                *("slope", "slope_within", "slope_between"),
                *("baseline_auc", "baseline_brier", "baseline_log_loss", "baseline_auc_by_user"),
                *("auc_minus_baseline", "auc_given_baseline"),
            )
        ),
        *(f"ranking/{name}" for name in ("auc", "ndcg@5", "ndcg@10", "mrr", "ndcg_dwell@5", "ndcg_dwell@10")),
    ]
    assert set(found) == {*plain, *(f"{name}/ipw" for name in plain)}
    for name, value in found.items():
        assert value.weighted == name.endswith("/ipw")
        if value.value is not None and "ece" not in name:
            assert value.low is not None
            assert value.high is not None
            assert value.low <= value.value <= value.high


def test_without_weights_there_is_no_weighted_version() -> None:
    inputs = window()
    for objective in ("click", "dwell", "retention", "ranking"):
        inputs[objective] = replace(inputs[objective], weight=None)
    assert not [value for value in evaluate_window(settings=SETTINGS, **inputs) if value.weighted]


def test_same_inputs_same_numbers_in_any_order_of_rows() -> None:
    inputs = window()
    order = np.random.default_rng(1).permutation(inputs["users"].size)
    shuffled: dict[str, Any] = {"users": inputs["users"][order]}
    for objective in ("click", "dwell", "retention", "ranking"):
        rows = vars(inputs[objective])
        changed = {
            name: {key: each[order] for key, each in value.items()} if name == "gains" else value[order]
            for name, value in rows.items()
            if value is not None
        }
        shuffled[objective] = type(inputs[objective])(**changed)
    first = by_name(evaluate_window(settings=SETTINGS, **inputs))
    assert list(first.values()) == evaluate_window(settings=SETTINGS, **inputs)
    for value in evaluate_window(settings=SETTINGS, **shuffled):
        expected = first[value.name]
        assert (value.value, value.low, value.high) == pytest.approx(
            (expected.value, expected.low, expected.high), abs=1e-9
        )
        assert (value.n, value.note) == (expected.n, expected.note)


def test_a_return_counts_once_a_user_day_and_only_when_matured() -> None:
    inputs = window()
    rows = vars(inputs["retention"])
    found = by_name(retention_metrics(**rows, users=inputs["users"], horizons=[7], bootstrap=BOOTSTRAP))
    matured = rows["follow_up_days"] >= 7
    codes = np.unique(rows["user_days"][matured])
    label = [rows["event"][rows["user_days"] == code][0] for code in codes]
    mean = [rows["return_probability_by_day"][rows["user_days"] == code, 6].mean() for code in codes]
    auc = found["retention/d7/auc"]
    assert auc.n == codes.size == 180
    assert "180 of 360 user-days matured, on 3 of 6 days" in auc.note
    # Everybody is back within seven days, as far as it matured.
    assert np.all(label)
    assert auc.value is None
    assert found["retention/d7/calibration"].value == pytest.approx(np.sum(mean) / 180)


def test_retention_agrees_with_scikit_learn_and_subtracts_the_baseline() -> None:
    inputs = window()
    rows = vars(inputs["retention"])
    baseline = 1.0 - rows["return_probability_by_day"][:, ::-1]
    values = retention_metrics(
        **{**rows, "baseline_by_day": baseline}, users=inputs["users"], horizons=[3], bootstrap=BOOTSTRAP
    )
    found = by_name(values)
    code = rows["user_days"]
    label = np.bincount(code, rows["event"] & (rows["value"] <= 3)) / 3
    own = np.bincount(code, rows["return_probability_by_day"][:, 2]) / 3
    theirs = np.bincount(code, baseline[:, 2]) / 3
    expected = roc_auc_score(label, own), roc_auc_score(label, theirs)
    assert found["retention/d3/auc"].value == pytest.approx(expected[0], abs=1e-12)
    assert found["retention/d3/baseline_auc"].value == pytest.approx(expected[1], abs=1e-12)
    difference = found["retention/d3/auc_minus_baseline"]
    assert difference.value == pytest.approx(expected[0] - expected[1], abs=1e-12)
    assert found["retention/d3/baseline_brier"].value == pytest.approx(np.mean((theirs - label) ** 2))


def test_a_model_that_is_the_baseline_differs_by_exactly_nothing() -> None:
    inputs = window()
    rows = {**vars(inputs["retention"]), "baseline_by_day": inputs["retention"].return_probability_by_day}
    found = by_name(retention_metrics(**rows, users=inputs["users"], horizons=[1], bootstrap=BOOTSTRAP))
    difference = found["retention/d1/auc_minus_baseline"]
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_nothing_known_is_undefined_and_says_so() -> None:
    inputs = window()
    nothing = np.zeros(inputs["users"].size, dtype=bool)
    unknown = np.full(inputs["users"].size, np.nan)
    inputs["click"] = replace(inputs["click"], known=nothing, value=unknown, probability=unknown)
    inputs["dwell"] = replace(inputs["dwell"], known=nothing)
    inputs["retention"] = replace(
        inputs["retention"], follow_up_days=np.zeros(nothing.size, dtype=int), value=unknown, event=nothing
    )
    inputs["ranking"] = replace(inputs["ranking"], gains={"click": unknown})
    values = evaluate_window(settings=SETTINGS, **inputs)
    assert len(values) == 2 * (7 + 3 + 42 + 4)
    for value in values:
        assert value.value is None
        assert value.n == 0
        assert value.note.startswith("undefined: no ")


def test_one_class_is_undefined_and_says_so() -> None:
    values = click_metrics(
        [0.2, 0.4], [0, 0], [True, True], users=np.array([1, 2]), bootstrap=BOOTSTRAP, num_bins=2
    )
    found = by_name(values)
    assert found["click/auc"].value is None
    assert "all rows have the same label" in found["click/auc"].note
    assert "no user has both labels" in found["click/auc_by_user"].note
    assert found["click/calibration"].value is None
    assert found["click/calibration"].low is not None
    assert found["click/log_loss"].value == pytest.approx(-np.log(0.8 * 0.6) / 2)
    assert found["click/ece"].value == pytest.approx(0.3)


def test_a_horizon_beyond_the_predictions_is_undefined_and_says_so() -> None:
    inputs = window()
    values = retention_metrics(
        **vars(inputs["retention"]), users=inputs["users"], horizons=[14], bootstrap=BOOTSTRAP
    )
    assert len(values) == 28
    assert all("predictions reach 7 days ahead" in value.note for value in values)


def test_a_day_that_is_not_predicted_is_undefined_and_the_others_are_not() -> None:
    inputs = window()
    rows = vars(inputs["retention"])
    by_day = rows["return_probability_by_day"].copy()
    by_day[:, [0, 1, 3, 4, 5, 6]] = np.nan
    arguments = {"users": inputs["users"], "bootstrap": BOOTSTRAP}
    values = retention_metrics(**{**rows, "return_probability_by_day": by_day}, horizons=[1, 3], **arguments)
    whole = by_name(retention_metrics(**rows, horizons=[1, 3], **arguments))
    for value in values:
        if "/d1/" in value.name:
            assert value.value is None
            assert "does not predict a return within 1 days" in value.note
        else:
            assert value == whole[value.name]


def test_return_is_measured_within_users_and_among_users_whom_the_baseline_cannot_tell_apart() -> None:
    # Two users of three days; the baseline knows the users, the model the days of the first alone.
    label = np.array([1, 1, 0, 1, 0, 0])
    predicted = np.array([0.8, 0.8, 0.1, 0.1, 0.3, 0.2])
    values = retention_metrics(
        predicted[:, None],
        np.ones(6),
        label > 0,
        np.ones(6, dtype=int),
        user_days=np.arange(6),
        users=np.array([0, 0, 0, 1, 1, 1]),
        days=np.arange(6),
        horizons=[1],
        baseline_by_day=np.array([0.7, 0.7, 0.7, 0.3, 0.3, 0.3])[:, None],
        bootstrap=BOOTSTRAP,
    )
    found = {name.removeprefix("retention/d1/"): each.value for name, each in by_name(values).items()}
    assert found["auc_by_user"] == pytest.approx((1.0 + 0.0) / 2)
    assert found["auc_given_baseline"] == pytest.approx((1.0 + 0.0) / 2)
    assert found["baseline_auc_by_user"] == 0.5
    # The days with a past: 0.8 after 0.8, 0.1 after 0.8, 0.3 after 0.1, 0.2 after 0.2.
    past, now = np.array([0.8, 0.8, 0.1, 0.2]), np.array([0.8, 0.1, 0.3, 0.2])
    design = np.column_stack([np.ones(4), past, now - past])
    expected = np.linalg.lstsq(design, np.array([1.0, 0.0, 0.0, 0.0]), rcond=None)[0]
    assert found["slope_between"] == pytest.approx(expected[1])
    assert found["slope_within"] == pytest.approx(expected[2])
    assert "2 of 2 users have days of both kinds" in by_name(values)["retention/d1/auc_by_user"].note


def test_what_is_masked_does_not_count() -> None:
    rng = np.random.default_rng(4)
    known = rng.random(200) < 0.5
    probability, users = rng.random(200), rng.integers(0, 20, size=200)
    value = (rng.random(200) < probability).astype(float)
    spoiled = np.where(known, value, np.nan)
    masked = click_metrics(probability, spoiled, known, users=users, bootstrap=BOOTSTRAP)
    alone = click_metrics(
        probability[known], value[known], known[known], users=users[known], bootstrap=BOOTSTRAP
    )
    assert masked == alone


def test_dwell_counts_lower_bounds_as_seen_in_error_and_as_bounds_in_order() -> None:
    values = dwell_metrics(
        [20.0, 10.0, 40.0],
        [10.0, 20.0, 30.0],
        [False, True, True],
        np.ones(3, dtype=bool),
        users=np.arange(3),
        bootstrap=BOOTSTRAP,
    )
    found = by_name(values)
    assert found["dwell/mae_seconds"].value == pytest.approx(10.0)
    assert found["dwell/xauc"].value == 1.0
    assert found["dwell/calibration"].value == pytest.approx(70 / 60)
    assert "1 of 3 dwells are lower bounds" in found["dwell/xauc"].note


def test_ranking_leaves_out_requests_without_a_click_and_counts_them() -> None:
    values = ranking_metrics(
        [2.0, 1.0, 2.0, 1.0],
        {"click": [0, 1, 0, 0]},
        requests=np.array([0, 0, 1, 1]),
        users=np.array([4, 4, 5, 5]),
        cutoffs=[1, 5],
        bootstrap=BOOTSTRAP,
    )
    found = by_name(values)
    assert found["ranking/mrr"].value == 0.5
    assert found["ranking/ndcg@1"].value == 0.0
    assert found["ranking/ndcg@5"].value == pytest.approx(1 / np.log2(3))
    assert found["ranking/mrr"].n == 1
    assert "1 of 2 requests have nothing relevant or a single row" in found["ranking/mrr"].note


def test_weighted_ranking_is_that_of_the_plain_functions() -> None:
    inputs = window()
    rows = inputs["ranking"]
    found = by_name(ranking_metrics(**vars(rows), users=inputs["users"], cutoffs=[2], bootstrap=BOOTSTRAP))
    ranked = rank_requests(rows.score, rows.requests)
    for name, gain in (("ndcg@2", "click"), ("ndcg_dwell@2", "dwell")):
        for suffix, weight in (("", np.ones_like(rows.weight)), ("/ipw", rows.weight)):
            values, best = ndcg_per_request(ranked, rows.gains[gain] * weight, cutoff=2)
            expected = np.average(values, weights=request_weights(ranked, weight) * (best > 0))
            assert found[f"ranking/{name}{suffix}"].value == pytest.approx(expected, abs=1e-12)
    values, relevant = reciprocal_rank_per_request(ranked, rows.gains["click"] * rows.weight)
    expected = np.average(values, weights=request_weights(ranked, rows.weight) * (relevant > 0))
    assert found["ranking/mrr/ipw"].value == pytest.approx(expected, abs=1e-12)


def test_bad_input_is_refused_with_what_to_do() -> None:
    inputs = window()
    rows = vars(inputs["retention"])
    with pytest.raises(ValueError, match="falls with the days"):
        retention_metrics(
            **{**rows, "return_probability_by_day": rows["return_probability_by_day"][:, ::-1]},
            users=inputs["users"],
            horizons=[1],
            bootstrap=BOOTSTRAP,
        )
    with pytest.raises(ValueError, match="disagree about the return"):
        retention_metrics(
            **{**rows, "user_days": rows["user_days"] // 12},
            users=inputs["users"],
            horizons=[1],
            bootstrap=BOOTSTRAP,
        )
    with pytest.raises(ValueError, match="rows of several users"):
        ranking_metrics(
            [1.0, 2.0],
            {"click": [0, 1]},
            requests=np.array([0, 0]),
            users=np.array([0, 1]),
            cutoffs=[5],
            bootstrap=BOOTSTRAP,
        )
