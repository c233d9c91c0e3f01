"""What the feature store said of what was shown, kept for the next training.

N rows, Q requests, K slots.
"""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd

from holdfast.core.features import Feature
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log
from holdfast.data.nightly_store import NightlyStore
from holdfast.simulation.observing import observed_days
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day


class ServedFeatures:
    """A feature store, and its columns of the days in the log as they were served.

    A training on a window of the log would find the history of its first days cut off, if it computed it from
    the window. What was served is what the model will be served, to the last bit.

    Args:
        history: what the store serves.
        publication: how the world writes its log.
        keep_days: of how many days the columns are kept; 0 for all, None for none.
    """

    def __init__(self, history: TrailingHistory, publication: Publication, *, keep_days: int | None) -> None:
        self.store = NightlyStore(history, publication.card())
        self._publication, self._keep_days = publication, keep_days
        self._kept: dict[int, pd.DataFrame] = {}

    def observe(self, number: int, served: Day | None) -> None:
        """Take in a day that ended; None where nobody came."""
        days = [] if served is None else [served]
        log = observed_days(self._publication, days, until_day=number + 1)
        if self._keep_days is not None and len(log):
            rows = self.store(log.frame[["request_id", "user_id", "item_id", "shown_at"]])
            names = [each.name for each in self.store.history.features() if each.name in rows]
            self._kept[number] = rows[["request_id", *names]]
            oldest = number + 1 - self._keep_days if self._keep_days else 0
            self._kept = {day: each for day, each in self._kept.items() if day >= oldest}
        self.store.observe(log)

    def copied(self) -> ServedFeatures:
        """The same as it is now; what one of the two observes from now on, the other does not."""
        twin = copy.copy(self)
        twin.store, twin._kept = copy.deepcopy(self.store), dict(self._kept)
        return twin

    def of_the_log(self) -> KeptHistory:
        """The columns of the days kept."""
        rows = pd.concat(self._kept.values(), ignore_index=True)
        return KeptHistory(self.store.history, rows)


class KeptHistory:
    """Columns that were kept, looked up for the rows of a log.

    Args:
        history: that made them.
        rows: ``request_id`` and the columns, slot after slot and in the order of the log.
    """

    def __init__(self, history: TrailingHistory, rows: pd.DataFrame) -> None:
        self._history = history
        self._request = rows["request_id"].to_numpy()
        self._columns = rows.drop(columns="request_id")

    def features(self) -> list[Feature]:
        """The columns that the history can make."""
        return self._history.features()

    def compute(self, view: Log) -> pd.DataFrame:
        """The columns of every row of a view, which are among those kept, ``[N, columns]``."""
        request = view.frame["request_id"].to_numpy()
        # Numbers of requests rise with time, and the rows of a request stand together, by slot.
        place = np.searchsorted(self._request, request) + view.frame["slot"].to_numpy(dtype=np.int64)
        inside = place < len(self._request)
        if not inside.all() or (self._request[place] != request).any():
            raise ValueError(
                "the log holds requests whose features were not kept; keep as many days as it has"
            )
        found: pd.DataFrame = self._columns.iloc[place].set_axis(view.frame.index)
        return found
