"""Tables from files, and what to tell somebody whose files are not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from holdfast.core.errors import UserError

# Arrow would turn integers with a null into floating numbers, and so blur identities beyond 2^53.
_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}
_BLOCK_BYTES = 1 << 24


def existing_root(root: str, *, dataset: str) -> Path:
    """The folder or file that ``data.root`` names.

    Raises:
        UserError: it does not exist.
    """
    path = Path(root).expanduser()
    if not path.exists():
        raise UserError(f"data.root is {root!r}: no such file or folder; {where_to_get(dataset)}")
    return path


def where_to_get(dataset: str) -> str:
    """The end of every message about a missing file."""
    return f"datasets/{dataset}/README.md says where to get the data and how to lay them out"


def first_file(candidates: Sequence[Path], *, dataset: str) -> Path:
    """The first of the candidates that exists.

    Raises:
        UserError: none does; the message names them all.
    """
    for path in candidates:
        if path.is_file():
            return path
    looked_for = " or ".join(str(path) for path in candidates)
    raise UserError(f"found no {looked_for}; {where_to_get(dataset)}")


def read_arrow(path: Path, *, columns: Sequence[str] | None = None, dataset: str) -> pa.Table:
    """A Parquet file, or those of its columns that are named.

    Raises:
        UserError: the file is not Parquet, or lacks a column.
    """
    try:
        names = pq.read_schema(path).names
        require_columns(path, names, columns or (), dataset=dataset)
        return pq.read_table(path, columns=list(columns) if columns is not None else None)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"cannot read {path} as Parquet ({error}); copy it again") from error


def require_columns(path: Path, found: Sequence[str], wanted: Sequence[str], *, dataset: str) -> None:
    """Refuse a file that lacks a column."""
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UserError(f"{path} lacks the columns {missing}; {where_to_get(dataset)}")


def to_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table in pandas, integers and booleans as they are even where some are null."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get, ignore_metadata=True)
    return frame


def read_table(path: Path, *, dataset: str) -> pd.DataFrame:
    """A small side table, CSV or Parquet by its ending, whole."""
    if path.suffix != ".csv":
        return to_frame(read_arrow(path, dataset=dataset))
    try:
        return to_frame(pa_csv.read_csv(path, convert_options=_csv_options()))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"cannot read {path} as CSV ({error}); copy it again") from error


def stream_integers(path: Path, columns: Sequence[str], *, dataset: str) -> Iterator[pd.DataFrame]:
    """A large table of integers, CSV or Parquet by its ending, piece by piece and only those columns.

    Raises:
        UserError: the file cannot be read, lacks a column, or holds something else than integers there.
    """
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8") as handle:
                require_columns(path, handle.readline().strip().split(","), columns, dataset=dataset)
            read_options = pa_csv.ReadOptions(block_size=_BLOCK_BYTES)
            with pa_csv.open_csv(
                path, read_options=read_options, convert_options=_csv_options(columns)
            ) as stream:
                for batch in stream:
                    yield to_frame(pa.Table.from_batches([batch]))
        else:
            with pq.ParquetFile(path) as file:
                require_columns(path, file.schema_arrow.names, columns, dataset=dataset)
                for batch in file.iter_batches(columns=list(columns), batch_size=1 << 20):
                    yield to_frame(pa.Table.from_batches([batch]))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"cannot read {path} ({error}); copy it again") from error


def _csv_options(integers: Sequence[str] = ()) -> pa_csv.ConvertOptions:
    kept = {"include_columns": list(integers), "column_types": dict.fromkeys(integers, pa.int64())}
    return pa_csv.ConvertOptions(
        null_values=["", "NULL", "null", "nan", "NaN", "NA"],
        strings_can_be_null=True,
        **(kept if integers else {"column_types": {"tag": pa.string(), "upload_dt": pa.string()}}),
    )


def flags(column: pd.Series) -> pd.Series:
    """0 and 1 as booleans; anything else is left for the contract to refuse."""
    return column.astype("boolean") if column.dropna().isin([0, 1]).all() else column
