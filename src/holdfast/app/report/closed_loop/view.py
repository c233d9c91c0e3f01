"""What the page's template shows of a closed loop: text, tables and finished figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from holdfast.app.report.closed_loop import over_seeds
from holdfast.app.report.closed_loop.panels import (
    MANY_BANDS,
    LineStyle,
    Panel,
    line_styles,
    panel_of,
    small_multiples,
)
from holdfast.app.report.closed_loop.quantities import DRAWN, GROUPS, PREDICTED, quantity
from holdfast.app.report.closed_loop.tables import LoopTable, calibration_table, group_table
from holdfast.app.report.closed_loop.verdict import loop_verdict
from holdfast.app.report.content import ClosedLoopSection, Verdict
from holdfast.app.report.svg import inline_svg


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the section: a figure, a table, or both."""

    title: str
    lead: str
    figure: Markup | str = ""
    table: LoopTable | None = None


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """How a contender is drawn, and whether it is told the truth."""

    name: str
    css: str
    sees_truth: bool


@dataclass(frozen=True, kw_only=True)
class LoopView:
    """All that the section shows."""

    verdict: Verdict
    facts: str
    reading: str
    legend: list[LegendEntry]
    parts: list[Part]
    intervals: str
    without_calibration: bool


def loop_view(section: ClosedLoopSection) -> LoopView:
    """Draw the section; ``days`` holds at least one row."""
    days = section.days
    contenders = over_seeds.contenders_of(days)
    styles = line_styles(contenders, sees_truth=section.sees_truth)
    trained = over_seeds.trained_before(days)
    nights = sorted({day for each in trained.values() for day in each})
    parts = []
    for group, (title, lead) in GROUPS.items():
        figure = _figure(group, list(_panels(section, group)), styles, nights)
        table = group_table(section.summary, section.differences, group=group, contenders=contenders)
        if figure or table:
            parts.append(Part(title=title, lead=lead, figure=figure, table=table))
    calibration = None if section.calibration.empty else _calibration(section, styles, nights)
    if calibration is not None:
        parts.insert(_before_diversity(parts), calibration)
    return LoopView(
        verdict=loop_verdict(section),
        facts=_facts(days),
        reading=_reading(section, trained),
        legend=[
            LegendEntry(name=name, css=style.css, sees_truth=name in section.sees_truth)
            for name, style in styles.items()
        ],
        parts=parts,
        intervals=_intervals(section),
        without_calibration=calibration is None,
    )


def _panels(section: ClosedLoopSection, group: str) -> Iterator[Panel]:
    days = section.days
    for name in DRAWN:
        if quantity(name).group != group or name not in days or days[name].isna().all():
            continue
        yield panel_of(quantity(name), over_seeds.by_day(days, name))
        reference = _reference(section)
        if name == "value_so_far" and reference is not None:
            table = over_seeds.lead_by_day(days, reference=reference, level=section.level)
            if not table.empty:
                yield Panel(title="Value so far, less the reference's", table=table, level=0.0)


def _reference(section: ClosedLoopSection) -> str | None:
    """The contender that the others are held against, where there are others."""
    contenders = over_seeds.contenders_of(section.days)
    if len(contenders) < 2:
        return None
    named = section.differences["reference"].tolist() if len(section.differences) else []
    return next((str(name) for name in named if name in contenders), contenders[0])


def _figure(
    group: str, shown: list[Panel], styles: Mapping[str, LineStyle], nights: list[int]
) -> Markup | str:
    if not shown:
        return ""
    return inline_svg(
        small_multiples(shown, styles=styles, nights=nights),
        name=f"closed-loop-{group}",
        description=f"by day and contender: {', '.join(panel.title.lower() for panel in shown)}",
    )


def _calibration(
    section: ClosedLoopSection, styles: Mapping[str, LineStyle], nights: list[int]
) -> Part | None:
    """Predicted over observed of each head, for those who predict; None where no day can be drawn."""
    shown = []
    for objective in dict.fromkeys(section.calibration["objective"].astype(str)):
        table = over_seeds.calibration_by_day(section.calibration, objective=objective)
        if table["mean"].notna().any():
            title = PREDICTED.get(objective, quantity(objective).label)
            shown.append(Panel(title=title, table=table, level=1.0, ratio=True))
    if not shown:
        return None
    return Part(
        title="Calibration of what was shown",
        lead="Predicted over observed of the items that the contender itself chose to show, each predicted "
        "before its outcome (dwell: of what was clicked): 1 is right, above 1 promises too much.",
        figure=_figure("calibration", shown, styles, nights),
        table=calibration_table(section.calibration, contenders=list(styles)),
    )


def _before_diversity(parts: list[Part]) -> int:
    titles = [part.title for part in parts]
    later = [titles.index(GROUPS[name][0]) for name in ("diversity", "other") if GROUPS[name][0] in titles]
    return min(later, default=len(parts))


def _facts(days: pd.DataFrame) -> str:
    first, last = int(days["day"].min()), int(days["day"].max())
    num_days, num_seeds = last - first + 1, days["seed"].nunique()
    num_contenders = days["contender"].nunique()
    served = f"days {first} to {last}" if num_days > 1 else f"day {first}"
    who = "One contender" if num_contenders == 1 else f"{num_contenders} contenders, each alone,"
    worlds = "one world" if num_seeds == 1 else f"{num_seeds} worlds, one a seed"
    luck = "" if num_contenders == 1 else " All start from the same morning and meet the same luck."
    return f"{who} served {served} of {worlds}.{luck}"


def _reading(section: ClosedLoopSection, trained: Mapping[str, list[int]]) -> str:
    """How to read the figures."""
    words: list[str] = []
    num_seeds, num_contenders = section.days["seed"].nunique(), section.days["contender"].nunique()
    several = num_seeds > 1
    if several:
        band = "" if num_contenders > MANY_BANDS else "; the band reaches from the lowest seed to the highest"
        words.append(f"Lines are means over seeds{band}.")
    reference = _reference(section)
    if reference is not None:
        words.append(f"The reference is “{reference}”.")
        if several and num_contenders <= MANY_BANDS:
            words.append(
                "Around what others had more than it, the band is the "
                f"{100 * section.level:g} % interval of the difference, paired over seeds."
            )
    if trained:
        named = [f"“{name}”" for name in trained]
        who = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
        were = "was trained again" if len(named) == 1 else "were trained again, each"
        words.append(f"Dotted uprights: nights in which {who} {were} on what it had logged itself.")
    if "requests" in section.days and section.days["requests"].eq(0).any():
        words.append("A gap is a day on which nobody came.")
    return " ".join(words)


def _intervals(section: ClosedLoopSection) -> str:
    """What the intervals in the tables are."""
    if section.summary.empty:
        return ""
    most = int(section.summary["num_seeds"].max())
    if most < 2:
        return "One seed: the tables have no intervals."
    return (
        f"In the tables: means over {most} seeds with {100 * section.level:g} % t-intervals (for "
        "calibration, the lowest and the highest seed). Differences are paired over seeds, and bold where "
        "their interval leaves out 0; among many differences of equals some are bold by chance."
    )
