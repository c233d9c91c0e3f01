"""How the objectives were weighed, epoch by epoch, as a table."""

from __future__ import annotations

import pandas as pd

PREFIX = "balance/"
BALANCE_TABLE = "balance"
COLUMNS = ["epoch", "quantity", "objective", "other", "value"]


def balance_table(epochs: pd.DataFrame) -> pd.DataFrame:
    """Mean weights, mean cosines and the share of batches in conflict out of a training's logged values.

    Args:
        epochs: ``epoch`` and a column a logged value, one row an epoch.

    Returns:
        ``epoch``, ``quantity`` (``weight``, ``cosine`` or ``conflict_share``), ``objective``, ``other`` (of a
        cosine), ``value``; without rows where the weights never changed.
    """
    names = [str(name) for name in epochs.columns if str(name).startswith(PREFIX)]
    objectives = [name.split("/")[2] for name in names if name.startswith(f"{PREFIX}weight/")]
    pairs = {f"{one}_{other}": (one, other) for one in objectives for other in objectives}
    parts = []
    for name in names:
        quantity, _, rest = name.removeprefix(PREFIX).partition("/")
        objective, other = pairs[rest] if quantity == "cosine" else (rest, "")
        about = {"quantity": quantity, "objective": objective, "other": other}
        parts.append(pd.DataFrame({"epoch": epochs["epoch"], **about, "value": epochs[name]}))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def balance_tables(epochs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The table by its name in a run's folder; none where the weights never changed."""
    table = balance_table(epochs)
    return {} if table.empty else {BALANCE_TABLE: table}
