"""What really happened, and why: for judges of models, never for models.

N rows, Q requests, C candidates, W visits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdfast.core.arrays import Ints
from holdfast.simulation.items import Items
from holdfast.simulation.record import Day
from holdfast.simulation.users import Users


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The hidden side of a log; row by row and request by request in the order of the log.

    Attributes:
        impressions: a row an impression, ``[N]``: ``click_probability`` (examination included),
            ``dwell_log_mean``, ``interest``, ``fatigue``, ``quality``, ``clickbait``.
        requests: a row a request, ``[Q]``: ``request_id``, ``slate_propensity``.
        candidates: ``item_id`` of what each request could have shown, ``[Q, C]``.
        visits: a row a visit, ``[W]``: ``user_id``, ``day``, ``hazard``, ``satisfaction_before``,
            ``satisfaction_after``.
        users: of all users; user ``u`` has ``user_id`` u + 1.
        items: of all items; item ``i`` has ``item_id`` i + 1.
    """

    impressions: pd.DataFrame
    requests: pd.DataFrame
    candidates: Ints
    visits: pd.DataFrame
    users: Users
    items: Items


def truth_of(days: Sequence[Day], *, users: Users, items: Items) -> Truth:
    """The truth behind days in the order of the log."""
    return Truth(
        impressions=pd.concat([impression_truth(day, items) for day in days], ignore_index=True),
        requests=pd.concat([request_truth(day) for day in days], ignore_index=True),
        candidates=np.concatenate([day.requests.candidates for day in days]).astype(np.int64) + 1,
        visits=pd.concat([visit_truth(day) for day in days], ignore_index=True),
        users=users,
        items=items,
    )


def impression_truth(day: Day, items: Items) -> pd.DataFrame:
    """A row an impression of a day in order; see ``Truth``."""
    item = day.requests.item.ravel()
    names = ("click_probability", "dwell_log_mean", "interest", "fatigue")
    columns = {name: getattr(day.requests, name).ravel() for name in names}
    return pd.DataFrame({**columns, "quality": items.quality[item], "clickbait": items.clickbait[item]})


def request_truth(day: Day) -> pd.DataFrame:
    """A row a request of a day in order; see ``Truth``."""
    request = day.first_request + np.arange(len(day.requests.user))
    return pd.DataFrame({"request_id": request, "slate_propensity": day.requests.slate_propensity})


def visit_truth(day: Day) -> pd.DataFrame:
    """A row a visit of a day; see ``Truth``."""
    names = ("hazard", "satisfaction_before", "satisfaction_after")
    columns = {name: getattr(day.visits, name) for name in names}
    return pd.DataFrame({"user_id": day.visits.user.astype(np.int64) + 1, "day": day.visits.day, **columns})


def truth_tables(day: Day, items: Items) -> dict[str, pa.Table]:
    """A day's truth as tables for files: what ``read_truth`` puts together again."""
    requests = pa.Table.from_pandas(request_truth(day), preserve_index=False)
    return {
        "impressions": pa.Table.from_pandas(impression_truth(day, items), preserve_index=False),
        "requests": requests.append_column("candidates", _rows_of(day.requests.candidates)),
        "visits": pa.Table.from_pandas(visit_truth(day), preserve_index=False),
    }


def columns_of(people: Users | Items) -> pa.Table:
    """Users or items as a table; a matrix becomes a column of lists."""
    columns = {each.name: getattr(people, each.name) for each in fields(people)}
    return pa.table(
        {name: _rows_of(values) if values.ndim == 2 else pa.array(values) for name, values in columns.items()}
    )


def read_truth(folder: Path) -> Truth:
    """What ``write_truth`` wrote. For judges, never for training."""
    shards = {
        name: sorted((folder / name).glob("*.parquet")) for name in ("impressions", "requests", "visits")
    }
    tables = {
        name: pa.concat_tables([pq.read_table(path) for path in paths]) for name, paths in shards.items()
    }
    return Truth(
        impressions=tables["impressions"].to_pandas(),
        requests=tables["requests"].drop_columns(["candidates"]).to_pandas(),
        candidates=_matrix(tables["requests"]["candidates"]).astype(np.int64) + 1,
        visits=tables["visits"].to_pandas(),
        users=Users(**_arrays(folder / "users.parquet")),
        items=Items(**_arrays(folder / "items.parquet")),
    )


def _arrays(path: Path) -> dict[str, Any]:
    table = pq.read_table(path)
    return {
        field.name: _matrix(table[field.name])
        if pa.types.is_list(field.type)
        else table[field.name].to_numpy()
        for field in table.schema
    }


def _rows_of(matrix: NDArray[Any]) -> pa.Array:
    flat = pa.array(np.ascontiguousarray(matrix).ravel())
    return pa.ListArray.from_arrays(np.arange(len(matrix) + 1, dtype=np.int32) * matrix.shape[1], flat)


def _matrix(lists: pa.ChunkedArray) -> NDArray[Any]:
    flat = lists.combine_chunks().flatten().to_numpy()
    return np.asarray(flat.reshape(len(lists), -1))
