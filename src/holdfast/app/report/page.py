"""The page: one HTML file that needs nothing else, on screen, in the dark and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from holdfast.app.monitoring.page import monitor_section
from holdfast.app.report import numerals, plots
from holdfast.app.report.balance import balance_view
from holdfast.app.report.closed_loop.view import loop_view
from holdfast.app.report.content import ReportContent
from holdfast.app.report.counterfactual import counterfactual_view
from holdfast.app.report.fusion import fusion_view
from holdfast.app.report.gates import gates_view
from holdfast.app.report.metric_lines import metric_table
from holdfast.app.report.stress import stress_view
from holdfast.app.report.svg import inline_svg

OBJECTIVES = {
    "click": "Click",
    "dwell": "Dwell",
    "retention": "Retention",
    "ranking": "Ranking by the fused score",
}
"""Parts of the results in the order of the page; others follow under their own names."""
_NOT_MEASURED = "this run did not measure it"
_SHARES = ("share_matured", "clipped_share")
_MOMENTS = ("start", "end", "as_of")


def build_report(content: ReportContent) -> str:
    """The report as one HTML document: style and figures inline, no script, nothing from the network."""
    here = files("holdfast.app.report")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: here.joinpath(name).read_text(encoding="utf-8")),
    )
    environment.filters |= {
        "number": numerals.number,
        "percent": numerals.percent,
        "moment": numerals.moment,
        "size": numerals.size,
        "cell": _cell,
        "numeric": lambda frame, name: pd.api.types.is_numeric_dtype(frame[name]),
        "heading": _heading,
        "interval": _interval,
        "headline": _headline_value,
    }
    section = content.closed_loop
    loop = None if section is None or section.days.empty else loop_view(section)
    return environment.get_template("report.html.j2").render(
        content=content,
        style=Markup(here.joinpath("style.css").read_text(encoding="utf-8")),
        results=list(_results(content)),
        measured_anything=bool(content.metrics or content.calibration),
        closed_loop=loop,
        loop_first=loop is not None and not content.metrics,
        loop_is_the_verdict=loop is not None and loop.verdict == content.verdict,
        looks={entry.name: entry.css for entry in loop.legend} if loop is not None else {},
        fusion=None if content.fusion is None else fusion_view(content.fusion),
        counterfactual=None
        if content.counterfactual is None
        else counterfactual_view(content.counterfactual),
        stress=[stress_view(section) for section in content.stress],
        monitor=None
        if content.monitor is None
        else monitor_section(content.monitor.told, content.monitor.findings),
        daily=_daily(content),
        learning=_learning(content),
        timeline=_timeline(content),
        manifest=list(_flat(content.manifest)),
        why=lambda part: content.absent.get(part, _NOT_MEASURED),
        rows=_rows,
    )


def _results(content: ReportContent) -> Iterator[dict[str, Any]]:
    """What the results section shows of each objective."""
    others = dict.fromkeys((*content.metrics, *content.calibration))
    for index, name in enumerate(dict.fromkeys((*OBJECTIVES, *others))):
        table = metric_table(content.metrics.get(name, ()), objective=name)
        calibration = content.calibration.get(name)
        figure: Markup | str = ""
        if calibration is not None and len(calibration.table):
            figure = inline_svg(
                plots.calibration(calibration),
                name=f"calibration-{index}",
                description=f"{name}: predicted {calibration.outcome} beside observed",
            )
        yield {
            "name": name,
            "title": OBJECTIVES.get(name, _heading(name)),
            "table": table if table.lines else None,
            "figure": figure,
            "why": content.absent.get(name, _NOT_MEASURED),
        }


def _daily(content: ReportContent) -> Markup | str:
    if content.daily.empty or content.daily["value"].isna().all():
        return ""
    return inline_svg(plots.daily(content.daily), name="daily", description="metrics by day with intervals")


def _learning(content: ReportContent) -> Markup | str:
    section = content.learning
    if section is None or section.curves.empty or not any("/" in name for name in section.curves.columns):
        return ""
    figure = plots.learning_curves(section.curves, best_epoch=section.best_epoch)
    curves = inline_svg(figure, name="learning", description="training and validation losses by epoch")
    return curves + balance_view(section) + gates_view(section)


def _timeline(content: ReportContent) -> Markup | str:
    if content.data is None or not {"name", *_MOMENTS} <= set(content.data.windows.columns):
        return ""
    figure = plots.timeline(content.data.windows)
    return inline_svg(figure, name="windows", description="the windows of the split along time")


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _heading(name: str) -> str:
    """A column's name in words."""
    text = str(name).removeprefix("num_").replace("_", " ")
    return text[:1].upper() + text[1:]


def _cell(value: Any, column: str) -> str:
    """A value of a table, by what its column holds."""
    if column in _SHARES:
        return numerals.percent(value)
    if column in _MOMENTS:
        return numerals.moment(value)
    if column == "size_bytes":
        return numerals.size(value)
    if isinstance(value, str):
        return value
    return numerals.number(value)


def _headline_value(headline: Any) -> str:
    decimals = numerals.estimate_decimals([(headline.value, headline.low, headline.high)])
    return numerals.number(headline.value, decimals=decimals)


def _interval(headline: Any) -> str:
    if headline.low is None or headline.high is None:
        return ""
    decimals = numerals.estimate_decimals([(headline.value, headline.low, headline.high)])
    low, high = (numerals.number(end, decimals=decimals) for end in (headline.low, headline.high))
    return f"{low} to {high}"


def _flat(values: Mapping[str, Any], *, above: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as pairs of a dotted name and a text."""
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, above=f"{name}.")
        elif isinstance(value, list | tuple):
            yield name, " ".join(str(each) for each in value)
        else:
            yield name, numerals.NOTHING if value is None else str(value)
