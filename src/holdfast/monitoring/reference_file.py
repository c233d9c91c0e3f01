"""References as files: one archive of arrays and one JSON text, whole or absent, with a fingerprint.

The exact form keeps its sorted values in a folder of plain arrays that are mapped into memory, not read.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.errors import UserError
from holdfast.core.files import whole_folder
from holdfast.monitoring.column_reference import CategoricalReference, ColumnReference, NumericReference
from holdfast.monitoring.reference import Reference

FORMAT = 1
"""Version of the layout; a file of another version is refused."""

_ARRAYS = ("knots", "below", "upto", "cell_medians", "histogram_edges", "histogram")
_NUMBERS = (
    "num_positive_infinite",
    "num_negative_infinite",
    "rank_error",
    "distance_error",
    "trimmed_distance_error",
    "mean",
    "std",
)


def save_reference(reference: Reference, folder: Path) -> str:
    """Write a reference as a folder; replaces one that is there.

    Args:
        reference: either form.
        folder: ``reference.json``, ``arrays.npz``, ``sample.parquet``, and ``values/`` for the exact form.

    Returns:
        The fingerprint, which ``load_reference`` checks.
    """
    names = list(reference.columns)
    with whole_folder(folder) as temporary:
        arrays: dict[str, np.ndarray] = {}
        described = []
        for place, name in enumerate(names):
            column = reference.columns[name]
            described.append({"name": name, **_described(column)})
            arrays |= {f"{place}.{key}": array for key, array in _arrays(column)}
            if isinstance(column, NumericReference) and column.values is not None:
                (temporary / "values").mkdir(exist_ok=True)
                np.save(temporary / "values" / f"{place}.npy", column.values)
        np.savez_compressed(temporary / "arrays.npz", **arrays)  # type: ignore[arg-type]  # numpy's own stub
        (temporary / "sample.parquet").write_bytes(_sample_bytes(reference.sample))
        text = json.dumps(
            {
                "format": FORMAT,
                "form": reference.form,
                "num_rows": reference.num_rows,
                "start": _text(reference.start),
                "end": _text(reference.end),
                "time_column": reference.time_column,
                "columns": described,
                "fingerprint": _fingerprint(temporary),
            }
        )
        (temporary / "reference.json").write_text(text, encoding="utf-8")
        return _fingerprint(temporary)


def load_reference(folder: Path) -> Reference:
    """Read a reference; the values of the exact form are mapped into memory.

    Raises:
        UserError: there is none, it is of another version, or its files were cut off or edited.
    """
    path = folder / "reference.json"
    if not path.is_file():
        raise UserError(
            f"no reference in {folder}: it has no reference.json; build one with Reference.from_frame"
        )
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
        version = described["format"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no reference ({error}); build it again") from error
    if version != FORMAT:
        raise UserError(
            f"{folder} has format {version}, this version reads {FORMAT}; build the reference again"
        )
    if _fingerprint(folder) != described["fingerprint"]:
        raise UserError(
            f"{folder} does not have the fingerprint it was written with: a file was cut off or edited"
        )
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    columns = {}
    for place, settings in enumerate(described["columns"]):
        held = {key.partition(".")[2]: array for key, array in arrays.items() if key.startswith(f"{place}.")}
        values = folder / "values" / f"{place}.npy"
        name = settings.pop("name")
        columns[name] = _column(settings, held, values if values.exists() else None)
    sample = pd.read_parquet(folder / "sample.parquet")
    return Reference(
        columns=columns,
        num_rows=described["num_rows"],
        form=described["form"],
        sample=sample,
        start=_moment(described["start"]),
        end=_moment(described["end"]),
        time_column=described["time_column"],
    )


def _described(column: ColumnReference) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "family": column.family,
        "kind": column.kind,
        "num_rows": column.num_rows,
        "num_missing": column.num_missing,
    }
    if isinstance(column, NumericReference):
        settings |= {key: getattr(column, key) for key in _NUMBERS}
    if isinstance(column, CategoricalReference):
        settings |= {"labels": list(column.labels), "num_other": column.num_other}
        settings["num_distinct"] = column.num_distinct
    return settings


def _arrays(column: ColumnReference) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(column, NumericReference):
        yield from ((key, getattr(column, key)) for key in _ARRAYS)
    elif isinstance(column, CategoricalReference):
        yield "counts", column.counts


def _column(settings: dict[str, Any], arrays: dict[str, Any], values: Path | None) -> ColumnReference:
    if settings["kind"] == "numeric":
        mapped = None if values is None else _mapped(values)
        return NumericReference(**settings, **arrays, values=mapped)
    if settings["kind"] == "categorical":
        return CategoricalReference(**{**settings, "labels": tuple(settings["labels"])}, **arrays)
    return ColumnReference(**settings)


def _mapped(path: Path) -> np.ndarray:
    if path.stat().st_size <= 128:  # an empty array has nothing to map
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _sample_bytes(sample: pd.DataFrame) -> bytes:
    """Parquet; columns that it cannot hold (mixtures of types) as text."""
    held = sample.copy()
    for name in held.columns:
        try:
            held[[name]].to_parquet(io.BytesIO())
        except (ValueError, TypeError, OverflowError):
            held[name] = held[name].map(str)
    buffer = io.BytesIO()
    held.to_parquet(buffer)
    return buffer.getvalue()


def _fingerprint(folder: Path) -> str:
    """Of the summaries and the sample; of the values only their sizes, so that a load need not read them."""
    digest = hashlib.sha256()
    for name in ("arrays.npz", "sample.parquet"):
        path = folder / name
        digest.update(path.read_bytes() if path.exists() else b"")
    for path in sorted(folder.glob("values/*.npy")):
        digest.update(f"{path.name}:{path.stat().st_size}".encode())
    return digest.hexdigest()


def _text(moment: pd.Timestamp | None) -> str | None:
    return None if moment is None or pd.isna(moment) else pd.Timestamp(moment).isoformat()


def _moment(text: str | None) -> pd.Timestamp | None:
    return None if text is None else pd.Timestamp(text)
