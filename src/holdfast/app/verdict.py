"""What the numbers of a test window allow to be said, in words.

Metrics come as ``metrics.json`` holds them, by name without the window.
"""

from __future__ import annotations

from typing import Any

from holdfast.app.report.content import Headline, Verdict
from holdfast.app.sayings import doubtful_targets, fused_ndcg, head_notes, said, unused_experts

Metrics = dict[str, dict[str, Any]]


def verdict(test: Metrics) -> Verdict:
    """The answer in words that the numbers support, and no more."""
    if not test:
        return Verdict(title="Not evaluated yet", sentences=["Run the stage evaluate to get an answer."])
    click, sentences = test.get("click/auc"), []
    tones = []
    if click is not None and click["value"] is not None:
        better = click["low"] is not None and click["low"] > 0.5
        tones.append(better)
        sentences.append(
            f"It orders a clicked impression above another one with chance {said(click)}; 0.5 is a coin."
            if better
            else f"Its order of clicks cannot be told from chance on this window: {said(click)}."
        )
        sentences.extend(_calibration_sentence(test.get("click/calibration")))
    for name, difference in test.items():
        if name.startswith("retention/") and name.endswith("/auc_minus_baseline"):
            sentence, better = _beyond_baseline(name.split("/")[1], difference)
            sentences.append(sentence)
            if better is not None:
                tones.append(better)
    if not tones:
        return Verdict(
            title="This window cannot tell",
            sentences=[*sentences, "No test metric is defined on it: it is too short, or lacks outcomes."],
        )
    good, total = sum(tones), len(tones)
    title = (
        "The model holds on the test window"
        if good == total
        else "The model holds in part"
        if good
        else "The model does not hold"
    )
    sentences.append("One model, one seed, one window: a difference between models needs several of each.")
    return Verdict(
        title=title, sentences=sentences, tone="good" if good == total else "mixed" if good else "bad"
    )


def _calibration_sentence(ratio: dict[str, Any] | None) -> list[str]:
    if ratio is None or ratio["value"] is None or ratio["low"] is None:
        return []
    if ratio["low"] <= 1.0 <= ratio["high"]:
        return [f"It predicts as many clicks as there were ({said(ratio)} predicted for each observed)."]
    way = "more" if ratio["value"] > 1.0 else "fewer"
    return [f"It predicts {way} clicks than there were: {said(ratio)} predicted for each one observed."]


def _beyond_baseline(horizon: str, difference: dict[str, Any]) -> tuple[str, bool | None]:
    days = f"within {horizon[1:]} day{'' if horizon == 'd1' else 's'}"
    if difference["value"] is None or difference["low"] is None:
        return f"Whether it knows who is back {days} cannot be told: {difference['note']}.", None
    if difference["low"] > 0.0:
        return (
            f"It knows more about who is back {days} than recency and frequency alone: its AUC is "
            f"{said(difference)} higher.",
            True,
        )
    if difference["high"] < 0.0:
        return (
            f"Recency and frequency alone know more about who is back {days}: the model's AUC differs by "
            f"{said(difference)}.",
            False,
        )
    return (
        f"About who is back {days} it does not tell measurably more than recency and frequency alone: AUC "
        f"difference {said(difference)}.",
        False,
    )


def headlines(test: Metrics) -> list[Headline]:
    """The few numbers to look at first."""
    found = []
    for name, label in (("click/auc", "click AUC"), ("dwell/xauc", "dwell XAUC")):
        if name in test:
            found.append(_headline(test[name], label, "0.5 is chance"))
    for name in test:
        if name.startswith("retention/") and name.endswith("/auc"):
            horizon = name.split("/")[1]
            baseline = test[f"retention/{horizon}/baseline_auc"]
            found.append(
                _headline(
                    test[name],
                    f"return within {horizon[1:]} d, AUC",
                    f"recency and frequency alone: {said(baseline)}",
                )
            )
            break
    ranking = fused_ndcg(test)
    if ranking is not None:
        name, by = ranking
        found.append(_headline(test[name], f"NDCG@{name.rsplit('@', 1)[1]}", f"fused score, by {by}"))
    return found


def _headline(metric: dict[str, Any], label: str, context: str) -> Headline:
    return Headline(
        label=label, value=metric["value"], low=metric["low"], high=metric["high"], context=context
    )


def warnings_of(summary: dict[str, Any], fit: dict[str, Any] | None, test: Metrics) -> list[str]:
    """What a reader must know before believing any of it."""
    found = [f"No {name} head: {why}." for name, why in summary["dropped_heads"].items()]
    found += [
        f"Epochs were chosen without {name}: nothing of it was known yet when validation ended."
        for name in summary["unknown_in_validation"]
    ]
    noted = (*head_notes(summary), *summary.get("unused_parts", ()))
    found += [f"{note[:1].upper()}{note[1:]}." for note in noted]
    if 0 < summary["log"]["with_propensity"] < 1:
        found.append(
            f"Only {summary['log']['with_propensity']:.0%} of the rows have a propensity, so there are no "
            "weighted metrics for windows that hold others."
        )
    if summary["quarantined"]:
        rows = sum(summary["quarantined"].values())
        found.append(f"{rows:,} rows broke the log contract and were set aside in quarantine.parquet.")
    if summary["log"]["with_propensity"] == 0:
        found.append(
            "No propensities were logged: losses and metrics are those of the items that the behavior policy "
            "chose to show. They say little about items that it would not have shown."
        )
    users = summary["windows"]["test"]["users"]
    if users < 200:
        found.append(
            f"The test window has {users} users: too few for the intervals below to hold what they promise."
        )
    for name, each in (fit or {}).get("train_weights", {}).items():
        size = each["effective_sample_size"]
        if each["num_rows"] and size < 0.1 * each["num_rows"]:
            found.append(
                f"The weighted {name} loss rests on an effective sample of {size:,.0f} of "
                f"{each['num_rows']:,} rows: lower objective.weighting.max_weight, or explore more."
            )
    told = (*doubtful_targets(fit or {}), *unused_experts(fit or {}))
    found += [f"{warning[0].upper()}{warning[1:]}." for warning in told]
    undefined = sorted(name for name, each in test.items() if each["value"] is None)
    if undefined:
        found.append(f"Undefined on the test window, see the notes below: {', '.join(undefined)}.")
    return found
