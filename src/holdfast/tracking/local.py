"""The run log in plain files: complete without any service, and the one to believe.

What lies in the run's folder::

    metrics.jsonl     one JSON object a call of log_metrics: its "step" and the values
    summary.json      final figures
    tables/NAME.parquet
    tracking.json     name, group, job type, tags, settings, and whether the run finished or failed

No clock is written, so that two runs that computed the same leave the same files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from holdfast.core.files import read_json, whole_file, write_json
from holdfast.tracking.run_log import Scalar, without_infinities

METRICS_FILE = "metrics.jsonl"
SUMMARY_FILE = "summary.json"
STATE_FILE = "tracking.json"
TABLES_FOLDER = "tables"
_TABLE_NAME = re.compile(r"[A-Za-z0-9_\-][A-Za-z0-9_.\-]*(/[A-Za-z0-9_\-][A-Za-z0-9_.\-]*)*")


class LocalRunLog:
    """Writes a run's log into its folder; see ``RunLog`` for what the methods mean.

    A line is handed to the operating system at once: a process that is killed loses none that it logged.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lines: IO[bytes] | None = None
        self._state: dict[str, Any] = {}

    def start(
        self,
        config: Mapping[str, Any],
        *,
        name: str,
        group: str,
        job_type: str,
        tags: Sequence[str],
        folder: Path,
    ) -> None:
        """Open the files; a line that a killed process left half-written is cut off."""
        if self._folder is not None:
            raise RuntimeError(f"the log in {self._folder} is still open; finish it first")
        folder.mkdir(parents=True, exist_ok=True)
        self._state = {
            "name": name,
            "group": group,
            "job_type": job_type,
            "tags": list(tags),
            "config": without_infinities(config),
        }
        self._folder = folder
        self._write_state("running")
        self._lines = _open_whole_lines(folder / METRICS_FILE)

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Append one line.

        Raises:
            ValueError: a value is named ``step``, which is the name of the x axis.
        """
        if "step" in values:
            raise ValueError("a metric cannot be named 'step': that is the x axis of every curve")
        _, lines = self._opened()
        row = {"step": int(step), **{key: _number(value) for key, value in values.items()}}
        lines.write(json.dumps(row, allow_nan=False).encode() + b"\n")
        lines.flush()

    def log_summary(self, values: Mapping[str, Scalar]) -> None:
        """Add to the summary, keeping what earlier calls and earlier processes said under other names."""
        folder, _ = self._opened()
        path = folder / SUMMARY_FILE
        summary = read_json(path) if path.exists() else {}
        summary.update({key: _scalar(value) for key, value in values.items()})
        write_json(path, summary)

    def log_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write ``tables/NAME.parquet``; a slash in the name makes a folder.

        Raises:
            ValueError: the name would not be a file below ``tables/``.
        """
        folder, _ = self._opened()
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError(
                f"table name {name!r}; use letters, digits, '_', '-', '.', and '/' between parts"
            )
        with whole_file(folder / TABLES_FOLDER / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary)

    def rewind(self, step: int) -> None:
        """Rewrite the metrics without the lines at ``step`` and later."""
        folder, lines = self._opened()
        lines.close()
        path = folder / METRICS_FILE
        with whole_file(path) as temporary, temporary.open("wb") as kept:
            kept.writelines(line for row, line in _rows(path) if row["step"] < step)
        self._lines = path.open("ab")

    def finish(self, *, failed: bool) -> None:
        """Close the files and write down how the run ended."""
        _, lines = self._opened()
        lines.close()
        self._write_state("failed" if failed else "finished")
        self._folder = self._lines = None

    def _opened(self) -> tuple[Path, IO[bytes]]:
        if self._folder is None or self._lines is None:
            raise RuntimeError("the run log is not open; call start first")
        return self._folder, self._lines

    def _write_state(self, state: str) -> None:
        if self._folder is not None:
            write_json(self._folder / STATE_FILE, {**self._state, "state": state}, default=str)


def read_metrics(folder: Path) -> pd.DataFrame:
    """The logged points of a run, one row a line of its metrics file, in the order in which they were logged.

    Returns:
        A column ``step`` and one for each metric ever logged, NaN where a line does not have it; empty where
        the run has logged nothing. A half-written last line is left out.

    Raises:
        ValueError: a line is not a JSON object; the message names it.
    """
    path = folder / METRICS_FILE
    rows = [row for row, _ in _rows(path)] if path.exists() else []
    frame = pd.DataFrame(rows, columns=None if rows else ["step"])
    names = [name for name in frame.columns if name != "step"]
    return frame.astype(dict.fromkeys(names, np.float64) | {"step": np.int64})


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each whole line, parsed and as it stands."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
                row["step"] = int(row["step"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {number}, is not a row of metrics ({error}); remove the line to go on"
                ) from error
            yield row, line


def _open_whole_lines(path: Path) -> IO[bytes]:
    """Open for appending, behind the last line that is whole."""
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("rb+") as handle:
                handle.truncate(whole)
    return path.open("ab")


def _number(value: float) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None


def _scalar(value: Scalar) -> Scalar:
    """A plain Python value: NumPy's own numbers are not known to JSON."""
    plain = value.item() if isinstance(value, np.generic) else value
    return without_infinities(plain)  # type: ignore[no-any-return]
