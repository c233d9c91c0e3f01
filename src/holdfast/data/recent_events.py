"""Events that may still be asked about, in order of time; what is older is forgotten.

E events, I identities.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.core.arrays import Ints

Array = NDArray[Any]


class RecentEvents:
    """Events with columns, sorted by the moment at which they became known.

    Args:
        columns: name and type of each column.
    """

    def __init__(self, columns: dict[str, type[np.generic]]) -> None:
        self._moment: Ints = np.zeros(0, dtype=np.int64)
        self._columns: dict[str, Array] = {name: np.zeros(0, dtype=kind) for name, kind in columns.items()}

    def __len__(self) -> int:
        return len(self._moment)

    def add(self, moment: Ints, **columns: Array) -> None:
        """Events with their moments ``[E]`` and columns ``[E]``, in any order."""
        joined = np.concatenate([self._moment, moment])
        order = None
        if (joined[1:] < joined[:-1]).any():
            order = np.argsort(joined, kind="stable")
            joined = joined[order]
        for name, before in self._columns.items():
            values = np.concatenate([before, columns[name].astype(before.dtype, copy=False)])
            self._columns[name] = values if order is None else values[order]
        self._moment = joined

    def between(self, start: int | None, end: int) -> dict[str, Array]:
        """The columns of the events in [start, end), from the first one where ``start`` is None."""
        first = 0 if start is None else int(np.searchsorted(self._moment, start))
        last = int(np.searchsorted(self._moment, end))
        return {name: values[first:last] for name, values in self._columns.items()}

    def forget(self, before: int) -> dict[str, Array]:
        """Drop the events before a moment; gives their columns."""
        first = int(np.searchsorted(self._moment, before))
        dropped = {name: values[:first] for name, values in self._columns.items()}
        # Copies: a view would keep the forgotten events in memory.
        self._moment = self._moment[first:].copy()
        self._columns = {name: values[first:].copy() for name, values in self._columns.items()}
        return dropped


class ActiveDays:
    """The local days on which each user was seen: the recent ones one by one, of the others the last."""

    def __init__(self) -> None:
        self._last: Ints = np.zeros(0, dtype=np.int64)
        self._user: Ints = np.zeros(0, dtype=np.int64)
        self._day: Ints = np.zeros(0, dtype=np.int64)
        self._seen_at: Ints = np.zeros(0, dtype=np.int64)

    def add(self, user: Ints, day: Ints, seen_at: Ints) -> None:
        """Times at which users were seen, in any order, ``[E]`` each; nobody where the user is -1."""
        somebody = user >= 0
        user = np.concatenate([self._user, user[somebody]])
        day = np.concatenate([self._day, day[somebody]])
        seen_at = np.concatenate([self._seen_at, seen_at[somebody]])
        order = np.lexsort((seen_at, day, user))
        user, day, seen_at = user[order], day[order], seen_at[order]
        first = np.ones(len(order), dtype=bool)
        first[1:] = (user[1:] != user[:-1]) | (day[1:] != day[:-1])
        self._user, self._day, self._seen_at = user[first], day[first], seen_at[first]

    def forget(self, *, day: int, known: int) -> None:
        """Keep only the last of the days before ``day`` that were known before the moment ``known``."""
        old = (self._day < day) & (self._seen_at < known)
        self._last = self._last_days(self._user[old], self._day[old], int(self._user.max(initial=-1)) + 1)
        recent = ~old
        self._user, self._day, self._seen_at = self._user[recent], self._day[recent], self._seen_at[recent]

    def week_and_last(self, *, day: int, known: int, num_users: int) -> tuple[Ints, Ints]:
        """For each user, of the days before ``day`` and of what was known before the moment ``known``.

        Returns:
            On how many of the seven days before ``day`` the user was seen, int64 ``[I]``; and on which day
            last, int64 ``[I]``, the smallest integer for never.
        """
        counts = (self._day < day) & (self._seen_at < known)
        week = np.bincount(self._user[counts & (self._day >= day - 7)], minlength=num_users)
        return week.astype(np.int64), self._last_days(self._user[counts], self._day[counts], num_users)

    def _last_days(self, user: Ints, day: Ints, num_users: int) -> Ints:
        last = np.full(max(num_users, len(self._last)), np.iinfo(np.int64).min)
        last[: len(self._last)] = self._last
        np.maximum.at(last, user, day)
        return last
