"""Days of a world on disk, so that a long run needs no more memory than a day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, overload

import numpy as np

from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day, RequestRecord, VisitRecord


class DayFiles(Sequence[Day]):
    """Days in the order in which they were appended, each in a file of its own, read when it is asked for.

    Args:
        folder: of the files; made if absent.
        length: how many days of those that lie there already count; the others are written over.
    """

    def __init__(self, folder: Path, *, length: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._length = length

    def append(self, day: Day) -> None:
        """Write a day."""
        arrays: dict[str, Any] = {name: getattr(day, name) for name in ("day", "policy", "first_request")}
        for part in ("requests", "visits"):
            record = getattr(day, part)
            arrays |= {f"{part}.{each.name}": getattr(record, each.name) for each in fields(record)}
        np.savez(self._path(self._length), allow_pickle=False, **arrays)
        self._length += 1

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, place: int) -> Day: ...

    @overload
    def __getitem__(self, place: slice) -> list[Day]: ...

    def __getitem__(self, place: int | slice) -> Day | list[Day]:
        if isinstance(place, slice):
            return [self._read(each) for each in range(*place.indices(self._length))]
        if not -self._length <= place < self._length:
            raise IndexError(f"there are {self._length} days, and none at {place}")
        return self._read(place % self._length)

    def _read(self, place: int) -> Day:
        with np.load(self._path(place), allow_pickle=False) as stored:
            requests = {each.name: stored[f"requests.{each.name}"] for each in fields(RequestRecord)}
            visits = {each.name: stored[f"visits.{each.name}"] for each in fields(VisitRecord)}
            return Day(
                day=int(stored["day"]),
                policy=str(stored["policy"]),
                first_request=int(stored["first_request"]),
                requests=RequestRecord(**requests),
                visits=VisitRecord(**visits),
            )

    def _path(self, place: int) -> Path:
        return self._folder / f"day_{place:05d}.npz"


def keep_days(days: Iterable[Day], publication: Publication, kept: DayFiles) -> None:
    """Sort and write each day while the next one runs."""

    def keep(day: Day) -> None:
        kept.append(publication.in_order(day))

    waiting: Future[None] | None = None
    with ThreadPoolExecutor(1) as keeper:
        for day in days:
            if waiting is not None:
                waiting.result()
            waiting = keeper.submit(keep, day)
        if waiting is not None:
            waiting.result()
