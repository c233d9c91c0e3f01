"""What puts drift into rows, what it gives back, and what it may be used for.

N rows of the drifted window.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from holdfast.core.arrays import Bools
from holdfast.drift.rows import LABEL_COLUMNS, DriftRows

Kind = Literal["covariate", "sensor", "concept", "label", "policy"]
"""What drifts: who and what comes; what is measured of them; what they do; what is told of it; who chose."""
KINDS: tuple[Kind, ...] = ("covariate", "sensor", "concept", "label", "policy")
SEVERITIES = (0, 1, 2, 3, 4, 5)
"""0 is the identity."""


class Family(StrEnum):
    """What an injector may be used for."""

    TRAINING = "training"
    """Also to augment training rows."""
    EVALUATION = "evaluation"
    """Only to judge, and to choose among models."""
    HELD_OUT = "held_out"
    """Only to judge, in the end: nothing is ever chosen or tuned by it."""


@dataclass(frozen=True)
class Drifted:
    """Rows after a drift, and what it did.

    Attributes:
        rows: with ``source`` into the clean rows; whole requests, with their slots.
        changed_columns: columns whose values may differ from the clean row's at ``source``; none for a
            re-mix, whose rows are copies; None where any may differ.
        changed_rows: rows in which one of those columns may differ, bool ``[N]``; None where any may.
        notes: what a reader has to know: what could not be done, and what was chosen instead.
        figures: realised strength in the injector's own terms, such as ``rows``, ``share_of_rows``,
            ``effective_sample_size``.
    """

    rows: DriftRows
    changed_columns: tuple[str, ...] | None = ()
    changed_rows: Bools | None = None
    notes: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def inputs_changed(self) -> tuple[str, ...]:
        """Features that have to be encoded anew; the others are the clean ones at ``source``."""
        names = [feature.name for feature in self.rows.features]
        if self.changed_columns is None:
            return tuple(names)
        return tuple(name for name in names if name in self.changed_columns)

    def labels_changed(self, clean: DriftRows) -> bool:
        """Whether labels must be made anew from ``rows.view()``; else the clean ones at ``source`` hold."""
        if self.rows.observed_until != clean.observed_until or self.changed_columns is None:
            return True
        return any(name in LABEL_COLUMNS for name in self.changed_columns)


@runtime_checkable
class Injector(Protocol):
    """Puts one kind of drift into rows: pure, seeded, in a nested ladder.

    What a severity changes, every higher one changes too, with the same seed, so that marginals move in one
    direction. Severity 0 gives back the very object that it was given.
    """

    @property
    def kind(self) -> Kind:
        """What drifts; of the class, not a setting."""
        ...

    @property
    def family(self) -> Family:
        """What it may be used for; of the class, not a setting."""
        ...

    @property
    def seeded(self) -> bool:
        """Whether the seed matters: without chance in it, one seed says all."""
        ...

    def fits(self, rows: DriftRows) -> str | None:
        """Why this drift cannot be put into such rows, in words for a report; None if it can."""
        ...

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; ``rows`` are left as they are.

        Args:
            rows: clean, ``[N]``.
            severity: a whole number from 0, which changes nothing, to 5.
            seed: of all that chance decides.

        Raises:
            ValueError: the severity is none.
            UserError: ``fits`` says why not.
        """
        ...

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """How far a marginal of the injector's own moved; 0 for none, and rising with severity."""
        ...


def check_severity(severity: int) -> int:
    """The severity, if it is one.

    Raises:
        ValueError: it is no whole number from 0 to 5.
    """
    if isinstance(severity, (bool, np.bool_)) or not isinstance(severity, (int, np.integer)):
        raise ValueError(f"severity is {severity!r}; give a whole number from 0 (no drift) to 5")
    if severity not in SEVERITIES:
        raise ValueError(f"severity is {severity}; it goes from 0 (no drift) to 5")
    return int(severity)


def unchanged(rows: DriftRows) -> Drifted:
    """Severity 0: the rows themselves."""
    return Drifted(rows, (), np.zeros(len(rows), dtype=np.bool_))
