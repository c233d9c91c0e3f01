"""What the stage stress says in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from holdfast.app.report.stress_words import PART_WORDS
from holdfast.app.stressing.suite import Suite
from holdfast.drift.world_drift import WorldDrift


def before(suite: Suite) -> Iterator[str]:
    """What will be climbed, and what will not."""
    scenarios = len(list(suite.scenarios()))
    settings = suite.settings
    true = [name for name, drift in suite.ladders.items() if isinstance(drift, WorldDrift)]
    words = f"; true drift of the world: {', '.join(true)}" if true else ""
    yield (
        f"suite {settings.name}{' (held out: nothing may be chosen by it)' if settings.held_out else ''}: "
        f"{len(suite.ladders)} ladders, {scenarios} scenarios{words}"
    )
    for name, reason in suite.left_out.items():
        yield f"not climbed: {name} ({reason})"


def after(summary: Mapping[str, Any]) -> Iterator[str]:
    """The verdict in a few lines."""
    score = summary["ship_score"]
    if score is None:
        yield "no ship score: no output is defined in clean conditions and under stress"
    else:
        parts = [
            f"{'-' if name != 'clean_lift' else ''} {PART_WORDS[name]} {each['value']:.1f}".strip()
            for name, each in score["parts"].items()
        ]
        yield f"ship score {points(score)} = {' '.join(parts)} (points over the reference ranker)"
        by_output = ", ".join(f"{name} {each['value']:.1f}" for name, each in score["by_output"].items())
        yield f"by output: {by_output}"
        if score["without_decay"]:
            yield f"decay is not judged with fewer than two days: {', '.join(score['without_decay'])}"
    yield (
        f"measured by {summary['suite_fingerprint']} (suite {summary['suite']}): compare it only with "
        "numbers of the same fingerprint"
    )
    for output, each in summary["worst"].items():
        scenario = each["scenario"]
        if scenario is not None:
            yield f"worst for {output}: {scenario['name']}, lift {scenario['lift']:.1f}"
    for output, each in summary["half_life"].items():
        if each is not None and each["days"] is not None and each["reached"]:
            yield f"half-life of {output}: {each['days']:.1f} days after training ({each['note']})"
    yield cost_words(summary["cost"])


def cost_words(cost: Mapping[str, Any]) -> str:
    """What the suite took, from the start of the stage until its tables were written."""
    ratio = "" if cost["ratio"] is None else f", {cost['ratio']:.2f} times that"
    extra = [
        f"{cost[key]:.1f} s {words}"
        for key, words in (
            ("worlds_seconds", "of running worlds again"),
            ("strength_seconds", "of measuring how strong drifts came out"),
        )
        if cost[key] >= 0.05
    ]
    apart = f"; with {' and '.join(extra)} {cost['everything_seconds']:.1f} s" if extra else ""
    there = cost["scenarios_there_already"]
    return (
        f"{cost['scenarios']} scenarios{f', {there} of them there already' if there else ''}: "
        f"{cost['forward_seconds']:.1f} s of forward passes, {cost['total_seconds']:.1f} s in all{ratio}"
        f"{apart}"
    )


def natural(table: pd.DataFrame, qualities: Mapping[str, str]) -> Iterator[str]:
    """What was found where nobody made drift, a line a window.

    Args:
        table: ``window``, ``metric``, ``value`` and ``reference``, the window as in training first.
        qualities: the metric of each output.
    """
    windows = list(dict.fromkeys(table["window"]))
    by_place = table.set_index(["window", "metric"])
    for window in windows[1:]:
        said = []
        for output, metric in qualities.items():
            here, known = by_place.loc[(window, metric)], by_place.loc[(windows[0], metric)]
            said.append(
                f"{output} undefined"
                if pd.isna(here["value"])
                else f"{output} {here['value']:.3f} (as in training {known['value']:.3f}, reference here "
                + ("undefined)" if pd.isna(here["reference"]) else f"{here['reference']:.3f})")
            )
        yield f"held out of training, {window}: {', '.join(said)}"


def doubts(summary: Mapping[str, Any]) -> Iterator[str]:
    """What a reader must know before believing it."""
    if summary["undefined"]:
        counted = ", ".join(f"{name} in {len(where)}" for name, where in summary["undefined"].items())
        yield f"undefined, and left out of every average: {counted} scenarios"
    if summary["not_scored"]:
        yield f"not scored, because no stress defines them: {', '.join(summary['not_scored'])}"
    surrogates = [name for name, each in summary["ladders"].items() if each["drift"] == "surrogate"]
    if surrogates:
        yield f"surrogates of concept or policy drift, not the real thing: {', '.join(surrogates)}"
    true = [name for name, each in summary["ladders"].items() if each["drift"] == "true"]
    if true:
        yield f"one world each, under its own seed, whose chance is not in the intervals: {', '.join(true)}"
    if len(summary["seeds"]) == 1:
        yield "one injection seed: its chance is not in the intervals"


def points(number: Mapping[str, float | None]) -> str:
    """A number of points with its interval."""
    if number["low"] is None:
        return f"{number['value']:.1f}"
    return f"{number['value']:.1f} [{number['low']:.1f}, {number['high']:.1f}]"
