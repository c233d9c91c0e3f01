"""What a source of propensities may look at: how rows were logged, and what was seen of them.

N rows of a window, D features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Literal

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class LoggedRows:
    """Rows of a log, as far as propensities depend on them.

    Attributes:
        click: 1 if clicked, else 0, float ``[N]``; NaN where not known.
        slot: position in the request, from 0, ``[N]``; -1 where not logged.
        item: code of the item, the same in every window, ``[N]``.
        user: code of the user, ``[N]``.
        policy: place of the row's behavior policy in ``policies``, ``[N]``; -1 where unknown.
        policies: names of behavior policies.
        logged: the logged propensity, ``[N]``; NaN where there is none.
        logged_meaning: what that is the chance of; None where nothing was logged.
        features: numbers that may tell whether a row is clicked, none of them missing, ``[N, D]``.
    """

    click: Floats
    slot: Ints
    item: Ints
    user: Ints
    policy: Ints
    policies: tuple[str, ...]
    logged: Floats
    logged_meaning: Literal["item_in_slot", "slate"] | None
    features: Floats

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in self._arrays()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"the columns of logged rows have {lengths} rows; give each the same")

    def __len__(self) -> int:
        return len(self.click)

    def logged_by(self, patterns: Sequence[str]) -> Bools:
        """True for rows whose policy's name fits one of the patterns, such as ``random*``, ``[N]``."""
        fits = np.array(
            [any(fnmatchcase(name, pattern) for pattern in patterns) for name in self.policies] + [False]
        )
        return np.asarray(fits[self.policy])

    def take(self, rows: Ints | Bools) -> LoggedRows:
        """Some of the rows, by index or mask."""
        return replace(self, **{name: getattr(self, name)[rows] for name in self._arrays()})

    def _arrays(self) -> list[str]:
        return [field.name for field in fields(self) if field.name not in ("policies", "logged_meaning")]
