"""Seeds taken together: a line and a band for each contender, and paired differences.

Tables are those of ``ClosedLoopSection``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.app.report.numerals import estimate_decimals, number
from holdfast.evaluation.over_seeds import SeedInterval, mean_over_seeds


def in_words(interval: SeedInterval) -> str:
    """``1.9 (1.2 to 2.6)``; the mean alone where there is no interval."""
    ends = (interval.mean, interval.low, interval.high)
    decimals = estimate_decimals([ends])
    mean, low, high = (number(each, decimals=decimals) for each in ends)
    return mean if np.isnan(interval.low) else f"{mean} ({low} to {high})"


def lead(ahead: pd.Series[float], behind: pd.Series[float], *, level: float) -> SeedInterval:
    """Mean of what one had more than the other, paired over seeds, with its t-interval."""
    return mean_over_seeds((ahead - behind).to_numpy(dtype=float), level=level)


def contenders_of(days: pd.DataFrame) -> list[str]:
    """In the order in which they first appear."""
    return [str(name) for name in dict.fromkeys(days["contender"])]


def by_day(days: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean over seeds, least and most of any seed, by contender and day.

    Seeds in which a figure is not known that day are left out; where none knows it, all three are NaN.

    Returns:
        ``contender``, ``day``, ``mean``, ``low``, ``high``, every day of any contender in order.
    """
    grouped = days.assign(**{column: days[column].astype(float)}).groupby(["contender", "day"], sort=True)
    table = grouped[column].agg(["mean", "min", "max"]).set_axis(["mean", "low", "high"], axis=1)
    every = pd.MultiIndex.from_product(
        [contenders_of(days), sorted(days["day"].unique())], names=["contender", "day"]
    )
    return table.reindex(every).reset_index()


def common_days(days: pd.DataFrame) -> pd.DataFrame:
    """``value_so_far`` of each seed and day on which it is known of every contender.

    Returns:
        A column a contender; index ``seed`` and ``day``.
    """
    table = days.pivot_table(
        index=["seed", "day"], columns="contender", values="value_so_far", dropna=False, observed=True
    )
    return table.reindex(columns=contenders_of(days)).astype(float).dropna().sort_index()


def final_values(days: pd.DataFrame) -> pd.DataFrame:
    """What each contender had brought in by the last day that all of a seed have in common.

    Returns:
        A column a contender, one row a seed; no rows where there is no such day.
    """
    return common_days(days).groupby("seed").last()


def lead_by_day(days: pd.DataFrame, *, reference: str, level: float) -> pd.DataFrame:
    """How far each contender had come ahead of the reference, paired over seeds.

    Returns:
        As of ``by_day``, with ``low`` and ``high`` the t-interval over seeds, for all but the reference.
    """
    values = common_days(days)
    rows = []
    for name in values.columns.drop(reference):
        difference = values[name] - values[reference]
        for day, each in difference.groupby("day"):
            found = mean_over_seeds(each.to_numpy(), level=level)
            rows.append((name, day, found.mean, found.low, found.high))
    return pd.DataFrame(rows, columns=["contender", "day", "mean", "low", "high"])


def calibration_by_day(table: pd.DataFrame, *, objective: str) -> pd.DataFrame:
    r"""Predicted over observed, :math:`\sum n \hat y / \sum n y` over seeds, by contender and day.

    Returns:
        As of ``by_day``; NaN where nothing was observed that day. ``low`` and ``high`` are of single seeds.
    """
    rows = table[table["objective"] == objective].dropna(subset=["predicted", "observed", "n"])
    sums = rows.assign(predicted=rows["predicted"] * rows["n"], observed=rows["observed"] * rows["n"])
    each = _ratio(sums.groupby(["seed", "contender", "day"])[["predicted", "observed"]].sum())
    found = each.groupby(["contender", "day"]).agg(["min", "max"]).set_axis(["low", "high"], axis=1)
    found.insert(0, "mean", _ratio(sums.groupby(["contender", "day"])[["predicted", "observed"]].sum()))
    every = pd.MultiIndex.from_product(
        [contenders_of(rows), sorted(table["day"].unique())], names=["contender", "day"]
    )
    return found.reindex(every).reset_index()


def calibration_of_all_days(table: pd.DataFrame) -> pd.DataFrame:
    """Predicted over observed of all days and seeds together.

    Returns:
        ``contender``, ``objective``, ``ratio``, ``n``, and least and most of any seed as ``low`` and
        ``high``, NaN where there is one seed.
    """
    rows = table.dropna(subset=["predicted", "observed", "n"])
    sums = rows.assign(predicted=rows["predicted"] * rows["n"], observed=rows["observed"] * rows["n"])
    keys = ["contender", "objective"]
    grouped = sums.groupby(keys, sort=False)
    each = _ratio(sums.groupby(["seed", *keys])[["predicted", "observed"]].sum())
    found = pd.DataFrame({"ratio": _ratio(grouped[["predicted", "observed"]].sum()), "n": grouped["n"].sum()})
    ends = each.groupby(keys).agg(["min", "max"]).set_axis(["low", "high"], axis=1)
    return found.join(ends.where(each.groupby(keys).count() > 1)).reset_index()


def _ratio(sums: pd.DataFrame) -> pd.Series[float]:
    observed = sums["observed"].astype(float)
    return sums["predicted"].astype(float) / observed.where(observed > 0)


def trained_before(days: pd.DataFrame) -> dict[str, list[int]]:
    """The days on which something else served than the day before, by contender, in any seed."""
    found: dict[str, list[int]] = {}
    for name in contenders_of(days):
        rows = days[days["contender"] == name].sort_values(["seed", "day"])
        before = rows.groupby("seed")["policy"].shift()
        changed = rows["policy"].ne(before) & before.notna()
        if changed.any():
            found[name] = sorted({int(day) for day in rows.loc[changed, "day"]})
    return found
