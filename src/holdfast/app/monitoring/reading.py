"""Logs as they come: what is wrong with a column is a finding, and no reason to refuse the log.

N rows of the log.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.app.monitoring.scored_rows import check_placed
from holdfast.core.errors import UserError
from holdfast.core.files import read_json
from holdfast.data.canonical import COLUMN_NAMES
from holdfast.data.card import DatasetCard
from holdfast.data.history import TrailingHistory
from holdfast.data.log import LOG_FILE, OBSERVED_FILE, VISITS_FILE, Log
from holdfast.monitoring.column_kinds import family_of
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.realised_findings import impossible_values

OUTCOME_FAMILIES = {
    "click": ("boolean", "number", "empty"),
    "dwell_seconds": ("number", "empty"),
    "next_visit_at": ("moment", "empty"),
    "content_seconds": ("number", "empty"),
    "dwell_cut": ("boolean",),
}
"""What the columns that outcomes are told by may hold."""
HISTORY_NEEDS = ("user_id", "item_id", "click")


def read_parquet_log(path: Path, card: DatasetCard, *, inputs: Collection[str]) -> tuple[Log, list[Finding]]:
    """A Parquet file, or a folder of them, as a log; columns may be missing or of another type.

    Args:
        path: a file, a folder that ``Log.write`` made, or a folder of Parquet shards.
        card: of the log that the model was trained on.
        inputs: columns that the model reads; with those of the log contract, all that is read.

    Returns:
        The log, in order of time; and what is wrong with the columns that outcomes are told by, each of which
        is left out.

    Raises:
        UserError: there is nothing to read, or rows cannot be placed in time.
    """
    if not path.exists():
        raise UserError(f"there is no log at {path}; name a Parquet file or a folder of them with log=...")
    shards = _shards(path)
    wanted = dict.fromkeys((*COLUMN_NAMES, *inputs))
    try:
        tables = [
            pq.read_table(shard, columns=[n for n in pq.read_schema(shard).names if n in wanted])
            for shard in shards
        ]
        frame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"cannot read {path} as Parquet ({error}); copy it again") from error
    check_placed(frame, where=f"at {path}")
    frame, unfit = _placed_once(frame)
    frame["shown_at"] = frame["shown_at"].dt.tz_convert("UTC").dt.as_unit("us")
    frame = frame.sort_values("shown_at", kind="stable").reset_index(drop=True)
    frame, found = without_unreadable(frame)
    return Log(frame, card, _observed_until(path, frame)), [*unfit, *found]


def without_unreadable(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """The frame without outcome columns of another type and without clicks that are neither 0 nor 1, and a
    finding for each of them.
    """
    found = []
    for name, families in OUTCOME_FAMILIES.items():
        if name not in frame:
            continue
        family = family_of(frame[name])
        if family == "moment" and not isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            family = "other"
        if family in families and name != "click":
            continue
        if family in families:
            frame, wrong = _possible_clicks(frame)
            found += wrong
            continue
        note = f"{frame[name].dtype} where {' or '.join(families[:-1] or families)} is due: left out"
        found.append(
            Finding(
                where=name,
                kind="type_changed",
                place="outcome",
                n_current=len(frame),
                severity="broken",
                note=note,
            )
        )
        frame = frame.drop(columns=name)
    if "next_visit_at" in frame and not isinstance(frame["next_visit_at"].dtype, pd.DatetimeTZDtype):
        frame["next_visit_at"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    if "dwell_seconds" in frame:
        frame["dwell_seconds"] = frame["dwell_seconds"].astype("float64")
    return frame, found


def with_history(log: Log, history: TrailingHistory, *, inputs: Sequence[str]) -> tuple[Log, list[str]]:
    """The log with trailing counts and rates that the model reads and the log lacks.

    Returns:
        The log, and what a reader must know about the counts.
    """
    lacking = [each.name for each in history.features() if each.name in inputs and each.name not in log.frame]
    if not lacking or not len(log):
        return log, []
    absent = [name for name in HISTORY_NEEDS if name not in log.frame]
    if absent:
        return log, [f"trailing counts cannot be made without {', '.join(absent)}: they count as missing"]
    computed = history.compute(log)
    kept = computed[[name for name in lacking if name in computed]]
    frame = pd.concat([log.frame, kept.set_index(log.frame.index)], axis=1)
    return replace(log, frame=frame), []


def _placed_once(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Rows that have a time, and findings on those without one and on those that are there twice."""
    found = []
    without = int(frame["shown_at"].isna().sum())
    if without:
        found.append(
            impossible_values(
                without, len(frame), kind="unplaced_rows", note="have no time: left out", where="shown_at"
            )
        )
    frame = frame[frame["shown_at"].notna()]
    if {"request_id", "slot"} <= set(frame.columns):
        key = frame[["request_id", "slot"]]
        copies = int((key.notna().all(axis=1) & key.duplicated()).sum())
        if copies:
            note = "have the request_id and slot of an earlier one"
            found.append(
                impossible_values(copies, len(frame), kind="duplicate_rows", note=note, where="request_id")
            )
    return frame, [replace(each, place="frame") for each in found]


def _possible_clicks(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Clicks other than 0 and 1 left unknown, and how many there are."""
    clicks = frame["click"].astype("Float64")
    wrong = (clicks.notna() & ~clicks.isin([0.0, 1.0])).to_numpy(dtype=bool)
    if not wrong.any():
        return frame, []
    frame = frame.assign(click=clicks.mask(pd.Series(wrong, index=frame.index)))
    count = int(wrong.sum())
    return frame, [impossible_values(count, len(frame), where="click", place="outcome")]


def _shards(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if (path / LOG_FILE).is_file():
        return [path / LOG_FILE]
    shards = [each for each in sorted(path.rglob("*.parquet")) if each.name != VISITS_FILE]
    if not shards:
        raise UserError(f"{path} holds no *.parquet; name the folder that the log is in with log=...")
    return shards


def _observed_until(path: Path, frame: pd.DataFrame) -> pd.Timestamp:
    file = (path if path.is_dir() else path.parent) / OBSERVED_FILE
    if file.is_file():
        told = read_json(file)
        if isinstance(told, dict) and isinstance(told.get("observed_until"), str):
            return pd.Timestamp(told["observed_until"]).tz_convert("UTC")
        raise UserError(f"{file} does not say {{'observed_until': '...'}}")
    moments = [
        frame[name].max()
        for name in ("shown_at", "next_visit_at")
        if name in frame and frame[name].notna().any()
    ]
    return max(moments, default=pd.Timestamp(0, tz="UTC")) + pd.Timedelta(1, "us")
