"""One column of the reference beside the same column of a window."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ColumnPair:
    """What a detector compares (being filled in)."""

    name: str
