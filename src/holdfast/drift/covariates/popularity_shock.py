"""A few items take all the traffic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Bools
from holdfast.core.random import generator
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, remix_shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.thinning import by_request, favour, favoured_gain
from holdfast.drift.units import num_units, unit_codes


@dataclass(frozen=True, kw_only=True)
class PopularityShock:
    """Requests that showed one of a few items stay, and of the others a share is lost.

    Attributes:
        strengths: share of the other requests that is lost, in (0, 1].
        share_of_rows: the items are drawn until they have this share of the impressions, in (0, 1).
    """

    strengths: list[float] = field(default_factory=remix_shares)
    share_of_rows: float = 0.01

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.EVALUATION
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        if not 0.0 < self.share_of_rows < 1.0:
            raise ValueError(f"share_of_rows is {self.share_of_rows}; it must be above 0 and below 1")

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        if len(rows) == 0:
            return "there are no rows"
        if rows.rows["item_id"].nunique() < 2 or rows.rows["request_id"].nunique() < 2:
            return "there is only one item, or one request"
        if not _missing_somewhere(rows).any():
            return "every request shows every item: none is without the favoured ones"
        return None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        lost = strength_at(self, rows, severity)
        if lost is None:
            return unchanged(rows)
        hot = self._hot(rows, seed=seed)
        item = unit_codes(rows, "item")
        favoured = by_request(rows, hot[item])
        note = f"requests that showed one of {int(hot.sum())} of {len(hot)} items are favoured"
        return favour(rows, favoured, lost=lost, seed=seed, name="popularity_shock", note=note)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """By how much the share of the rows in requests with one of the items grew."""
        return favoured_gain(drifted)

    def _hot(self, rows: DriftRows, *, seed: int) -> Bools:
        """Items that everybody wants to see, bool ``[items]``; at least one, and some request has none."""
        item, request = unit_codes(rows, "item"), unit_codes(rows, "request")
        shown = np.bincount(item, minlength=num_units(item))
        order = generator(seed, "drift", "hot items").permutation(len(shown))
        # An item that every request shows favours none of them, so another one goes first.
        order = order[np.argsort(~_missing_somewhere(rows)[order], kind="stable")]
        before = np.cumsum(shown[order]) - shown[order]
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        # A request is favoured from the first of its items on; the last request to be so stays out.
        first = np.full(num_units(request), len(order))
        np.minimum.at(first, request, place[item])
        hot = np.zeros(len(shown), dtype=np.bool_)
        hot[order[(before < self.share_of_rows * len(item)) & (np.arange(len(order)) < first.max())]] = True
        return hot


def _missing_somewhere(rows: DriftRows) -> Bools:
    """Items that some request does not show, bool ``[items]``."""

    def look() -> Bools:
        item, request = unit_codes(rows, "item"), unit_codes(rows, "request")
        num_items = num_units(item)
        pairs = np.unique(request * num_items + item)
        return np.asarray(np.bincount(pairs % num_items, minlength=num_items) < num_units(request))

    return rows.derived("missing somewhere", look)
