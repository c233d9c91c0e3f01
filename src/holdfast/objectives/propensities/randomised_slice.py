"""The part of a log in which chance chose."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from holdfast.core.arrays import Bools
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Meaning, Propensity
from holdfast.objectives.propensities.source import FittedSource


def random_policies() -> list[str]:
    """Patterns that the names of randomising policies usually fit."""
    return ["random*", "uniform*"]


@dataclass(frozen=True, kw_only=True)
class RandomisedSlice:
    """Only rows of a randomised policy, or in randomised slots, count; all others are set aside.

    Attributes:
        policies: patterns of names of randomised policies, such as ``random*``; [] for any policy.
        slots: slots that were filled by chance, from 0; [] for all slots.
        num_alternatives: how many items chance chose from, at least 1, so that a row's propensity is one over
            it. None to take the logged propensities of these rows, which all of them need then; and where no
            row of the training window has one, the same for all rows of all windows: then only their ratio
            means anything.
    """

    policies: list[str] = field(default_factory=random_policies)
    slots: list[int] = field(default_factory=list)
    num_alternatives: int | None = None

    def __post_init__(self) -> None:
        if not self.policies and not self.slots:
            raise ValueError("policies and slots are both empty; say which rows were randomised")
        if any(slot < 0 for slot in self.slots):
            raise ValueError(f"slots are {self.slots}; slots count from 0")
        if self.num_alternatives is not None and self.num_alternatives < 1:
            raise ValueError(f"num_alternatives is {self.num_alternatives}; it must be at least 1")

    @property
    def meaning(self) -> Meaning:
        """Chance chose the item."""
        return "item_in_slot"

    def slice(self, rows: LoggedRows) -> Bools:
        """Where chance chose, ``[N]``."""
        inside = np.ones(len(rows), dtype=bool)
        if self.policies:
            inside &= rows.logged_by(self.policies)
        if self.slots:
            inside &= np.isin(rows.slot, self.slots)
        return inside

    def fit(self, train: LoggedRows) -> FittedSource:
        """Find the slice; there is nothing to learn.

        Raises:
            ValueError: the training window holds no such row, or only some of them have a logged propensity.
        """
        inside = self.slice(train)
        if not inside.any():
            raise ValueError(
                f"none was logged by a policy like {self.policies or 'any'} in slots {self.slots or 'all'}: "
                f"the log's policies are {list(train.policies) or 'unknown'}; name those that randomise, or "
                "choose another objective/propensity"
            )
        total = int(inside.sum())
        logged = self.num_alternatives is None and not np.isnan(train.logged[inside]).all()
        notes = [f"chance chose {total:,} of {len(train):,} training rows; the others are set aside"]
        if logged:
            notes.append(f"of these training rows all {total:,} have a logged propensity, which is taken")
        elif self.num_alternatives is None:
            notes.append(f"none of the {total:,} has a logged propensity: they count the same in all windows")
        return FittedSource(
            on_train=self._propensity(train, logged=logged),
            of=lambda rows: self._propensity(rows, logged=logged),
            notes=tuple(notes),
        )

    def _propensity(self, rows: LoggedRows, *, logged: bool) -> Propensity:
        inside = self.slice(rows)
        values = rows.logged if logged else np.full(len(rows), 1.0 / (self.num_alternatives or 1))
        lacking = int(np.isnan(values[inside]).sum())
        if lacking:
            # Rows outside the slice are set aside; one inside without a value would vanish among them.
            raise ValueError(
                f"{lacking:,} of the {int(inside.sum()):,} rows that chance chose have no logged propensity, "
                "and others of the log have one; mend the log, name policies or slots whose rows all have "
                "one, or set objective.propensity.num_alternatives to how many items chance chose from"
            )
        return Propensity(
            values=np.where(inside, values, np.nan),
            meaning=self.meaning,
            source="the rows in which chance chose",
            sets_aside=True,
        )
