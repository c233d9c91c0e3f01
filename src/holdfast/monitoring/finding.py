"""What a detector says about one place in one window."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, runtime_checkable

import pandas as pd

from holdfast.monitoring.pair import ColumnPair, Place

Severity = Literal["none", "slight", "moderate", "large", "broken"]
"""How large the effect is, in words: ``none`` where it may as well be zero (p of 0.05 and above, or smaller
than ``slight``), ``broken`` where the column cannot be compared at all."""


SEVERITY_LEVEL = 0.05
"""The p-value from which on an effect is called ``none``, whatever its size."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One statement about one column, head or slice in one window, with its evidence.

    Attributes:
        where: the column, head or slice; ``*`` where all columns are meant.
        kind: the detector's name (``kolmogorov_smirnov``), or what is wrong (``missing_column``).
        place: what ``where`` is.
        start: first moment of the window; None if the window has no time.
        end: the moment on which the window ends.
        statistic: the detector's statistic; None where it cannot be computed.
        p_value: chance of such a statistic without any change; None where there is none.
        effect: the size of the change, in ``effect_unit``.
        effect_unit: ``share``, ``spreads`` (robust standard deviations), ``index`` ...
        interval: 95 % interval of the effect; None where none is known.
        n_reference: rows of the reference that were compared.
        n_current: rows of the window that were compared.
        severity: the effect in words.
        note: one sentence for a reader.
    """

    where: str
    kind: str
    place: Place = "feature"
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    statistic: float | None = None
    p_value: float | None = None
    effect: float | None = None
    effect_unit: str = ""
    interval: tuple[float, float] | None = None
    n_reference: int = 0
    n_current: int = 0
    severity: Severity = "none"
    note: str = ""

    def as_row(self) -> dict[str, Any]:
        """Its fields as one row of a table; the interval as ``effect_low`` and ``effect_high``."""
        # Not ``asdict``, which copies every value deeply: there are thousands of findings in a reference.
        row = {each.name: getattr(self, each.name) for each in fields(self)}
        low, high = row.pop("interval") or (None, None)
        return {**row, "effect_low": low, "effect_high": high}


@runtime_checkable
class Detector(Protocol):
    """Compares one column of a window with its reference."""

    @property
    def name(self) -> str:
        """The kind that its findings have."""
        ...

    def applies_to(self, kind: str) -> bool:
        """Whether it can compare columns of this kind (``numeric``, ``categorical``, ``moment``,
        ``other``).
        """
        ...

    def test(self, pair: ColumnPair) -> Finding:
        """Compare; what cannot be compared is a finding too, without a statistic."""
        ...


def severity_of(
    effect: float | None, p_value: float | None, *, slight: float, moderate: float, large: float
) -> Severity:
    """The word for an effect: ``none`` where ``p_value`` is 0.05 or above or nothing was computed."""
    if effect is None or (p_value is not None and p_value >= SEVERITY_LEVEL):
        return "none"
    size = abs(effect)
    if size >= large:
        return "large"
    if size >= moderate:
        return "moderate"
    return "slight" if size >= slight else "none"


def finding_about(pair: ColumnPair, *, kind: str, **evidence: Any) -> Finding:
    """A finding on the column and window of ``pair``; ``evidence`` are the other fields of ``Finding``."""
    return Finding(where=pair.name, kind=kind, place=pair.place, start=pair.start, end=pair.end, **evidence)


def not_computed(pair: ColumnPair, kind: str) -> Finding:
    """A finding without a statistic, because one side holds nothing that the detector could compare."""
    return finding_about(
        pair,
        kind=kind,
        n_reference=pair.reference.num_rows - pair.reference.num_missing,
        n_current=pair.current.num_rows - pair.current.num_missing,
        note="nothing to compare: one side holds no value of the kind that this detector reads",
    )
