"""The requests of a window: who asked, which slots there were, and what could have been shown.

N rows, Q requests, K slots, M candidates of all requests one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.data.canonical import CANDIDATES
from holdfast.data.known_events import microseconds, request_start


@dataclass(frozen=True)
class LoggedRequests:
    """Rows of a log by request.

    Attributes:
        rows: as they were encoded, ``[N]``.
        request: of each row, from 0 in order of appearance, ``[N]``.
        slot: of each row, ``[N]``.
        first: the first row of each request, ``[Q]``.
        start: when each request began, microseconds since 1970, ``[Q]``.
        num_slots: of each request, ``[Q]``.
    """

    rows: pd.DataFrame
    request: Ints
    slot: Ints
    first: Ints
    start: Ints
    num_slots: Ints

    def __len__(self) -> int:
        return len(self.first)


def logged_requests(rows: pd.DataFrame) -> LoggedRequests:
    """Put rows into requests.

    A log of whole slates tells how many slots each request had. Where slots are missing (a log of single
    impressions, say), every request is taken to have had as many as the highest slot of all.

    Raises:
        UserError: a row does not say in which slot it was.
    """
    unknown = int(rows["slot"].isna().sum())
    if unknown:
        raise UserError(
            f"{unknown} of {len(rows)} rows of the test window do not say in which slot they were; an item's "
            "chance is that of a slot: log the slot, 0 in all rows if there is but one"
        )
    request = pd.factorize(rows["request_id"])[0].astype(np.int64)
    slot = rows["slot"].to_numpy(dtype=np.int64)
    num_requests = int(request.max()) + 1
    first = np.full(num_requests, len(rows))
    np.minimum.at(first, request, np.arange(len(rows)))
    size = np.bincount(request, minlength=num_requests)
    highest = np.zeros(num_requests, dtype=np.int64)
    np.maximum.at(highest, request, slot)
    whole = bool((size == highest + 1).all())
    num_slots = size if whole else np.full(num_requests, slot.max() + 1)
    start = request_start(rows, microseconds(rows["shown_at"]))[first]
    return LoggedRequests(rows, request, slot, first, start, num_slots)


@dataclass(frozen=True)
class Candidates:
    """What requests could have shown.

    Attributes:
        item: id of each candidate, request after request, ``[M]``.
        ends: where the candidates of each request begin, and the last of them end, ``[Q + 1]``.
        shown: which candidate each row showed, counted over all requests, ``[N]``.
    """

    item: pd.Series
    ends: Ints
    shown: Ints

    @property
    def num_candidates(self) -> Ints:
        """Of each request, ``[Q]``."""
        return np.asarray(np.diff(self.ends))


def candidates_of(requests: LoggedRequests, *, source: str, most: int) -> Candidates:
    """Find out what each request could have shown.

    Args:
        requests: of the window.
        source: see ``CounterfactualSettings.candidates``.
        most: candidates of a request.

    Raises:
        UserError: the log does not say, or contradicts itself.
    """
    if source == "column":
        item, size = _of_column(requests)
    elif source == "items_of_window":
        item, size = _of_window(requests, most=most)
    else:
        order = np.argsort(requests.request, kind="stable")
        item = requests.rows["item_id"].iloc[order].reset_index(drop=True)
        size = np.bincount(requests.request)
    too_few = np.flatnonzero(size < requests.num_slots)
    if too_few.size:
        worst = too_few[0]
        raise UserError(
            f"{too_few.size} requests have fewer candidates than slots, the first {size[worst]} for "
            f"{requests.num_slots[worst]} slots; every item that could have been shown is a candidate"
        )
    ends = np.concatenate([[0], np.cumsum(size)])
    return Candidates(item, ends, _places(requests, item, ends))


def _of_column(requests: LoggedRequests) -> tuple[pd.Series, Ints]:
    rows = requests.rows
    if CANDIDATES not in rows:
        raise UserError(
            "the log has no column 'candidates' that says what each request could have shown. Log it (a list "
            "of item ids in every row of a request; data.log_candidates=true in a world), or say "
            "counterfactual.candidates=items_of_window where every item is a candidate of every request"
        )
    lists = rows[CANDIDATES].to_numpy(dtype=object)
    empty = [each is None or len(each) == 0 for each in lists]
    if any(empty):
        raise UserError(
            f"{sum(empty)} rows of the test window have no candidates; log those of every request"
        )
    of_request = lists[requests.first]
    for row, mine in enumerate(lists):
        theirs = of_request[requests.request[row]]
        if mine is not theirs and not np.array_equal(mine, theirs):
            raise UserError(
                f"the rows of request {rows['request_id'].iloc[row]!r} have different candidates; a request "
                "has one list of them, the same in all its rows and in the same order"
            )
    item = pd.Series(np.concatenate(list(of_request))).astype(rows["item_id"].dtype)
    return item, np.array([len(each) for each in of_request])


def _of_window(requests: LoggedRequests, *, most: int) -> tuple[pd.Series, Ints]:
    found = requests.rows["item_id"].drop_duplicates().sort_values()
    if len(found) > most:
        raise UserError(
            f"the test window shows {len(found)} items, above counterfactual.most_candidates={most}; so "
            "large a catalogue is hardly offered whole: log what each request could have shown in a column "
            "'candidates', or raise counterfactual.most_candidates"
        )
    item = pd.Series(np.tile(found.to_numpy(), len(requests))).astype(found.dtype)
    return item, np.full(len(requests), len(found))


def _places(requests: LoggedRequests, item: pd.Series, ends: Ints) -> Ints:
    """Which candidate each row showed, ``[N]``."""
    both = pd.factorize(pd.concat([item, requests.rows["item_id"]], ignore_index=True))[0].astype(np.int64)
    num_items = int(both.max()) + 1
    owner = np.repeat(np.arange(len(requests)), np.diff(ends))
    key = owner * num_items + both[: len(item)]
    order = np.argsort(key, kind="stable")
    repeated = int((np.diff(key[order]) == 0).sum())
    if repeated:
        raise UserError(f"{repeated} candidates are named twice in their request; name each item once")
    wanted = requests.request * num_items + both[len(item) :]
    place = np.minimum(np.searchsorted(key, wanted, sorter=order), len(key) - 1)
    shown = order[place]
    lost = int((key[shown] != wanted).sum())
    if lost:
        raise UserError(
            f"in {lost} of {len(wanted)} rows of the test window the item that was shown is not among the "
            "candidates of its request; the candidates are all that could have been shown"
        )
    return np.asarray(shown)
