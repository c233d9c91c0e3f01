"""The counterfactual part of the page: verdict in words, estimates with their status, overlap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from holdfast.app.report.content import CounterfactualSection
from holdfast.app.report.metric_lines import Cell
from holdfast.app.report.numerals import NOTHING, estimate_decimals, number
from holdfast.app.report.plots import panels
from holdfast.app.report.svg import MUTED, SERIES, STYLE, inline_svg

BEHAVIOR = "behavior"
LOGGED_MEAN = "logged_mean"
CAN, CANNOT = "yes", "no"
UNKNOWN, RETURNS = "unknown", "retention"


@dataclass(frozen=True)
class EstimateLine:
    """A row of the table."""

    policy: str
    estimator: str
    value: Cell
    difference: Cell
    effective: str
    status: str
    why: str = ""


@dataclass(frozen=True)
class ObjectivePart:
    """The estimates of one objective."""

    title: str
    lines: list[EstimateLine]

    @property
    def notes(self) -> list[str]:
        """Why the log cannot say, and what would make it say."""
        return [f"{line.policy}, {line.estimator}: {line.why}" for line in self.lines if line.why]


@dataclass(frozen=True)
class CounterfactualView:
    """What the template shows."""

    title: str
    lead: str
    parts: list[ObjectivePart]
    figure: Markup | str
    slots: pd.DataFrame
    note: str


def counterfactual_view(section: CounterfactualSection) -> CounterfactualView:
    """Arrange a section for reading."""
    figure: Markup | str = ""
    if not section.weights.empty:
        figure = inline_svg(
            overlap(section.weights), name="overlap", description="sizes of importance weights by policy"
        )
    slots = section.slots[["policy", "slot", "rows", "effective_sample_size", "mean_weight"]]
    return CounterfactualView(
        title=counterfactual_title(section),
        lead=_lead(section.about),
        parts=[
            ObjectivePart(
                f"{objective}: {section.units.get(objective, '')}", list(_lines(section, objective))
            )
            for objective in dict.fromkeys(section.values["objective"])
        ],
        figure=figure,
        slots=slots,
        note=(
            f"Intervals at {section.about['level']:.0%}, robust to users. A value is that of items in their "
            "slots, one at a time: it does not see what a slate's items do to each other, nor what a long "
            "run under the policy would change. A return the next day follows from the whole slate, so what "
            "one slot changes of it is a part of what the policy would; neither says whether users stay. "
            "The mean weight should be 1."
        ),
    )


def counterfactual_title(section: CounterfactualSection) -> str:
    """The verdict in a line: what the model would have had more of, what less, and what nobody knows.

    A return is not among what a slot earns: it follows from the slate, and is said apart.
    """
    found: dict[str, list[str]] = {}
    for objective in dict.fromkeys(section.values["objective"]):
        found.setdefault(_word(section, objective), []).append(objective)
    policy = section.about["policies"][0]
    unknown = found.pop(UNKNOWN, [])
    if not found:
        return f"The log cannot say what {policy!r} would have earned"
    returns = next((word for word, names in found.items() if RETURNS in names), "")
    words = [
        f"{word} {' and '.join(kept)}"
        for word, names in found.items()
        if (kept := [name for name in names if name != RETURNS])
    ]
    parts = [f"{policy!r} would have had {', '.join(words)}"] if words else []
    if returns:
        parts.append(f"filling one slot at a time, {returns.replace('less', 'fewer')} returns the next day")
    if unknown:
        parts.append(f"of {' and '.join(unknown)} the log cannot say")
    return "Against the behavior policy, " + "; ".join(parts)


def _word(section: CounterfactualSection, objective: str) -> str:
    policy = section.about["policies"][0]
    row = _row(section, policy=policy, objective=objective, versus=BEHAVIOR)
    if row is None or row["status"] != "ok":
        return UNKNOWN
    if row["low"] > 0.0:
        return "more"
    return "less" if row["high"] < 0.0 else "no clear difference in"


def _row(
    section: CounterfactualSection, *, policy: str, objective: str, versus: str, estimator: str | None = None
) -> Mapping[str, Any] | None:
    table = section.values
    wanted = (table["policy"] == policy) & (table["objective"] == objective) & (table["versus"] == versus)
    found = table[wanted]
    for name in section.preferred if estimator is None else (estimator,):
        rows = found[found["estimator"] == name]
        if len(rows):
            return cast("Mapping[str, Any]", rows.iloc[0].to_dict())
    return None


def _lead(about: Mapping[str, Any]) -> str:
    low, high = about["candidates_of_a_request"]
    each = f"{low}" if low == high else f"{low} to {high}"
    blank = f" Asked without {', '.join(about['blank'])}." if about["blank"] else ""
    return (
        f"What models with {about['exploration']} around their ranking would have earned in the "
        f"{about['requests']:,} requests of the test window, which the behavior policy served; {each} "
        f"candidates a request.{blank}"
    )


def _lines(section: CounterfactualSection, objective: str) -> Iterator[EstimateLine]:
    values = section.values[(section.values["objective"] == objective) & (section.values["versus"] == "")]
    for row in cast("list[dict[str, Any]]", values.to_dict("records")):
        policy, estimator = str(row["policy"]), str(row["estimator"])
        of_behavior = policy == BEHAVIOR
        gain = _row(section, policy=policy, objective=objective, versus=BEHAVIOR, estimator=estimator)
        yield EstimateLine(
            policy=policy,
            estimator="logged mean" if estimator == LOGGED_MEAN else estimator,
            value=_cell(row),
            difference=Cell() if gain is None else _cell(gain),
            effective=NOTHING if of_behavior else number(round(float(row["effective_sample_size"]))),
            status=CAN if row["status"] == "ok" else CANNOT,
            why="" if row["status"] == "ok" else str(row["status"]),
        )


def _cell(row: Mapping[str, Any]) -> Cell:
    """Nothing where the log cannot say: a number would be used."""
    if row["status"] != "ok":
        return Cell()
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    decimals = estimate_decimals([(value, low, high)])
    return Cell(
        value=number(value, decimals=decimals),
        interval=f"{number(low, decimals=decimals)} to {number(high, decimals=decimals)}",
    )


def overlap(weights: pd.DataFrame) -> Figure:
    """Share of a policy's weight by size of weight, a panel a policy."""
    names = list(dict.fromkeys(weights["policy"]))
    with mpl.rc_context(STYLE):
        figure, places = panels(len(names), height=200)
        for panel, name in zip(places, names, strict=True):
            rows = weights[(weights["policy"] == name) & (weights["weight_to"] > 0.0)]
            width = rows["weight_to"] - rows["weight_from"]
            panel.bar(
                rows["weight_from"],
                rows["weight_share"],
                width=width,
                align="edge",
                color=SERIES[0],
                alpha=0.85,
            )
            panel.set_xscale("log")
            panel.axvline(1.0, color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
            panel.set_title(name)
            panel.set_xlabel("weight of a row")
            panel.set_ylabel("share of all weight")
    return figure
