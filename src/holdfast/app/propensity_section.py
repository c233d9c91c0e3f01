"""What the report says of propensities: what they are the chance of, who says so, and what checks them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from holdfast.app.report.content import PropensitySection

PROPENSITY_MEANING = {
    "item_in_slot": "the chance that the behavior policy put this item into this slot",
    "slate": "the chance that the behavior policy showed this whole slate",
    "examination": "the chance that the slot was looked at",
    "exposure": "the chance that the user came across the item at all",
    "clicked": "the chance that the row was clicked",
    None: "nothing: this log has no propensities",
}


def propensity_section(
    summary: dict[str, Any], config: dict[str, Any], fit: dict[str, Any] | None
) -> PropensitySection:
    """Gather what the stages prepare and fit have left.

    Args:
        summary: of the prepared windows.
        config: of the run, resolved.
        fit: summary of the stage fit; None where it has not been run.
    """
    logged = summary["log"]["with_propensity"]
    policies = ", ".join(f"{name} ({rows:,} rows)" for name, rows in summary["log"]["policies"].items())
    notes = (fit or {}).get("propensities") or {}
    meaning = notes.get("meaning") if notes.get("source") else summary["card"]["propensity_of"]
    of_log = f"logged in {logged:.0%} of the rows; behavior policy: {policies}"
    source = notes.get("source", "")
    after_click = (fit or {}).get("after_click", {})
    known_from = of_log
    if source and not source.startswith("logged"):
        known_from = f"{source} (propensities are {of_log})"
    return PropensitySection(
        meaning=PROPENSITY_MEANING[meaning],
        source=known_from,
        weighting=_use(meaning, config["objective"], used=_used(notes, config, logged=logged)),
        diagnostics=pd.DataFrame(
            [{"objective": name, **each} for name, each in (fit or {}).get("train_weights", {}).items()]
        ),
        after_click=pd.DataFrame([{"objective": name, **each} for name, each in after_click.items()]),
        estimator=_estimator(config["objective"].get("estimator")),
        checks=tuple(_checks(notes)),
    )


def _used(notes: dict[str, Any], config: dict[str, Any], *, logged: float) -> bool:
    """Whether losses use propensities; before the stage fit, whether they are going to."""
    if notes:
        return bool(notes["source"])
    return config["objective"]["weighting"]["kind"] != "none" and logged > 0


def _use(meaning: str | None, objective: dict[str, Any], *, used: bool) -> str:
    if not used:
        return "losses count every row the same"
    cap = f"{objective['weighting']['max_weight']:g}"
    if meaning in ("examination", "exposure"):
        return f"a click counts min(1 / p, {cap}): the click head predicts a click on a row that is seen"
    rows = "a row after a click" if meaning == "clicked" else "a row"
    return f"losses count {rows} min(1 / p, {cap}), scaled to mean 1 over the window"


def _estimator(estimator: dict[str, Any] | None) -> str:
    if not estimator or not estimator.get("objectives"):
        return ""
    kind = estimator["_target_"].rpartition(".")[2]
    cap = estimator.get("max_weight")
    said = "without a cap" if cap is None else f"up to {cap:g}"
    return f"{kind}, with one over the predicted click {said}: {', '.join(estimator['objectives'])}"


def _checks(notes: dict[str, Any]) -> Iterator[str]:
    """A sentence for every check that could be made."""
    yield from (f"{note[:1].upper()}{note[1:]}." for note in notes.get("notes", ()))
    labels = notes.get("labels")
    if labels:
        yield (
            f"Corrected labels: the {labels['num_rows']:,} clicked rows are worth an effective sample of "
            f"{labels['effective_sample_size']:,.0f}; {labels['clipped_share']:.1%} met the cap, mean weight "
            f"{labels['mean_weight']:.2f}."
        )
    balance = notes.get("balance")
    if balance:
        yield (
            f"Balance of {balance['num_features']} inputs: the largest standardised mean difference is "
            f"{balance['largest_before']:.2f} before weighting and {balance['largest_after']:.2f} after "
            "it; above 0.1 is usually called unbalanced."
        )
    calibration = notes.get("calibration")
    if calibration:
        yield (
            f"Calibration of the propensity itself: observed over predicted "
            f"{calibration['observed_over_predicted']:.3f}, expected calibration error "
            f"{calibration['expected_calibration_error']:.4f}, over {calibration['num_rows']:,} rows."
        )
