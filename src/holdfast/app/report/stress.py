"""The stress part of the page: score and parts, ladders, worst cases, decay, levels, what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from holdfast.app.report import stress_figures
from holdfast.app.report.content import StressSection, Tone
from holdfast.app.report.metric_lines import Cell
from holdfast.app.report.numerals import NOTHING, number
from holdfast.app.report.stress_strength import NaturalLine, StrengthLine, natural_lines, strength_lines
from holdfast.app.report.stress_words import PART_WORDS, cost_of, cut_ladders, doubts_of
from holdfast.app.report.svg import css_colour, inline_svg

FAR = 10
"""A half-life of more than so many times the days since training that were seen is not worth a figure."""
RELATIVE = "without_a_relative_ratio"


@dataclass(frozen=True)
class WorstLine:
    """Where one output does worst."""

    output: str
    scenario: str
    day: str
    slice: str


@dataclass(frozen=True)
class StressView:
    """What the template shows of one suite."""

    title: str
    tone: Tone
    sentences: list[str]
    name: str
    waterfall: Markup | str
    part_names: list[str]
    lines: list[tuple[str, list[Cell]]]
    legend: list[tuple[str, str]]
    ladders: Markup
    severities: list[int]
    strength: list[StrengthLine]
    natural: list[NaturalLine]
    worst: list[WorstLine]
    days: Markup | str
    half_lives: list[str]
    levels: Markup | str
    successors: bool
    errors: list[tuple[str, str, str]]
    left_out: list[tuple[str, str]]
    notes: list[tuple[str, str]]
    doubts: list[str]
    cost: str


def stress_view(section: StressSection) -> StressView:
    """Arrange a section for reading."""
    summary, scenarios = section.summary, section.scenarios
    name = f"stress-{summary['suite'].replace('_', '-')}"
    score = summary["ship_score"]
    has_levels = scenarios["metric"].str.endswith("/calibration").any()
    title, tone = verdict_of(score)
    return StressView(
        title=title,
        tone=tone,
        sentences=list(_sentences(summary)),
        name=summary["suite"],
        waterfall="" if score is None else _waterfall(score, name=name),
        part_names=list(PART_WORDS.values()),
        lines=[] if score is None else list(_lines(score)),
        legend=[
            (output, f"stroke:{css_colour(stress_figures.COLOURS[output])};stroke-width:2.2")
            for output in summary["qualities"]
        ],
        ladders=inline_svg(
            stress_figures.ladders(scenarios, section.strength),
            name=f"{name}-ladders",
            description="skill by severity, a panel an injector, the reference ranker dashed",
        ),
        severities=list(summary["severities"]),
        strength=list(strength_lines(section.strength)),
        natural=list(natural_lines(section.natural, summary["qualities"])),
        worst=list(_worst(summary["worst"])),
        days=inline_svg(
            stress_figures.days(section.days, summary["qualities"]),
            name=f"{name}-days",
            description="quality by days since training, the reference dashed",
        ),
        half_lives=list(_half_lives(summary["half_life"])),
        levels=inline_svg(
            stress_figures.levels(scenarios),
            name=f"{name}-levels",
            description="predicted over observed at the highest severity",
        )
        if has_levels
        else "",
        successors=bool((section.days["model"] == "retrained").any()),
        errors=[
            (output, _error(each, "mean", "without_a_ratio"), _error(each, "relative_mean", RELATIVE))
            for output, each in summary["corruption_error"].items()
        ],
        left_out=list(summary["left_out"].items()),
        notes=[
            (ladder, f"{_kind(each)}. {'; '.join(each['notes'])}")
            for ladder, each in summary["ladders"].items()
        ],
        doubts=[*cut_ladders(scenarios), *doubts_of(summary)],
        cost=cost_of(summary["cost"]),
    )


def verdict_of(score: Mapping[str, Any] | None) -> tuple[str, Tone]:
    """The answer in a line that the interval allows."""
    if score is None:
        return "No ship score: nothing is defined both in clean conditions and under stress", "unclear"
    said = f"Ship score {_points(score)}"
    if score["low"] is None:
        return f"{said}, without an interval", "unclear"
    if score["low"] > 0.0:
        tone: Tone = "mixed" if _below(score) else "good"
        return f"{said}: worth more than the reference ranker when production moves", tone
    if score["high"] < 0.0:
        return f"{said}: worth less than the reference ranker when production moves", "mixed"
    return f"{said}: cannot be told from the reference ranker when production moves", "unclear"


def _below(score: Mapping[str, Any]) -> list[str]:
    """Outputs whose whole interval lies below the reference."""
    return [
        output for output, each in score["by_output"].items() if each["high"] is not None and each["high"] < 0
    ]


def _points(each: Mapping[str, Any]) -> str:
    value = number(each["value"], decimals=1)
    if each["low"] is None:
        return value
    return f"{value} [{number(each['low'], decimals=1)}, {number(each['high'], decimals=1)}]"


def _sentences(summary: Mapping[str, Any]) -> Iterator[str]:
    score = summary["ship_score"]
    if summary["held_out"]:
        yield "A held-out suite: nothing may be chosen or tuned by what it says."
    if score is not None:
        others = score["with_other_worst_weights"]
        yield (
            "Points are steps of 1 % from chance to perfection, over a reference ranker of item popularity, "
            "content length, recency and frequency that lives through the same drift. The score is "
            + ", ".join(
                f"{number(each, decimals=1)} if the worst case counts {name}" for name, each in others.items()
            )
            + f" instead of {score['worst_weight']:g}, which the average under stress takes or gives."
        )
        if score["without_decay"]:
            yield (
                f"Decay is not judged for {' and '.join(score['without_decay'])}, with fewer than two days; "
                "its quarter went to the average under stress."
            )
        below = _below(score)
        if below:
            yield f"Taken alone, {' and '.join(below)} would be served better by the reference."
    version = summary["yardstick"]["score_version"]
    yield (
        f"Measured by {summary['suite_fingerprint']} (version {version} of the score): numbers of another "
        "fingerprint come from other drifts, rows, outputs or references, and do not compare."
    )
    kinds = [each["drift"] for each in summary["ladders"].values()]
    counted = ", ".join(
        f"{kinds.count(kind)} {words}"
        for kind, words in (
            ("injected", "injected"),
            ("true", "true drift of the world"),
            ("surrogate", "by a surrogate"),
        )
        if kind in kinds
    )
    yield (
        f"{len(kinds)} ladders ({counted}) at severities {', '.join(map(str, summary['severities']))} with "
        f"{len(summary['seeds'])} seed{'s' if len(summary['seeds']) > 1 else ''}; "
        f"{len(summary['left_out'])} of the suite could not be climbed here."
    )


def _lines(score: Mapping[str, Any]) -> Iterator[tuple[str, list[Cell]]]:
    for output, each in score["by_output"].items():
        yield output, _cells(each)
    yield "mean of all", _cells(score)


def _cells(each: Mapping[str, Any]) -> list[Cell]:
    cells = []
    for name, part in each["parts"].items():
        sign = -1.0 if name != "clean_lift" else 1.0
        # 0.0 rather than a minus sign in front of nothing.
        cells.append(_cell({key: None if part[key] is None else sign * part[key] + 0.0 for key in part}))
    return [*cells, _cell(each)]


def _cell(each: Mapping[str, Any]) -> Cell:
    low, high = sorted((each["low"], each["high"])) if each["low"] is not None else (None, None)
    interval = "" if low is None else f"{number(low, decimals=1)} to {number(high, decimals=1)}"
    return Cell(number(each["value"], decimals=1), interval)


def _waterfall(score: Mapping[str, Any], *, name: str) -> Markup:
    steps = [
        each["value"] if part == "clean_lift" else 0.0 - each["value"]
        for part, each in score["parts"].items()
    ]
    figure = stress_figures.waterfall(list(PART_WORDS.values()), steps, score)
    return inline_svg(figure, name=f"{name}-parts", description="how the ship score is made of its parts")


def _worst(worst: Mapping[str, Any]) -> Iterator[WorstLine]:
    for output, each in worst.items():
        said = {
            where: NOTHING
            if found is None
            else f"{found['name'].replace('_', ' ')}: {number(found['lift'], decimals=1)}"
            for where, found in each.items()
        }
        yield WorstLine(output, said["scenario"], said["day"], said["slice"])


def _half_lives(half_lives: Mapping[str, Any]) -> Iterator[str]:
    for output, each in half_lives.items():
        if each is None:
            yield f"{output}: no half-life, because fewer than two days are known or there is nothing to lose"
        elif each["days"] is None:
            yield f"{output}: {each['note']}"
        elif each["days"] > FAR * each["last_day"]:
            far = number(FAR * each["last_day"])
            yield f"{output}: not reached, and at this slope more than {far} days after training"
        else:
            low = NOTHING if each["low"] is None else number(each["low"], decimals=1)
            high = "never" if each["high"] is None else number(each["high"], decimals=1)
            days = number(each["days"], decimals=1)
            yield f"{output}: {days} days after training [{low}, {high}]; {each['note']}"


def _error(each: Mapping[str, Any], mean: str, without: str) -> str:
    """A mean of ratios, and of how many ladders where some have none."""
    missing = len(each[without])
    ladders = each["num_ladders"]
    if each[mean] is None:
        return f"not defined ({missing} of {ladders} ladders without a ratio)"
    said = number(each[mean], decimals=2)
    return f"{said} (over {ladders - missing} of {ladders} ladders)" if missing else said


def _kind(each: Mapping[str, Any]) -> str:
    words = {"injected": each["kind"], "true": f"{each['kind']}, true drift of the world"}
    said: str = words.get(each["drift"], f"{each['kind']}, a surrogate")
    return said if each["scored"] else f"{said}, not part of the score"
