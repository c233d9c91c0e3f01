"""Raw rows of what could have been shown, from what the log knows of requests and of items.

N rows of the window, Q requests, M candidates, L rows of the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.app.counterfactual.requests import Candidates, LoggedRequests
from holdfast.core.arrays import Bools, Ints
from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.history import TrailingHistory
from holdfast.data.known_events import microseconds
from holdfast.data.log import Log

CHUNK_ROWS = 65_536
CONTENT = "content_seconds"


@dataclass(frozen=True)
class CandidateRows:
    """Makes the raw rows of candidates as a model reads them.

    What belongs to the user or the context is that of the request. What belongs to the item is what the log
    last said of it before the request began, or, of an item that nobody had been shown yet, what it says
    first; the history of the item is computed as of the request. The rule is the same for what was shown: a
    policy must not know what another one chose.

    Attributes:
        view: the log as of the moment at which the window is looked at.
        requests: of the window.
        candidates: of the requests.
        features: that models read, history included.
        history: that made some of them.
        blank: features that are missing in every row.
    """

    view: Log
    requests: LoggedRequests
    candidates: Candidates
    features: Sequence[Feature]
    history: TrailingHistory
    blank: Sequence[str]

    def __post_init__(self) -> None:
        names = {feature.name for feature in self.features}
        unknown = [name for name in self.blank if name not in names]
        if unknown:
            raise UserError(f"counterfactual.blank names {unknown}, which are no features of this run")
        self._check_shared()

    def chunks(self) -> Iterator[tuple[slice, pd.DataFrame]]:
        """Rows of whole requests, and which of the M candidates they are."""
        ends = self.candidates.ends
        last_rows = self._last_rows()
        start = 0
        while start < len(self.requests):
            stop = max(int(np.searchsorted(ends, ends[start] + CHUNK_ROWS, side="right")) - 1, start + 1)
            some = slice(int(ends[start]), int(ends[stop]))
            owner = np.repeat(np.arange(start, stop), np.diff(ends[start : stop + 1]))
            yield some, self._rows(some, owner, last_rows[some])
            start = stop

    def columns(self) -> list[str]:
        """Names of the columns of the rows."""
        return [feature.name for feature in self._with_content()]

    def share_without_features(self) -> float:
        """Share of the candidates of which the log shows no row at all, in [0, 1]."""
        return float((self._last_rows() < 0).mean())

    def _rows(self, some: slice, owner: Ints, last_row: Ints) -> pd.DataFrame:
        of_request = self.requests.rows.iloc[self.requests.first[owner]]
        of_item = self.view.frame.iloc[np.maximum(last_row, 0)]
        unseen = last_row < 0
        item = self.candidates.item.iloc[some].reset_index(drop=True)
        start = self.requests.start[owner]
        past = self.history.of_items(self.view, item, start)
        columns: dict[str, pd.Series] = {}
        for feature in self._with_content():
            name = feature.name
            if name in self.blank:
                columns[name] = _missing(of_request[name], np.ones(len(owner), dtype=bool))
            elif name == "item_id":
                columns[name] = item
            elif feature.owner != "item":
                columns[name] = of_request[name].reset_index(drop=True)
            elif name in past:
                columns[name] = past[name]
            else:
                columns[name] = _missing(of_item[name], unseen)
        return pd.DataFrame(columns, copy=False)

    def _with_content(self) -> list[Feature]:
        """The features, and the length of the content, which caps dwell."""
        named = {feature.name for feature in self.features}
        if CONTENT in named or CONTENT not in self.view.frame:
            return list(self.features)
        return [*self.features, Feature(name=CONTENT, kind="numeric", owner="item")]

    def _last_rows(self) -> Ints:
        """The row of the log that says what each candidate was like, -1 for none, ``[M]``."""
        frame, item = self.view.frame, self.candidates.item
        both = pd.factorize(pd.concat([frame["item_id"], item], ignore_index=True))[0].astype(np.int64)
        seen, asked = both[: len(frame)], both[len(frame) :]
        # Rows of a log are in order of time: sorted by item, they still are within each.
        order = np.argsort(seen, kind="stable")
        times = microseconds(frame["shown_at"])
        moments = np.unique(times)
        key = seen[order] * (len(moments) + 1) + np.searchsorted(moments, times[order])
        start = np.repeat(self.requests.start, self.candidates.num_candidates)
        wanted = asked * (len(moments) + 1) + np.searchsorted(moments, start)
        after = np.searchsorted(key, wanted)
        before = after - 1
        found = np.full(len(asked), -1, dtype=np.int64)
        # The first later row where there is none before.
        for place in (after, before):
            inside = np.clip(place, 0, len(order) - 1)
            same = (place >= 0) & (place < len(order)) & (seen[order[inside]] == asked)
            found[same] = order[inside][same]
        return found

    def _check_shared(self) -> None:
        """Refuse what differs within a request and is not the item's: candidates would not have a value."""
        rows, request = self.requests.rows, self.requests.request
        first = self.requests.first[request]
        differing = []
        for feature in self.features:
            if feature.owner == "item" or feature.name in self.blank or feature.is_list:
                continue
            codes = pd.factorize(rows[feature.name], use_na_sentinel=False)[0]
            if (codes != codes[first]).any():
                differing.append(feature.name)
        if differing:
            raise UserError(
                f"the features {differing} differ within a request and do not belong to the item, so the log "
                "knows them only for what was shown; say "
                f"counterfactual.blank=[{','.join([*self.blank, *differing])}] to ask the policy with these "
                "missing"
            )


def _missing(column: pd.Series, where: Bools) -> pd.Series:
    """The column, with nothing in some rows."""
    column = column.reset_index(drop=True)
    if not where.any():
        return column
    # Whole numbers stay whole, and so the words that an encoder knows.
    if pd.api.types.is_integer_dtype(column.dtype):
        column = column.astype("Int64")
    elif pd.api.types.is_bool_dtype(column.dtype):
        column = column.astype("boolean")
    return column.mask(where, None) if column.dtype == object else column.mask(where)
