"""The feature that an outcome goes along with: what a concept drift takes the meaning of.

N rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.features import FeatureOwner
from holdfast.drift.columns import numeric_features
from holdfast.drift.concepts.outcomes import clicked
from holdfast.drift.history_columns import is_history
from holdfast.drift.quantiles import column_quantiles
from holdfast.drift.rows import DriftRows


@dataclass(frozen=True)
class Steering:
    """A numeric feature with the direction in which an outcome grows.

    Attributes:
        name: of the feature.
        rank: its quantile among the rows, turned so that the outcome is high where it is high, in [0, 1],
            ``[N]``; NaN where the feature is missing.
        correlation: of outcome and quantile before it was turned, in [-1, 1].
    """

    name: str
    rank: Floats
    correlation: float

    @property
    def said(self) -> str:
        """In words, for a note."""
        return f"{'high' if self.correlation >= 0 else 'low'} values of {self.name}"


def possible_features(rows: DriftRows, owner: FeatureOwner, name: str) -> tuple[list[str], str | None]:
    """The named feature, or the numeric ones of an owner, of the card or else the history; or why none."""
    features, reason = numeric_features(rows, [name] if name else [])
    if reason is not None:
        return [], reason
    if name:
        return [name], None
    owned = [each.name for each in features if each.owner == owner]
    if not owned:
        history = [each.name for each in rows.features if each.owner == owner and is_history(each.name)]
        owned = [each.name for each in numeric_features(rows, history)[0]] if history else []
    return owned, None if owned else f"there is no numeric feature of the {owner} with two different values"


def click_steering(rows: DriftRows, names: list[str]) -> Steering:
    """The feature that goes along with clicks most; see ``steering``."""
    everywhere = np.ones(len(rows), dtype=np.bool_)
    return rows.derived(
        ("click steering", *names),
        lambda: steering(rows, names, clicked(rows).astype(np.float64), where=everywhere),
    )


def steering(rows: DriftRows, names: list[str], outcome: Floats, *, where: Bools) -> Steering:
    """Of some features the one whose quantile is most correlated with an outcome, in size.

    Args:
        rows: clean, ``[N]``.
        names: numeric features, at least one.
        outcome: any number, ``[N]``.
        where: False where the outcome is not known, ``[N]``.
    """
    found = [_steering(name, column_quantiles(rows, name), outcome, where) for name in names]
    return max(found, key=lambda each: abs(each.correlation))


def _steering(name: str, quantile: Floats, outcome: Floats, where: Bools) -> Steering:
    both = where & np.isfinite(quantile)
    x, y = quantile[both], outcome[both]
    spread = float(x.std() * y.std()) if both.any() else 0.0
    correlation = float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > 0.0 else 0.0
    return Steering(name, quantile if correlation >= 0.0 else 1.0 - quantile, correlation)
