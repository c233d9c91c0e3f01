"""What a run tells the world while it goes: one small interface, whoever listens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pandas as pd

Scalar = float | int | bool | str | None


@runtime_checkable
class RunLog(Protocol):
    """Receives what one run measures.

    The order is ``start``, any number of the others, ``finish``. Steps count rows or batches seen so far and
    are the x axis of every curve. In distributed training only the first rank logs.
    """

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
        """Open the log of a run, or open it again where an interrupted run left it.

        Args:
            config: the resolved settings, plain containers.
            name: what a person calls the run.
            group: what it is averaged with: the seeds of one experiment share a group.
            job_type: what it does, such as ``train`` or ``evaluate``.
            tags: short words to filter by.
            folder: the run's own folder.
        """
        ...

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Add one point to each named curve; NaN and infinities are kept as 'no value'."""
        ...

    def log_summary(self, values: Mapping[str, Scalar]) -> None:
        """State final figures; a later statement of the same name replaces the earlier one."""
        ...

    def log_table(self, name: str, frame: pd.DataFrame) -> None:
        """Keep a table; one of the same name is replaced."""
        ...

    def rewind(self, step: int) -> None:
        """Forget the points at ``step`` and later, because the run resumes there and will log them again."""
        ...

    def finish(self, *, failed: bool) -> None:
        """Close the log and say how the run ended."""
        ...


def without_infinities(value: Any) -> Any:
    """The same plain containers with None for NaN and infinities, which JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): without_infinities(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_infinities(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
