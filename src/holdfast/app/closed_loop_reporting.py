"""From what the stage simulate left in a run's folder to the closed loop's part of the report."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from typing import Any

import pandas as pd

from holdfast.app.report.content import ClosedLoopSection
from holdfast.app.run_folder import RunFolder

PRICES = {"click_value": "a click", "second_value": "a second of dwell", "visit_value": "a day with a visit"}


def closed_loop_section(folder: RunFolder, config: Mapping[str, Any]) -> ClosedLoopSection | None:
    """The tables of a finished simulation; None where there is none."""
    if not folder.is_done("simulate"):
        return None
    settings = config.get("simulation") or {}
    return ClosedLoopSection(
        days=pd.read_parquet(folder.tables / "simulation_days.parquet"),
        calibration=_table(folder, "simulation_calibration"),
        summary=_table(folder, "simulation_summary"),
        differences=_table(folder, "simulation_differences"),
        sees_truth=told_the_truth(config.get("policy") or {}),
        worth=worth(settings.get("value") or {}),
        level=float(settings.get("level", 0.95)),
    )


def told_the_truth(contenders: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the contenders whose scorer is an oracle, by the settings of all contenders."""
    found = []
    for name, settings in contenders.items():
        scorer = (settings or {}).get("scorer") or {}
        target = scorer.get("_target_") if isinstance(scorer, Mapping) else None
        if target is not None and _is_oracle(str(target)):
            found.append(str(name))
    return tuple(found)


def worth(value: Mapping[str, Any]) -> str:
    """What a day's value counts, in words, by the settings of ``LongTermValue``."""
    prices = {words: float(value.get(name) or 0.0) for name, words in PRICES.items()}
    return ", ".join(f"{words} counts {price:g}" for words, price in prices.items() if price)


def _is_oracle(target: str) -> bool:
    """Whether a class wants the truth; one that is no longer there cannot be asked, and counts as not."""
    try:
        return hasattr(pkgutil.resolve_name(target), "score_knowing")
    except (ImportError, AttributeError):
        return False


def _table(folder: RunFolder, name: str) -> pd.DataFrame:
    path = folder.tables / f"{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else pd.DataFrame()
