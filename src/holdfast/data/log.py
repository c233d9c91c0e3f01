"""The log: one row per impression, and the one way to look at it, as of a moment.

N rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdfast.core.arrays import Ints
from holdfast.core.files import whole_folder, write_json
from holdfast.data.card import DatasetCard

LOG_FILE = "log.parquet"
VISITS_FILE = "visits.parquet"
CARD_FILE = "card.yaml"
OBSERVED_FILE = "observed.json"


@dataclass(frozen=True)
class Log:
    """A table of impressions with the card that explains it.

    Attributes:
        frame: contract columns and features, sorted by ``shown_at`` (UTC), index 0 to N - 1. A view made by
            ``as_of`` also has ``dwell_cut`` (bool): dwell that was still going on at that moment.
        card: what the columns mean.
        observed_until: the log knows what happened strictly before this moment, in UTC.
        quarantined: rows that broke the contract and were set aside, with the ``rule`` that each broke.
        visits: ``user_id`` and ``visited_at`` (UTC) of visits that left no row here, for logs that hold only
            a part of what users did; None where every visit left a row.
    """

    frame: pd.DataFrame
    card: DatasetCard
    observed_until: pd.Timestamp
    quarantined: pd.DataFrame | None = None
    visits: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def as_of(self, moment: pd.Timestamp) -> Log:
        """What could have been known at ``moment``: the only way to look at a log.

        Rows shown at or after the moment are gone. A visit at or after it has not happened yet, so
        ``next_visit_at`` is null. A dwell that was still going on is cut off there and marked in
        ``dwell_cut``. A click is taken as known when it happens, at ``shown_at``.

        A view of a view is the view of the earlier moment.
        """
        moment = min(moment, self.observed_until)
        shown_at = self.frame["shown_at"]
        frame = self.frame[(shown_at < moment).to_numpy()].reset_index(drop=True)
        if "next_visit_at" in frame:
            frame["next_visit_at"] = frame["next_visit_at"].where(frame["next_visit_at"] < moment)
        if "dwell_seconds" in frame:
            elapsed = (moment - frame["shown_at"]).dt.total_seconds().to_numpy()
            dwell = frame["dwell_seconds"].to_numpy(dtype=np.float64)
            # Not '>': an end at the moment itself is, like a visit at the moment, not known yet.
            going_on = dwell >= elapsed
            earlier = frame["dwell_cut"].to_numpy() if "dwell_cut" in frame else False
            frame["dwell_seconds"] = np.where(going_on, elapsed, dwell)
            frame["dwell_cut"] = going_on | earlier
        visits = self.visits
        if visits is not None:
            visits = visits[(visits["visited_at"] < moment).to_numpy()].reset_index(drop=True)
        return replace(self, frame=frame, observed_until=moment, visits=visits)

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> Log:
        """The rows shown in [start, end); what is known of them does not change."""
        shown_at = self.frame["shown_at"]
        inside = ((shown_at >= start) & (shown_at < end)).to_numpy()
        return replace(self, frame=self.frame[inside].reset_index(drop=True))

    def local_days(self) -> Ints:
        """Day of each row in the card's time zone, as days since 1970-01-01, int64 ``[N]``."""
        return local_days(self.frame["shown_at"], self.card.time_zone)

    def fingerprint(self) -> str:
        """A hash of every value and of the card: the same for the same data, in whatever file it lay."""
        digest = hashlib.sha256(str(self.card.to_dict()).encode())
        digest.update(str(self.observed_until).encode())
        for frame in (self.frame, self.visits):
            if frame is None:
                continue
            for name in sorted(frame.columns):
                column = frame[name]
                digest.update(name.encode())
                if column.dtype == object:
                    lists = list_array(column)
                    if pa.types.is_list(lists.type):
                        lengths = pc.fill_null(pc.list_value_length(lists), -1)
                        digest.update(lengths.to_numpy(zero_copy_only=False).astype(np.int64).tobytes())
                        lists = pc.list_flatten(lists)
                    column = pd.Series(lists.to_pandas())
                digest.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
        return digest.hexdigest()

    def write(self, folder: Path) -> None:
        """Write the canonical form into a folder, ``visits.parquet`` only where visits left no rows."""
        with whole_folder(folder) as temporary:
            write_rows(temporary / LOG_FILE, self.frame)
            if self.visits is not None:
                write_rows(temporary / VISITS_FILE, self.visits)
            self.card.write(temporary / CARD_FILE)
            write_json(temporary / OBSERVED_FILE, {"observed_until": self.observed_until.isoformat()})


@runtime_checkable
class LogSource(Protocol):
    """Whatever a log can be read from: files in a public format, or a world that makes it up."""

    def read(self) -> Log:
        """Read, check and return the whole log.

        Raises:
            UserError: the files are missing, or the log breaks the contract.
        """
        ...


def list_array(column: pd.Series) -> pa.ListArray:
    """A column of lists as Arrow holds it: values one after the other, ``[N]`` lists."""
    try:
        return pa.array(column, from_pandas=True)
    except pa.ArrowException:
        # An empty array of numbers among text; as a list it has no type of its own.
        return pa.array([None if value is None else list(value) for value in column])


def write_rows(path: Path, frame: pd.DataFrame) -> None:
    """Write rows of a log as Parquet; an empty list takes the type of its column's other lists."""
    columns = {
        str(name): list_array(frame[name])
        if frame[name].dtype == object
        else pa.array(frame[name], from_pandas=True)
        for name in frame.columns
    }
    pq.write_table(pa.table(columns), path)


def local_days(moments: pd.Series, time_zone: str) -> Ints:
    """Days since 1970-01-01 in a time zone, int64 ``[N]``; null moments become the smallest int64."""
    local = moments.dt.tz_convert(time_zone).dt.tz_localize(None)
    return np.asarray(local.to_numpy().astype("datetime64[D]").astype(np.int64))


def local_day(moment: pd.Timestamp, time_zone: str) -> int:
    """Day of one moment in a time zone, as days since 1970-01-01."""
    return int(local_days(pd.Series([moment]), time_zone)[0])


def local_midnight(day: int, time_zone: str) -> pd.Timestamp:
    """Start of a local day, in UTC; ``day`` counts from 1970-01-01."""
    naive = pd.Timestamp(day, unit="D")
    # Where the clocks skip midnight, the day starts when they go on.
    local = naive.tz_localize(time_zone, nonexistent="shift_forward", ambiguous=True)
    return local.tz_convert("UTC")
