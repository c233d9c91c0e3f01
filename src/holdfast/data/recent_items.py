"""The items that each user clicked last, and how long ago, as lists that a sequence encoder reads.

N rows, G distinct questions, E events.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.identities import Identities
from holdfast.data.known_events import MICROSECONDS, judged_and_clicked
from holdfast.data.sorted_events import SortedEvents, running_sum

RECENT_ITEMS = "user_recent_items"
"""Column: ids of the items that the user clicked last, in order of time, the last one the most recent."""
RECENT_GAPS = "user_recent_gaps"
"""Column: how long ago each of them was clicked, see ``gap_bucket``."""
_VOCABULARY = "item_id"

Lists = dict[str, NDArray[Any]]
"""The two columns, a list a row, ``[N]`` each; rows with the same past may share one object."""


def recent_features(num_items: int) -> list[Feature]:
    """The two columns as features; the items are those of the feature ``item_id``, embeddings and all."""
    return [
        Feature(
            name=RECENT_ITEMS, kind="sequence", owner="user", max_length=num_items, vocabulary=_VOCABULARY
        ),
        Feature(name=RECENT_GAPS, kind="sequence", owner="user", max_length=num_items, gap_of=RECENT_ITEMS),
    ]


def check_card(card: DatasetCard) -> None:
    """Refuse a card without a feature whose vocabulary past items could share.

    Raises:
        UserError: says what to declare.
    """
    for feature in card.features:
        if (feature.name, feature.kind, feature.vocabulary_name) == ("item_id", "categorical", _VOCABULARY):
            return
    raise UserError(
        f"history.recent_items needs the items themselves as a feature, and the card {card.name!r} does not "
        "declare them so: add {name: item_id, kind: categorical, owner: item} to its features, without a "
        "vocabulary of another name, or set history.recent_items=0"
    )


def gap_bucket(gap: Ints) -> Ints:
    """Binary digits of a time in whole seconds, int64: 0 below 1 s, b for 2^(b-1) to below 2^b seconds.

    An hour is 12, a day 17, a week 20, a year 25.

    Args:
        gap: microseconds, >= 0.
    """
    return np.frexp((gap // MICROSECONDS).astype(np.float64))[1].astype(np.int64)


class RecentItems:
    """Clicks of users, sorted by user and time; tells which were the last ones before a moment.

    Clicks of one moment stand in the order in which they were added, which is that of the log.

    Args:
        num_items: most items of a list, at least 1.
    """

    def __init__(self, num_items: int) -> None:
        self._num_items = num_items
        self._items = Identities("item_id")
        self._user: Ints = np.zeros(0, dtype=np.int64)
        self._moment: Ints = np.zeros(0, dtype=np.int64)
        self._item: Ints = np.zeros(0, dtype=np.int64)
        self._sorted: SortedEvents | None = None

    def __len__(self) -> int:
        return len(self._user)

    def add(self, frame: pd.DataFrame, user: Ints, moment: Ints) -> None:
        """Take in the clicks among rows of a log; a click on no known item is none.

        Args:
            frame: ``item_id`` and ``click``, ``[E]``.
            user: code of each row's user, -1 for nobody, ``[E]``.
            moment: when each row was shown, microseconds since 1970, ``[E]``.

        Raises:
            UserError: item ids are neither integers nor text, or of another type than before.
        """
        _, clicked = judged_and_clicked(frame)
        clicked &= user >= 0
        item = self._items.added(frame["item_id"][clicked])
        user = np.concatenate([self._user, user[clicked][item >= 0]])
        moment = np.concatenate([self._moment, moment[clicked][item >= 0]])
        item = np.concatenate([self._item, item[item >= 0]])
        order = np.lexsort((moment, user))
        self._keep(user[order], moment[order], item[order])

    def forget(self, known: int) -> None:
        """Keep of the clicks before a moment only those that a question about it, or a later one, tells."""
        before = self._moment < known
        running = running_sum(before)
        first = np.searchsorted(self._user, self._user)
        last = first + running[np.searchsorted(self._user, self._user, side="right")] - running[first]
        told = np.arange(len(before)) >= last - self._num_items
        self._keep(self._user[told], self._moment[told], self._item[told])

    def lists(self, user: Ints, cutoff: Ints, *, lag: int) -> Lists:
        """The last clicks of users before moments, at most ``num_items``; empty where there are none.

        Args:
            user: codes, -1 for nobody, ``[N]``.
            cutoff: what happened at or after it is not told, microseconds since 1970, ``[N]``.
            lag: the gaps are counted up to this many microseconds after the cutoff, >= 0.
        """
        if self._sorted is None:
            self._sorted = SortedEvents.of(self._user, self._moment)
        question, place = _distinct(user, cutoff)
        user, cutoff = user[question], cutoff[question]
        last = self._sorted.before(user, cutoff, np.arange(len(user)))
        length = np.clip(last - np.searchsorted(self._user, user), 0, self._num_items)
        length[user < 0] = 0
        ends = running_sum(length)
        event = np.arange(ends[-1]) + np.repeat(last - length - ends[:-1], length)
        gap = np.repeat(cutoff + lag, length) - self._moment[event]
        return {
            RECENT_ITEMS: _as_lists(self._items.ids[self._item[event]], ends)[place],
            RECENT_GAPS: _as_lists(gap_bucket(gap), ends)[place],
        }

    def _keep(self, user: Ints, moment: Ints, item: Ints) -> None:
        self._user, self._moment, self._item, self._sorted = user, moment, item, None


def _distinct(user: Ints, cutoff: Ints) -> tuple[Ints, Ints]:
    """Rows with different questions ``[G]``, by user and time; and which of them each row asks ``[N]``."""
    order = np.lexsort((cutoff, user))
    user, cutoff = user[order], cutoff[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (user[1:] != user[:-1]) | (cutoff[1:] != cutoff[:-1])
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return order[new], place


def _as_lists(values: NDArray[Any], ends: Ints) -> NDArray[Any]:
    """Values as arrays, of which the i-th goes from ``ends[i]`` to before ``ends[i + 1]``, ``[G]``."""
    arrays = pa.LargeListArray.from_arrays(pa.array(ends), pa.array(values))
    return np.asarray(arrays.to_pandas().to_numpy(dtype=object))
