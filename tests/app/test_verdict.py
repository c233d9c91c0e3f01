"""The verdict says what the numbers support, and no more."""

from __future__ import annotations

import pytest

from holdfast.app.sayings import evaluated
from holdfast.app.verdict import headlines, verdict, warnings_of


def metric(value, low=None, high=None, n=1000, note=""):
    return {"value": value, "low": low, "high": high, "n": n, "weighted": False, "note": note}


GOOD_CLICK = {"click/auc": metric(0.7, 0.68, 0.72), "click/calibration": metric(1.01, 0.97, 1.05)}


def returns(value, low, high):
    return {"retention/d1/auc_minus_baseline": metric(value, low, high, note="no matured user-day")}


@pytest.mark.parametrize(
    ("metrics", "tone", "said"),
    [
        ({**GOOD_CLICK, **returns(0.02, 0.01, 0.03)}, "good", "knows more about who is back within 1 day"),
        ({**GOOD_CLICK, **returns(0.0, -0.01, 0.01)}, "mixed", "does not tell measurably more than recency"),
        ({**GOOD_CLICK, **returns(-0.05, -0.07, -0.03)}, "mixed", "Recency and frequency alone know more"),
        ({"click/auc": metric(0.51, 0.48, 0.54)}, "bad", "cannot be told from chance"),
        ({**GOOD_CLICK, **returns(None, None, None)}, "good", "cannot be told: no matured user-day"),
        ({"click/auc": metric(None, note="one class")}, "unclear", "No test metric is defined"),
        ({}, "unclear", "Run the stage evaluate"),
    ],
)
def test_the_tone_follows_the_intervals(metrics, tone, said):
    made = verdict(metrics)
    assert made.tone == tone
    assert said in " ".join(made.sentences)


def test_one_run_never_decides_between_models():
    assert "needs several of each" in verdict(GOOD_CLICK).sentences[-1]


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (metric(1.3, 1.2, 1.4), "predicts more clicks than there were"),
        (metric(0.7, 0.6, 0.8), "predicts fewer clicks than there were"),
        (metric(1.0, 0.9, 1.1), "predicts as many clicks as there were"),
    ],
)
def test_calibration_is_told_with_its_direction(ratio, said):
    assert said in " ".join(verdict({**GOOD_CLICK, "click/calibration": ratio}).sentences)


def test_headlines_put_the_baseline_beside_return():
    found = headlines(
        {
            **GOOD_CLICK,
            "retention/d1/auc": metric(0.74, 0.72, 0.76),
            "retention/d1/baseline_auc": metric(0.73, 0.71, 0.75),
            "ranking/ndcg@5": metric(0.6, 0.5, 0.7),
        }
    )
    assert [each.label for each in found] == ["click AUC", "return within 1 d, AUC", "NDCG@5"]
    assert "0.730 [0.710, 0.750]" in found[1].context


def test_without_clicks_the_order_is_told_by_dwell():
    order = {"ranking/ndcg_dwell@5": metric(0.7, 0.6, 0.8), "ranking/ndcg_dwell@10": metric(0.9, 0.8, 1.0)}
    (found,) = headlines(order)
    assert (found.label, found.value, found.context) == ("NDCG@5", 0.7, "fused score, by dwell")
    (told,) = evaluated({f"test/{name}": each for name, each in order.items()})
    assert told == "fused ranking NDCG@5 0.700 [0.600, 0.800], by dwell"


def test_warnings_name_what_weakens_the_evidence():
    summary = {
        "dropped_heads": {"dwell": "the log 'x' declares no dwell"},
        "unknown_in_validation": ["retention"],
        "unused_parts": ["the sequence encoder DIN reads nothing"],
        "quarantined": {"propensity outside (0, 1]": 3},
        "log": {"with_propensity": 0.0},
        "windows": {"test": {"users": 38}},
    }
    fit = {"train_weights": {"click": {"effective_sample_size": 5.0, "num_rows": 100}}}
    fit["targets"] = {
        "retention": {"warnings": ["surrogacy fails (p = 1e-9)"], "known_rows": {"validation": 0}}
    }
    text = " ".join(warnings_of(summary, fit, {"click/auc": metric(None, note="one class")}))
    for part in (
        "No dwell head",
        "chosen without retention",
        "The sequence encoder DIN reads nothing.",
        "3 rows broke",
        "No propensities were logged",
        "38 users",
        "effective sample of 5",
        "Retention: surrogacy fails (p = 1e-9).",
        "No retention of the validation window is old enough for this head",
    ):
        assert part in text
    assert "Undefined on the test window, see the notes below: click/auc" in text
