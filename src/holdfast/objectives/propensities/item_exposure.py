"""How likely a user came across an item at all, from how popular it is.

N rows of a window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Meaning, Propensity
from holdfast.objectives.propensities.source import FittedSource, Predictor


@dataclass(frozen=True, kw_only=True)
class ItemExposure:
    r"""Popularity, tempered: :math:`\theta_i = (n_i / \max_j n_j)^\eta`.

    A guess rather than a measurement: it says that popular items are seen more, and by how much is the
        power's
    choice. An item without a count has that of one.

    Attributes:
        count: what makes an item popular: rows ``clicked``, as its authors count, or rows ``shown``.
        power: eta, > 0; 0.5 with its authors.

    Source: Saito et al. (2020), WSDM.
    """

    count: Literal["clicked", "shown"] = "clicked"
    power: float = 0.5

    def __post_init__(self) -> None:
        if self.count not in ("clicked", "shown"):
            raise ValueError(f"count is {self.count!r}; choose clicked or shown")
        if not 0.0 < self.power < math.inf:
            raise ValueError(f"power is {self.power}; it must be above 0 and finite")

    @property
    def meaning(self) -> Meaning:
        """The user came across the item."""
        return "exposure"

    def fit(self, train: LoggedRows) -> FittedSource:
        """Count.

        Raises:
            ValueError: there is nothing to count.
        """
        rows = np.ones(len(train)) if self.count == "shown" else np.nan_to_num(train.click)
        predict = popularity_predictor(train.item, rows, power=self.power)
        items, codes = np.unique(train.item, return_inverse=True)
        uncounted = int((np.bincount(codes, rows) == 0.0).sum())
        note = (
            f"{uncounted:,} of {len(items):,} items were never {self.count}, and count as one that was once"
        )
        return FittedSource(
            on_train=self._propensity(predict(train)),
            of=lambda others: self._propensity(predict(others)),
            notes=(note,) if uncounted else (),
        )

    def _propensity(self, values: Floats) -> Propensity:
        return Propensity(
            values=values, meaning=self.meaning, source=f"popularity to the power of {self.power:g}"
        )


def popularity_predictor(item: Ints, count: Floats, *, power: float) -> Predictor:
    """Tempered popularity of items, those not in ``item`` as if counted once.

    Args:
        item: codes, ``[N]``.
        count: what each row adds to its item, >= 0, ``[N]``.
        power: > 0.

    Raises:
        ValueError: all counts are 0.
    """
    items, codes = np.unique(item, return_inverse=True)
    total = np.bincount(codes, count)
    if total.size == 0 or not total.max() > 0.0:
        raise ValueError("no item was counted once, so none is more popular than another; bring a longer log")
    by_item = (np.maximum(total, 1.0) / max(float(total.max()), 1.0)) ** power
    unseen = (1.0 / max(float(total.max()), 1.0)) ** power

    def predict(rows: LoggedRows) -> Floats:
        place = np.minimum(np.searchsorted(items, rows.item), len(items) - 1)
        return np.where(items[place] == rows.item, by_item[place], unseen)

    return predict
