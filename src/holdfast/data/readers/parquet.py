"""Reader of the canonical form: Parquet with a dataset card beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.core.errors import UserError
from holdfast.core.files import read_json
from holdfast.data.canonical import COLUMN_NAMES, OPTIONAL_COLUMNS
from holdfast.data.card import DatasetCard, read_card
from holdfast.data.contract import accept
from holdfast.data.faults import check_on_bad_rows
from holdfast.data.log import CARD_FILE, LOG_FILE, OBSERVED_FILE, VISITS_FILE, Log
from holdfast.data.readers.tables import existing_root, read_arrow, to_frame, where_to_get

DATASET = "canonical"


@dataclass(frozen=True, kw_only=True)
class ParquetLog:
    """A log in the canonical form.

    Attributes:
        root: a folder that ``Log.write`` made, a Parquet file, or a folder of Parquet shards, which are read
            in the order of their names. ``visits.parquet`` beside them tells of visits that left no row.
        on_bad_rows: ``refuse``, or ``quarantine`` to set aside rows that break the contract.
        card: the dataset card; None for ``card.yaml`` in the folder, or beside the file.
        observed_until: the moment, ISO 8601 with its offset from UTC, before which the log knows everything
            that happened. None for what ``observed.json`` says, and without that for the last moment that
            the log itself shows. Then the day of that moment counts as cut short, and is not evaluated: give
            the moment if you know it.
    """

    root: str
    on_bad_rows: str = "refuse"
    card: str | None = None
    observed_until: str | None = None

    def __post_init__(self) -> None:
        check_on_bad_rows(self.on_bad_rows)

    def read(self) -> Log:
        """Read the columns that the contract and the card name, and check them.

        Raises:
            UserError: files are missing, or the log breaks the contract.
        """
        root = existing_root(self.root, dataset=DATASET)
        folder = root if root.is_dir() else root.parent
        card = read_card(Path(self.card).expanduser() if self.card else folder / CARD_FILE)
        frame = to_frame(_read_shards(_shards(root), card))
        return accept(
            frame,
            card,
            observed_until=self._observed_until(folder, frame),
            on_bad_rows=self.on_bad_rows,
            where=f"at {root}",
            visits=_read_visits(folder),
        )

    def _observed_until(self, folder: Path, frame: pd.DataFrame) -> pd.Timestamp:
        if self.observed_until is not None:
            return _moment(self.observed_until, origin="data.observed_until")
        if (folder / OBSERVED_FILE).is_file():
            values = read_json(folder / OBSERVED_FILE)
            if not isinstance(values, dict) or not isinstance(values.get("observed_until"), str):
                raise UserError(f"{folder / OBSERVED_FILE} does not say {{'observed_until': '...'}}")
            return _moment(values["observed_until"], origin=str(folder / OBSERVED_FILE))
        moments = [frame[name].max() for name in ("shown_at", "next_visit_at") if _has_moments(frame, name)]
        # Without a moment of the right type the contract refuses the log in any case.
        last = max(moments, default=pd.Timestamp(0, tz="UTC"))
        return last.tz_convert("UTC").as_unit("us") + pd.Timedelta(1, "us")


def _moment(text: str, *, origin: str) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(text)
    except ValueError as error:
        raise UserError(f"{origin} is {text!r}; write a moment such as 2024-05-01T00:00:00+00:00") from error
    if pd.isna(moment) or moment.tzinfo is None:
        raise UserError(f"{origin} is {text!r}; add its offset from UTC, such as +00:00")
    return moment.tz_convert("UTC")


def _has_moments(frame: pd.DataFrame, name: str) -> bool:
    zoned = name in frame and isinstance(frame[name].dtype, pd.DatetimeTZDtype)
    return zoned and bool(frame[name].notna().any())


def _read_visits(folder: Path) -> pd.DataFrame | None:
    path = folder / VISITS_FILE
    return to_frame(read_arrow(path, dataset=DATASET)) if path.is_file() else None


def _shards(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    if (root / LOG_FILE).is_file():
        return [root / LOG_FILE]
    found = sorted(root.glob("*.parquet")) or sorted(root.rglob("*.parquet"))
    shards = [path for path in found if path.name != VISITS_FILE]
    if not shards:
        raise UserError(f"found no {root / LOG_FILE} and no other *.parquet in it; {where_to_get(DATASET)}")
    return shards


def _read_shards(shards: list[Path], card: DatasetCard) -> pa.Table:
    optional = (column.name for column in OPTIONAL_COLUMNS)
    wanted = dict.fromkeys((*COLUMN_NAMES, *optional, *(feature.name for feature in card.features)))
    tables = []
    for shard in shards:
        try:
            present = pq.read_schema(shard).names
        except (pa.ArrowException, OSError) as error:
            raise UserError(f"cannot read {shard} as Parquet ({error}); copy it again") from error
        columns = [name for name in wanted if name in present]
        tables.append(read_arrow(shard, columns=columns, dataset=DATASET))
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise UserError(
            f"the shards {shards[0].name} to {shards[-1].name} in {shards[0].parent} differ in the type of a "
            f"column ({error}); write them with one schema, timestamps in UTC"
        ) from error
