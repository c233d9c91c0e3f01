"""What a user had read before a moment, from a table of whole reading histories.

M impressions, U users.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def all_reads(histories: pa.Table) -> pd.DataFrame:
    """One row a read, sorted by user and time: ``user_id``, ``read_at`` (UTC without a zone), ``article``."""
    lengths = pc.fill_null(pc.list_value_length(histories["article_id_fixed"]), 0).to_numpy()
    moments = pc.list_flatten(histories["impression_time_fixed"]).to_numpy()
    reads = pd.DataFrame(
        {
            "user_id": np.repeat(histories["user_id"].to_numpy().astype(np.int64), lengths),
            "read_at": moments.astype("datetime64[us]"),
            "article": pc.list_flatten(histories["article_id_fixed"]).to_numpy().astype(np.int64),
        }
    )
    return reads.sort_values(["user_id", "read_at"], kind="stable", ignore_index=True)


def reads_before(
    user_id: pd.Series, shown_at: pd.Series, histories: pa.Table, *, max_length: int
) -> pd.Series:
    """The articles that each impression's user had read strictly before it, the last one the most recent.

    Args:
        user_id: ``[M]``.
        shown_at: UTC, ``[M]``.
        histories: one row per user ``[U]``: ``user_id`` and the lists ``impression_time_fixed`` (UTC without
            a zone) and ``article_id_fixed``, of equal length.
        max_length: how many of the most recent ones to keep.

    Returns:
        One int64 array of 0 to ``max_length`` articles an impression, ``[M]``; empty where nothing was read.
    """
    reads = all_reads(histories)
    users, starts = np.unique(reads["user_id"].to_numpy(), return_index=True)
    asked = pd.DataFrame(
        {
            "user_id": user_id.to_numpy(dtype=np.int64, na_value=-1),
            # A row without a moment has no past.
            "shown_at": shown_at.fillna(pd.Timestamp(0, tz="UTC")).to_numpy(dtype="datetime64[us]"),
            "row": np.arange(len(user_id)),
        }
    ).sort_values("shown_at", kind="stable")
    found = pd.merge_asof(
        asked,
        reads.assign(place=np.arange(len(reads))).sort_values("read_at", kind="stable"),
        left_on="shown_at",
        right_on="read_at",
        by="user_id",
        allow_exact_matches=False,
    ).sort_values("row")
    # The read before the impression is the last one to keep; the user's first one bounds the slice below.
    ends = found["place"].fillna(-1).to_numpy().astype(np.int64) + 1
    first = np.zeros(len(found), dtype=np.int64)
    if len(users):
        first = starts[np.searchsorted(users, found["user_id"].to_numpy()).clip(max=len(users) - 1)]
    begins = np.maximum(first, ends - max_length)
    articles = reads["article"].to_numpy()
    cells = np.empty(len(found), dtype=object)
    for row, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        cells[row] = articles[begin:end]
    return pd.Series(cells, dtype=object, index=user_id.index)
