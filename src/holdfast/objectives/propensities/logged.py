"""The best propensity: the one that the behavior policy wrote down."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Propensity
from holdfast.objectives.propensities.source import FittedSource


@dataclass(frozen=True, kw_only=True)
class Logged:
    """What the log says; the dataset card declares whether of the item in its slot or of the whole slate.

    Rows without a propensity stay without one: nothing is guessed.
    """

    @property
    def meaning(self) -> None:
        """The log says it."""
        return None

    def fit(self, train: LoggedRows) -> FittedSource:
        """Nothing is learned."""
        return FittedSource(on_train=_propensity(train), of=_propensity)


def _propensity(rows: LoggedRows) -> Propensity:
    meaning = rows.logged_meaning or "item_in_slot"
    return Propensity(values=rows.logged, meaning=meaning, source="logged by the behavior policy")
