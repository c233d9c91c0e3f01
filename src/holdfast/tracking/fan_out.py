"""One run log that tells several."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.tracking.run_log import RunLog, Scalar


class Fanout:
    """Passes every call on, in the order given: put the log that must not miss anything first."""

    def __init__(self, logs: Sequence[RunLog]) -> None:
        self.logs = tuple(logs)

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
        """Open every log."""
        for log in self.logs:
            log.start(config, name=name, group=group, job_type=job_type, tags=tags, folder=folder)

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Add a point to every log."""
        for log in self.logs:
            log.log_metrics(values, step=step)

    def log_summary(self, values: Mapping[str, Scalar]) -> None:
        """State final figures in every log."""
        for log in self.logs:
            log.log_summary(values)

    def log_table(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a table in every log."""
        for log in self.logs:
            log.log_table(name, frame)

    def rewind(self, step: int) -> None:
        """Rewind every log."""
        for log in self.logs:
            log.rewind(step)

    def finish(self, *, failed: bool) -> None:
        """Close every log, also when closing one of them raises."""
        with contextlib.ExitStack() as closing:
            for log in reversed(self.logs):
                closing.callback(log.finish, failed=failed)
