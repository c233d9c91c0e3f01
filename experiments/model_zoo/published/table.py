"""What was published beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from scipy.stats import t as student

FIGURES = Path(__file__).parent / "figures.yaml"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published result.

    Attributes:
        model: as its source calls it.
        mixture: the mixture of ours that it is held against; empty where there is none.
        auc: by task.
        source: key of the source.
    """

    model: str
    mixture: str
    auc: dict[str, float]
    source: str


def published(benchmark: str, country: str = "") -> tuple[list[Figure], dict[str, str]]:
    """The figures of a benchmark, in the order of the file, and where each source is to be found."""
    given: Any = yaml.safe_load(FIGURES.read_text(encoding="utf-8"))
    groups = [
        group
        for group in given["groups"]
        if group["benchmark"] == benchmark and group.get("country", "") == country
    ]
    figures = [
        Figure(
            model=row["model"],
            mixture=row.get("mixture", ""),
            auc=dict(zip(group["tasks"], row["auc"], strict=True)),
            source=group["source"],
        )
        for group in groups
        for row in group["rows"]
    ]
    return figures, {figure.source: given["sources"][figure.source] for figure in figures}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower end, mean and upper end of a mean's 95 % interval, by Student's t; NaN ends for one value."""
    numbers = np.asarray(values, dtype=np.float64)
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return float("nan"), mean, float("nan")
    half = float(student.ppf(0.975, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers)))
    return mean - half, mean, mean + half


def markdown(
    figures: Sequence[Figure],
    runs: pd.DataFrame,
    *,
    tasks: Sequence[str],
    mixtures: Sequence[str],
    tolerance: Mapping[str, float],
) -> str:
    """One row a published figure, and one a mixture that has none; cells without a run are empty.

    Args:
        figures: what was published.
        runs: ``mixture``, ``seed`` and the AUC of each task, one row a run; may be empty.
        tasks: the columns.
        mixtures: that were asked for.
        tolerance: how far from the published AUC a reproduction may be, by task.
    """
    own = [
        Figure(model="none", mixture=name, auc={}, source="")
        for name in dict.fromkeys(mixtures)
        if name not in {figure.mixture for figure in figures}
    ]
    head = ["published model", "mixture here"]
    for task in tasks:
        head += [f"{task}: published", f"{task}: here"]
    lines = [_line(head), _line(["---"] * len(head))]
    for figure in (*figures, *own):
        cells = [f"{figure.model} {figure.source}".strip(), figure.mixture]
        for task in tasks:
            value = figure.auc.get(task)
            cells += ["" if value is None else _as_published(value), _cell(runs, figure, task, tolerance)]
        lines.append(_line(cells))
    return "\n".join(lines)


def _cell(runs: pd.DataFrame, figure: Figure, task: str, tolerance: Mapping[str, float]) -> str:
    """Mean and interval over seeds; the difference to the published value, and whether it is within."""
    if runs.empty or not figure.mixture:
        return ""
    values = runs.loc[runs["mixture"] == figure.mixture, task].astype("float64")
    if values.empty:
        return ""
    low, mean, high = interval(values.tolist())
    text = digits(mean) if np.isnan(low) else f"{digits(mean)} [{digits(low)}, {digits(high)}]"
    if task not in figure.auc:
        return text
    difference = mean - figure.auc[task]
    # Published values have four digits or five; what is beyond is the rounding of sums.
    verdict = "within" if round(abs(difference), 6) <= tolerance[task] else "outside"
    return f"{text} ({difference:+.4f}, {verdict} {tolerance[task]:g})"


def digits(value: float) -> str:
    """Four digits, as AUCs are published."""
    return f"{value:.4f}"


def _as_published(value: float) -> str:
    """Four digits, or five where a source has them."""
    return digits(value) if round(value, 4) == value else f"{value:.5f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
