"""The page of a watch: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from holdfast.app.monitoring import figures
from holdfast.app.monitoring.realised_lines import calibration_lines, loss_lines
from holdfast.app.monitoring.sayings import counted, verdict
from holdfast.app.monitoring.strip import alarm_lines, heat_strip
from holdfast.app.report import numerals
from holdfast.app.report.content import Tone
from holdfast.app.report.svg import inline_svg
from holdfast.monitoring.finding import Finding

TONES: Mapping[str, Tone] = {"retrain": "bad", "repair": "bad", "watch": "mixed", "none": "good"}
TEMPLATE, SECTION = "monitor_page.html.j2", "monitor_section.html.j2"


def monitor_page(told: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    """The results as one HTML document: style and figures inline, no script, nothing from the network.

    Args:
        told: what ``monitor.json`` says.
        findings: all of them, for the strip.
    """
    here = files("holdfast.app.report")
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            view=monitor_view(told, findings),
            style=Markup(here.joinpath("style.css").read_text(encoding="utf-8")),
        )
    )


def monitor_section(told: Mapping[str, Any], findings: Sequence[Finding]) -> Markup:
    """The same as a part of a run's report, which brings the style."""
    template = _environment().get_template(SECTION)
    return Markup(template.render(view=monitor_view(told, findings), level=3))


def monitor_view(told: Mapping[str, Any], findings: Sequence[Finding]) -> dict[str, Any]:
    """What the templates show."""
    calibration, late = pd.DataFrame(told["calibration"]), pd.DataFrame(told["late_labels"])
    free = pd.DataFrame(told["label_free"])
    return {
        "told": told,
        "verdict": verdict(told),
        "tone": TONES[told["action"]],
        "counted": counted(told),
        "strip": heat_strip(told, findings),
        "alarms": alarm_lines(told["alarms"]),
        "named": _named(told["named_findings"]),
        "errors": calibration_lines(told["calibration"]),
        "losses": loss_lines(told["label_free"]),
        "calibration": _svg(figures.calibration_by_day(calibration, late), "calibration by day and head"),
        "label_free": _svg(figures.label_free_by_day(free), "label-free estimates beside realised figures"),
    }


def _svg(figure: Any, description: str) -> Markup | str:
    if figure is None:
        return ""
    return inline_svg(figure, name=f"monitor-{description.split()[0]}", description=description)


def _named(named: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """By column and kind, with the windows in which it was so; those that mean nothing are left out."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in named:
        if each["kind"] in ("new_categories", "not_compared") and each["severity"] == "none":
            continue
        line = found.setdefault((each["where"], each["kind"]), {**each, "windows": 0})
        line["windows"] += 1
    return list(found.values())


def _environment() -> Environment:
    here = files("holdfast.app.monitoring")
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
        "day": _day,
        "date": _date,
    }
    return environment


def _day(value: Any) -> str:
    return numerals.NOTHING if value is None else str(value)[:10]


def _date(day: int) -> str:
    return str(pd.Timestamp(day, unit="D").date())
