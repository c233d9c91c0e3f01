"""From what the stage stress left in a run's folder to its part of the report."""

from __future__ import annotations

import pandas as pd

from holdfast.app.report.content import Headline, StressSection
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import read_json

PREFIXES = ("stress", "stress_held_out")


def stress_sections(folder: RunFolder) -> list[StressSection]:
    """A section a suite that was climbed with the model as it is; none where the stage has not been run."""
    if not folder.is_done("stress"):
        return []
    return [
        StressSection(
            scenarios=pd.read_parquet(folder.tables / f"{prefix}.parquet"),
            days=pd.read_parquet(folder.tables / f"{prefix}_days.parquet"),
            summary=read_json(folder.stress / f"{prefix}.json"),
            strength=_table(folder, f"{prefix}_strength"),
            natural=_table(folder, f"{prefix}_natural"),
        )
        for prefix in PREFIXES
        if (folder.stress / f"{prefix}.json").is_file()
    ]


def _table(folder: RunFolder, name: str) -> pd.DataFrame | None:
    """None for runs that were stressed before there was such a table."""
    path = folder.tables / f"{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def stress_headlines(folder: RunFolder) -> list[Headline]:
    """The ship score of the suite that may be chosen by, if it was climbed."""
    path = folder.stress / f"{PREFIXES[0]}.json"
    score = read_json(path)["ship_score"] if folder.is_done("stress") and path.is_file() else None
    if score is None:
        return []
    return [
        Headline(
            label="ship score",
            value=score["value"],
            low=score["low"],
            high=score["high"],
            context="points over the reference ranker, when production moves",
        )
    ]
