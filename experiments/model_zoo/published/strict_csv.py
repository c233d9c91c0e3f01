"""Columns of a CSV file of which every line has to be what the schema says, told with the line that is not.

N rows of the file.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from holdfast.core.errors import UserError

Columns = dict[str, NDArray[Any]]
_ROW = re.compile(r"Row #(\d+): ")


def first_of(folder: Path, names: Sequence[str], *, dataset: str) -> Path:
    """The first of the names that is a file in the folder.

    Raises:
        UserError: the folder is not there, or none of the files is.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; {where_to_get(dataset)}")
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"found no {' or '.join(names)} in {folder}; {where_to_get(dataset)}")


def where_to_get(dataset: str) -> str:
    """The end of every message about files."""
    return f"datasets/{dataset}/README.md says where to get the data and how to lay them out"


def read_columns(
    path: Path, types: Mapping[str, pa.DataType], *, dataset: str, header: Sequence[str] | None = None
) -> Columns:
    """Those columns of a CSV file, compressed or not; blank lines are passed over.

    Args:
        path: ``.gz`` is read as such.
        types: of the columns to read: a floating or a string type.
        dataset: whose README says how the file has to be.
        header: names of all columns where the file has no line of names.

    Returns:
        By name, ``[N]`` each; strings as Python strings without spaces around them.

    Raises:
        UserError: a column is missing, a line has more or fewer values, or a value is absent, no number or
            not finite; with the first line at fault.
    """
    if header is None:
        _require(path, types, dataset=dataset)
    try:
        table = _read(path, types, header, threads=True)
    except pa.ArrowInvalid:
        table = _again(path, types, header, dataset=dataset)
    except OSError as error:
        raise UserError(f"cannot read {path} ({error}); copy it again") from error
    if not table.num_rows:
        raise UserError(f"{path} holds no rows; {where_to_get(dataset)}")
    columns: Columns = {}
    for name in types:
        column = table.column(name)
        # Both forms of all columns at once would be twice the memory.
        table = table.drop_columns([name])
        columns[name] = _values(path, name, column, has_header=header is None)
    return columns


def refuse_row(path: Path, wrong: NDArray[np.bool_], said: str, *, has_header: bool) -> None:
    """Refuse a file in which any row is wrong, ``[N]``, with the first line at fault."""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        more = int(wrong.sum()) - 1
        others = f", and so {more} more" if more else ""
        raise UserError(f"{path}: line {_line_of(path, row + 1 + has_header)}: {said}{others}; copy it again")


def binary(path: Path, name: str, values: NDArray[Any], *, has_header: bool) -> NDArray[np.float32]:
    """A column of labels, ``[N]``, each 0 or 1."""
    wrong = (values != 0) & (values != 1)
    refuse_row(path, wrong, f"{name} is neither 0 nor 1", has_header=has_header)
    return values.astype(np.float32)


def codes(path: Path, name: str, values: NDArray[Any], *, has_header: bool) -> NDArray[np.int64]:
    """A column of whole numbers that stand for something, ``[N]``."""
    wrong = values != np.floor(values)
    refuse_row(path, wrong, f"{name} is not a whole number", has_header=has_header)
    return values.astype(np.int64)


def _require(path: Path, wanted: Mapping[str, pa.DataType], *, dataset: str) -> None:
    with opened(path) as file:
        found = file.readline().strip().split(",")
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UserError(f"{path} lacks the columns {missing}; {where_to_get(dataset)}")


def _read(
    path: Path, types: Mapping[str, pa.DataType], header: Sequence[str] | None, *, threads: bool
) -> pa.Table:
    return pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(use_threads=threads, column_names=header),
        parse_options=pa_csv.ParseOptions(quote_char=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(types),
            include_columns=list(types),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _again(
    path: Path, types: Mapping[str, pa.DataType], header: Sequence[str] | None, *, dataset: str
) -> pa.Table:
    """Read one line after the other, which is slower, because only then is the line at fault told."""
    try:
        return _read(path, types, header, threads=False)
    except pa.ArrowInvalid as error:
        said = str(error)
        found = _ROW.search(said)
        where = f"line {_line_of(path, int(found.group(1)))}: " if found else ""
        raise UserError(
            f"{path}: {where}{_ROW.sub('', said).removeprefix('CSV parse error: ')}; copy it again, or see "
            f"datasets/{dataset}/README.md"
        ) from error


def _values(path: Path, name: str, column: pa.ChunkedArray, *, has_header: bool) -> NDArray[Any]:
    absent = np.asarray(column.is_null().to_numpy())
    refuse_row(path, absent, f"{name} is empty", has_header=has_header)
    values: NDArray[Any] = np.asarray(column.to_numpy())
    if pa.types.is_floating(column.type):
        refuse_row(path, ~np.isfinite(values), f"{name} is not finite", has_header=has_header)
        return values
    text = np.array([value.strip() for value in values], dtype=object)
    refuse_row(path, text == "", f"{name} is empty", has_header=has_header)
    return text


def _line_of(path: Path, row: int) -> int:
    """The line of the file, from 1, that holds the ``row``-th line which is not blank."""
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            row -= bool(line.strip("\r\n"))
            if row == 0:
                return number
    raise AssertionError(f"{path} has fewer rows than were read of it")


def opened(path: Path) -> IO[str]:
    """A text file, compressed or not; bytes that are no UTF-8 are kept as stand-ins."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace")
    return path.open(encoding="utf-8", errors="replace")
