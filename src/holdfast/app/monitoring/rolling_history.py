"""Trailing counts of a log that is read some days at a time: what must be remembered, and no more.

N rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from holdfast.data.card import DatasetCard
from holdfast.data.history import TrailingHistory
from holdfast.data.known_events import judged_and_clicked
from holdfast.data.log import Log

NEEDED = ("user_id", "item_id", "click")
COLUMNS = ("shown_at", "request_id", "user_id", "item_id", "click", "dwell_seconds", "dwell_cut")
"""Columns that trailing counts are made of."""
FREQUENCY_DAYS, MARGIN_DAYS = 7, 2


class RollingHistory:
    """The trailing counts, rates and lists of ``TrailingHistory``, days after days.

    Of rows older than any trailing window only the last one of each user is kept, the last ones that were
    clicked where these are listed, and the sums that the overall click rate needs. So what it gives is what
    ``TrailingHistory`` gives of the whole log, but for what is read for days on end.

    Attributes:
        wanted: columns that the model reads and the log lacks; nothing is kept without any.
    """

    def __init__(
        self, history: TrailingHistory, card: DatasetCard, *, inputs: Collection[str], columns: Sequence[str]
    ) -> None:
        self._history, self._card = history, card
        self.wanted = [
            each.name for each in history.features() if each.name in inputs and each.name not in columns
        ]
        longest = max([*history.window_days, FREQUENCY_DAYS])
        self._reach = pd.Timedelta(days=longest + MARGIN_DAYS, seconds=history.lag_seconds)
        self._kept: pd.DataFrame | None = None
        self._before = (0, 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """What it must see of every row."""
        return COLUMNS if self.wanted else ()

    def add(self, rows: pd.DataFrame) -> None:
        """Remember rows, all of them later than those before, in order of time."""
        if not self.wanted or not len(rows) or _absent(rows):
            return
        whole = rows if self._kept is None else pd.concat([self._kept, rows], ignore_index=True)
        old = (whole["shown_at"] < whole["shown_at"].iloc[-1] - self._reach).to_numpy()
        kept = ~old | self._last(whole, old)
        judged, clicked = judged_and_clicked(whole[~kept])
        self._before = (self._before[0] + int(judged.sum()), self._before[1] + int(clicked.sum()))
        self._kept = whole[kept].reset_index(drop=True)

    def compute(
        self, rows: pd.DataFrame, observed_until: pd.Timestamp
    ) -> tuple[pd.DataFrame | None, list[str]]:
        """The wanted columns of rows that follow on those remembered, with the rows' own index.

        Returns:
            The columns, None where there are none to make; and what a reader must know.
        """
        if not self.wanted or not len(rows):
            return None, []
        absent = _absent(rows)
        if absent:
            names = ", ".join(absent)
            return None, [f"trailing counts cannot be made without {names}: they count as missing"]
        past = 0 if self._kept is None else len(self._kept)
        whole = rows if self._kept is None else pd.concat([self._kept, rows], ignore_index=True)
        made = self._history.compute(
            Log(whole.reset_index(drop=True), self._card, observed_until), before=self._before
        )
        made = made[[name for name in self.wanted if name in made]].iloc[past:]
        return made.set_axis(rows.index, axis=0), []

    def _last(self, whole: pd.DataFrame, old: np.ndarray) -> np.ndarray:
        """Old rows that are still needed: the last one of each user, and the last clicked ones."""
        needed = np.zeros(len(whole), dtype=bool)
        users = whole["user_id"][old]
        needed[users.index[~users.duplicated(keep="last") & users.notna()]] = True
        if self._history.recent_items:
            clicked = users[judged_and_clicked(whole[old])[1]]
            needed[clicked.groupby(clicked, sort=False).tail(self._history.recent_items).index] = True
        return needed


def _absent(rows: pd.DataFrame) -> list[str]:
    return [name for name in NEEDED if name not in rows]
