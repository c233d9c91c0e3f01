"""What the report says of propensities."""

from __future__ import annotations

from typing import Any

from holdfast.app.propensity_section import propensity_section
from holdfast.app.sayings import fitted

SUMMARY = {
    "log": {"with_propensity": 0.5, "policies": {"greedy": 90, "random": 10}},
    "card": {"propensity_of": "slate"},
}
TRUST = {"num_rows": 100, "effective_sample_size": 40.0, "largest_weight": 3.0, "clipped_share": 0.1}


def config(kind: str = "auto", **estimator: Any) -> dict[str, Any]:
    return {"objective": {"weighting": {"kind": kind, "max_weight": 10.0}, "estimator": estimator or None}}


def notes(**changes: Any) -> dict[str, Any]:
    given = {
        "source": "naive Bayes",
        "meaning": "item_in_slot",
        "notes": (),
        "balance": None,
        "calibration": None,
    }
    return {"propensities": {**given, **changes}, "train_weights": {"click": TRUST}}


def test_before_training_the_log_speaks():
    section = propensity_section(SUMMARY, config(), None)
    assert section.meaning == "the chance that the behavior policy showed this whole slate"
    assert section.source == "logged in 50% of the rows; behavior policy: greedy (90 rows), random (10 rows)"
    assert "min(1 / p, 10)" in section.weighting
    assert section.diagnostics.empty
    assert propensity_section(SUMMARY, config("none"), None).weighting == "losses count every row the same"


def test_a_source_and_its_checks_are_told():
    fit = notes(
        source="logistic regression of the click",
        meaning="clicked",
        notes=("one thing", "another"),
        balance={"num_features": 4, "largest_before": 0.5, "largest_after": 0.04},
        calibration={"observed_over_predicted": 1.02, "expected_calibration_error": 0.01, "num_rows": 1234},
    )
    section = propensity_section(SUMMARY, config(), fit)
    assert section.meaning == "the chance that the row was clicked"
    assert section.source.startswith("logistic regression of the click (propensities are logged in 50%")
    assert "a row after a click min(1 / p, 10)" in section.weighting
    assert section.checks[:2] == ("One thing.", "Another.")
    assert "0.50 before weighting and 0.04 after it" in section.checks[2]
    assert "observed over predicted 1.020" in section.checks[3]
    assert "over 1,234 rows" in section.checks[3]
    assert list(section.diagnostics["objective"]) == ["click"]


def test_propensities_of_being_seen_change_what_the_click_head_predicts():
    labels = {**TRUST, "mean_weight": 2.5}
    section = propensity_section(SUMMARY, config(), notes(meaning="examination", labels=labels))
    assert "predicts a click on a row that is seen" in section.weighting
    assert "the 100 clicked rows are worth an effective sample of 40" in section.checks[0]
    unused = propensity_section(SUMMARY, config("none"), notes(source="", meaning="examination"))
    assert unused.weighting == "losses count every row the same"
    assert unused.meaning == "the chance that the behavior policy showed this whole slate"


def test_an_estimator_is_told_with_what_its_propensity_is_worth():
    after = {"dwell": {**TRUST, "mean_weight": 0.9, "calibration": 1.1}}
    asked = config(_target_="holdfast.x.Stable", objectives=["dwell"], max_weight=50.0)
    section = propensity_section(SUMMARY, asked, {**notes(), "after_click": after})
    assert section.estimator == "Stable, with one over the predicted click up to 50: dwell"
    assert section.after_click["mean_weight"].tolist() == [0.9]
    uncapped = config(_target_="x.InversePropensity", objectives=["dwell"], max_weight=None)
    assert "without a cap" in propensity_section(SUMMARY, uncapped, None).estimator
    assert propensity_section(SUMMARY, config(_target_="x.Naive", objectives=[]), None).estimator == ""


def test_the_console_tells_it_too():
    summary = {
        "criterion": "validation/loss",
        "best_value": 0.5,
        "best_epoch": 0,
        "num_epochs": 1,
        "rows_per_second": 1.0,
        "train_weights": {"click": {**TRUST, "num_missing": 7}},
        "after_click": {"dwell": {**TRUST, "mean_weight": 0.9}},
        "propensities": {"labels": {**TRUST, "mean_weight": 2.5}},
    }
    lines = list(fitted(summary))
    assert "7 set aside" in lines[1]
    assert "click labels: ESS 40 of 100 clicked rows" in lines[2]
    assert "dwell over all rows: ESS 40 of 100 rows after a click" in lines[3]
    assert "mean o/p 0.90" in lines[3]
