"""Items are withdrawn: what would have been shown of them was not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Ints
from holdfast.core.random import generator
from holdfast.drift.changed import told
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import num_units, unit_codes


@dataclass(frozen=True, kw_only=True)
class ItemChurn:
    """Impressions of withdrawn items are dropped; slates get shorter, the other rows keep their slots.

    What would have been shown instead is not in a log, so nothing is put in their place.

    Attributes:
        strengths: share of the items that is withdrawn, in (0, 1); at least one item.
        popular_first: whether the items that are shown most go first, instead of any.
    """

    strengths: list[float] = field(default_factory=shares)
    popular_first: bool = False

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        if self.strengths[-1] >= 1.0:
            raise ValueError(f"strengths is {self.strengths}; some items must stay: keep them below 1")

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        return "there is only one item" if rows.rows["item_id"].nunique() < 2 else None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        item = unit_codes(rows, "item")
        order = self._order(item, seed=seed)
        num_withdrawn = min(max(1, round(share * len(order))), len(order) - 1)
        withdrawn = np.zeros(len(order), dtype=np.bool_)
        withdrawn[order[:num_withdrawn]] = True
        index = np.flatnonzero(~withdrawn[item])
        figures = {"rows": float(len(index)), "share_of_rows": len(index) / len(rows)}
        note = (
            f"{num_withdrawn} of {len(order)} items are withdrawn, their rows dropped; slots stay as logged"
        )
        drifted = Drifted(rows.take(index), (), np.zeros(len(index), dtype=np.bool_), (note,), figures)
        return told(rows, drifted)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the items that are gone."""
        return 1.0 - drifted.rows.rows["item_id"].nunique() / max(clean.rows["item_id"].nunique(), 1)

    def _order(self, item: Ints, *, seed: int) -> Ints:
        order = generator(seed, "drift", "item_churn").permutation(num_units(item))
        if not self.popular_first:
            return order
        shown = np.bincount(item)
        return np.asarray(order[np.argsort(-shown[order], kind="stable")])
