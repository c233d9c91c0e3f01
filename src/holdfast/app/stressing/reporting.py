"""From what the stage stress left in a run's folder to its part of the report."""

from __future__ import annotations

import pandas as pd

from holdfast.app.report.content import Headline, StressSection
from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.records import prefixes_in, record_of


def stress_sections(folder: RunFolder) -> list[StressSection]:
    """A section a suite that was climbed with the model as it is; none where the stage has not been run."""
    if not folder.is_done("stress"):
        return []
    return [
        StressSection(
            scenarios=pd.read_parquet(folder.tables / f"{prefix}.parquet"),
            days=pd.read_parquet(folder.tables / f"{prefix}_days.parquet"),
            summary=record_of(folder, prefix),
            strength=_table(folder, f"{prefix}_strength"),
            natural=_table(folder, f"{prefix}_natural"),
        )
        for prefix in prefixes_in(folder)
    ]


def _table(folder: RunFolder, name: str) -> pd.DataFrame | None:
    """None for runs that were stressed before there was such a table."""
    path = folder.tables / f"{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else None


def stress_headlines(folder: RunFolder) -> list[Headline]:
    """The ship score of a suite that may be chosen by, the standard one before others, if one was climbed."""
    prefixes = prefixes_in(folder) if folder.is_done("stress") else []
    records = [record_of(folder, prefix) for prefix in prefixes]
    record = next((each for each in records if not each["held_out"]), None)
    score = None if record is None else record["ship_score"]
    if record is None or score is None:
        return []
    return [
        Headline(
            label="ship score",
            value=score["value"],
            low=score["low"],
            high=score["high"],
            context=f"points over the reference ranker, when production moves (suite {record['suite']})",
        )
    ]
