"""Words of the stress page: parts of the score, what a reader must know, what the suite took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from holdfast.app.report.numerals import number

PART_WORDS = {
    "clean_lift": "clean lift",
    "loss_under_stress": "loss under stress",
    "worst_case": "worst case",
    "decay": "decay",
    "miscalibration": "miscalibration",
}


def cut_ladders(scenarios: pd.DataFrame) -> Iterator[str]:
    """Ladders with rungs at which an output cannot be judged: their areas are means over the other rungs."""
    metrics = scenarios.loc[scenarios["skill"].notna(), "metric"].unique()
    undefined = scenarios[scenarios["metric"].isin(metrics) & scenarios["skill"].isna()]
    for (output, name), rows in undefined.groupby(["output", "injector"], sort=False):
        rungs = ", ".join(map(str, sorted(rows["severity"])))
        yield (
            f"{output} cannot be judged under {str(name).replace('_', ' ')} at severity {rungs} (a cross in "
            "its panel): areas are means over the rungs that can"
        )


def doubts_of(summary: Mapping[str, Any]) -> Iterator[str]:
    """What a reader must know before believing it."""
    for metric, where in summary["undefined"].items():
        yield f"{metric} is undefined in {len(where)} scenarios, and left out of its averages there"
    for output in summary["not_scored"]:
        yield f"{output} has no score: no stress defines it"
    if summary["slices_left_out"]:
        yield f"{summary['slices_left_out']} slices have too few rows to be judged"
    if not summary["num_resamples"]:
        yield "no intervals: evaluation.num_resamples is 0"
    if any(each["drift"] == "true" for each in summary["ladders"].values()):
        yield (
            "true drift ran again in the one world of this run, under its own seed, once a severity: "
            "intervals do not hold the chance of another world"
        )
    if summary["num_resamples"] and len(summary["seeds"]) == 1:
        yield "intervals hold the chance of users; with one injection seed they do not hold that of the drift"
    yield "another training seed would change the numbers too; that takes several runs"


def cost_of(cost: Mapping[str, Any]) -> str:
    """What the suite took, from the start of the stage until its tables were written."""
    ratio = "" if cost["ratio"] is None else f" ({number(cost['ratio'], decimals=2)} times them)"
    extra = [
        f"{number(cost.get(key, 0.0), decimals=1)} s {words}"
        for key, words in (
            ("worlds_seconds", "to run worlds again"),
            ("strength_seconds", "to measure how strong drifts came out"),
        )
        if cost.get(key)
    ]
    return (
        f"{cost['scenarios']} scenarios, {cost['scenarios_there_already']} of which were there already; "
        f"{number(cost['forward_seconds'], decimals=1)} s of forward passes, "
        f"{number(cost['total_seconds'], decimals=1)} s in all{ratio}"
        + (f", and {' and '.join(extra)}" if extra else "")
        + "."
    )
