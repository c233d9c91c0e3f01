"""From the days of all contenders in all worlds to what they came to.

D days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from holdfast.evaluation.over_seeds import mean_over_seeds
from holdfast.simulation.long_term_value import LongTermValue

MEANS_OVER_DAYS = (
    "active_users",
    "back_from_yesterday",
    "satisfaction",
    "visitor_satisfaction",
    "coverage",
    "gini",
    "topic_entropy",
    "user_concentration",
)
INTERVAL = ["mean", "low", "high", "num_seeds"]


@dataclass(frozen=True)
class SimulationTables:
    """What a simulation came to; docs/closed_loop.md names the columns.

    Attributes:
        days: a row a seed, contender and day.
        calibration: a row a seed, contender, day and objective.
        summary: a row a contender and quantity, over all days served.
        differences: the same of each contender minus the reference, seed by seed.
    """

    days: pd.DataFrame
    calibration: pd.DataFrame
    summary: pd.DataFrame
    differences: pd.DataFrame

    def by_name(self) -> dict[str, pd.DataFrame]:
        """The tables by the names of their files."""
        return {f"simulation_{name}": table for name, table in vars(self).items()}

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Summary and differences by stable names, in plain containers; None for what is not a number."""
        named = {
            f"simulate/{row['contender']}/{row['quantity']}": _entry(row)
            for row in self.summary.to_dict("records")
        }
        for row in self.differences.to_dict("records"):
            named[f"simulate/{row['contender']}_minus_{row['reference']}/{row['quantity']}"] = _entry(row)
        return named


def simulation_tables(
    days: Mapping[tuple[int, str], pd.DataFrame],
    calibration: Mapping[tuple[int, str], pd.DataFrame],
    *,
    value: LongTermValue,
    oracle: str | None,
    reference: str,
    level: float,
) -> SimulationTables:
    """Put together what the contenders left.

    Args:
        days: figures by seed and contender, each with the columns of ``DayFigures``, ``[D]``.
        calibration: by seed and contender.
        value: what a day is worth.
        oracle: the contender that regret is measured to; None for no regret.
        reference: the contender that others are compared with.
        level: of the intervals, in (0, 1).
    """
    judged = {}
    for (seed, contender), table in days.items():
        worth = value.daily(table)
        added = {"value": worth, "value_so_far": worth.fillna(0.0).cumsum()}
        if oracle is not None:
            added["regret"] = value.regret(table, days[seed, oracle])
        judged[seed, contender] = table.assign(**added)
    quantities = pd.DataFrame({key: quantities_of(table) for key, table in judged.items()}).T
    quantities.index.names = ["seed", "contender"]
    return SimulationTables(
        days=_stacked(judged),
        calibration=_stacked(calibration),
        summary=_over_seeds(quantities, level=level),
        differences=_differences(quantities, reference=reference, level=level),
    )


def quantities_of(days: pd.DataFrame) -> dict[str, float]:
    """What one contender in one world came to, from its days in order; per user arrived by the last."""
    last = days.iloc[-1]
    users = float(last["arrived_users"]) or np.nan
    totals = days[["clicks", "impressions", "dwell_seconds", "active_users"]].sum()
    found = {
        "value_so_far": float(last["value_so_far"]),
        **({"regret": float(last["regret"])} if "regret" in days else {}),
        "clicks_per_user": totals["clicks"] / users,
        "visits_per_user": totals["active_users"] / users,
        "dwell_per_user": totals["dwell_seconds"] / users,
        "click_rate": totals["clicks"] / (totals["impressions"] or np.nan),
        "dwell_mean": totals["dwell_seconds"] / (totals["clicks"] or np.nan),
        "gone_users": float(last["gone_users"]),
    }
    # A day without visitors has no diversity; it is left out, and counts as 0 active users.
    return {**found, **{name: float(days[name].mean()) for name in MEANS_OVER_DAYS}}


def _over_seeds(quantities: pd.DataFrame, *, level: float) -> pd.DataFrame:
    """Means over seeds of values by seed and contender, a column a quantity."""
    rows = [
        {"contender": contender, "quantity": name, **vars(mean_over_seeds(each.to_numpy(), level=level))}
        for contender, table in quantities.groupby(level="contender", sort=False)
        for name, each in table.items()
    ]
    return pd.DataFrame(rows, columns=["contender", "quantity", *INTERVAL])


def _differences(quantities: pd.DataFrame, *, reference: str, level: float) -> pd.DataFrame:
    others = quantities.drop(index=reference, level="contender")
    base = quantities.xs(reference, level="contender").reindex(others.index.get_level_values("seed"))
    table = _over_seeds(others - base.to_numpy(), level=level)
    table.insert(1, "reference", reference)
    return table.astype({"reference": "str"})


def _stacked(tables: Mapping[tuple[int, str], pd.DataFrame]) -> pd.DataFrame:
    parts = []
    for (seed, contender), table in tables.items():
        keyed = table.copy()
        keyed.insert(0, "seed", seed)
        keyed.insert(1, "contender", contender)
        parts.append(keyed)
    return pd.concat(parts, ignore_index=True)


def _entry(row: Mapping[Any, Any]) -> dict[str, Any]:
    def number(name: str) -> float | None:
        return float(row[name]) if np.isfinite(row[name]) else None

    return {
        "value": number("mean"),
        "low": number("low"),
        "high": number("high"),
        "num_seeds": int(row["num_seeds"]),
    }
