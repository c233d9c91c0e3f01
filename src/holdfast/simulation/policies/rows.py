"""Trained models as scorers: the candidates of a request as the raw rows that the log would hold.

Q requests, C candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.core.arrays import Floats, Ints
from holdfast.data.nightly_store import NightlyStore
from holdfast.simulation.log_columns import moments, request_columns, topic_names
from holdfast.simulation.policy import Requests
from holdfast.simulation.publishing import Publication


class RowScorer(Protocol):
    """Scores raw rows; an exported bundle is one, seen from here."""

    def __call__(self, rows: pd.DataFrame) -> Floats:
        """A number a row, higher is better, ``[N]``."""
        ...


class FeatureStore(Protocol):
    """Keeps what the log does not hold and a model may want, such as trailing counts and rates."""

    def __call__(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with more columns, in the same order; it may look at nothing later than ``shown_at``."""
        ...


@dataclass(frozen=True, kw_only=True)
class RowsScored:
    """Scores requests with whatever scores rows.

    Attributes:
        model: scores raw rows.
        publication: how this world writes its log; rows look the same here and there.
        store: adds further columns; none if None.
    """

    model: RowScorer
    publication: Publication
    store: FeatureStore | None = None

    def score(self, requests: Requests) -> Floats:
        """Scores ``[Q, C]``.

        Raises:
            ValueError: the requests do not say at what second they were made, the store was not told of the
                days before, or the model did not give one number a row.
        """
        if requests.seconds is None:
            raise ValueError(
                f"the requests of day {requests.day} do not say when they were made; a model of rows needs it"
            )
        shown = self.publication.moments(requests.day, requests.seconds)
        rows = request_rows(requests, shown=shown, publication=self.publication)
        if self.store is not None:
            _refuse_blank(self.store, requests.day)
            rows = self.store(rows)
        scores = np.asarray(self.model(rows), dtype=np.float64)
        if scores.shape != (requests.candidates.size,):
            raise ValueError(
                f"the model gave scores of shape {scores.shape} for {requests.candidates.size} rows on "
                f"day {requests.day}; it must give one number a row"
            )
        return scores.reshape(requests.candidates.shape)


def _refuse_blank(store: FeatureStore, day: int) -> None:
    if day > 0 and isinstance(store, NightlyStore) and not store.has_observed:
        raise ValueError(
            f"the store has observed nothing and is asked about day {day} of a log: the model would be "
            "served without its history; let it observe the days before, see observed_days"
        )


def request_rows(requests: Requests, *, shown: Ints, publication: Publication) -> pd.DataFrame:
    """One row a candidate with the features of a world's log, request by request, ``[Q * C]``.

    Beside the features: ``request_id`` (the row of the request), ``shown_at`` and ``content_seconds``. There
    is nothing in it that the log would not hold, and no outcome. Text is categorical, and the rows of a
    request share the objects that are their lists: the values are those of the log, in the form that costs
    least.

    Args:
        requests: Q requests with C candidates each.
        shown: microseconds since 1970, ``[Q]``.
        publication: how this world writes its log.
    """
    num_requests, num_candidates = requests.candidates.shape
    request = np.repeat(np.arange(num_requests, dtype=np.int32), num_candidates)
    item = requests.candidates.ravel()
    items = requests.items
    topics = topic_names(requests.users.declared.shape[1])
    shared = _request_columns(requests, shown, publication)
    return pd.DataFrame(
        {
            **{name: _spread(column, request) for name, column in shared.items()},
            "request_id": request.astype(np.int64),
            "item_id": item.astype(np.int64) + 1,
            "topic": _texts(items.topic[item], topics),
            "content_seconds": items.content_seconds[item],
            "content_length": items.content_length[item],
            "editor_score": items.editor_score[item],
            "headline_score": items.headline_score[item],
            "item_age_days": (requests.day - items.birth_day[item]).astype(np.float64),
        },
        copy=False,
    )


def _request_columns(requests: Requests, shown: Ints, publication: Publication) -> dict[str, pa.Array]:
    """Columns that all rows of a request share, each ``[Q]``."""
    moment = pd.Series(shown.astype("datetime64[us]")).dt.tz_localize("UTC")
    local = moment.dt.tz_convert(publication.time_zone).dt
    lost = publication.device_lost(requests.user, requests.day)
    return {
        "shown_at": moments(shown),
        "hour": pa.array(local.hour.to_numpy(dtype=np.int64)),
        "day_of_week": pa.array(local.day_of_week.to_numpy(dtype=np.int64)),
        **request_columns(requests, requests.users, device_lost=lost),
    }


def _spread(column: pa.Array, request: Ints) -> Any:
    """A column of requests ``[Q]`` as a column of rows: row ``i`` belongs to request ``request[i]``."""
    if pa.types.is_dictionary(column.type):
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return _texts(codes[request], column.dictionary.to_pylist())
    # Rows of a request share one list: an object that many cells hold is encoded once.
    return column.to_pandas().take(request).reset_index(drop=True)


def _texts(codes: Ints, names: Sequence[str]) -> Any:
    """The names of codes; null for -1."""
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(names)))
