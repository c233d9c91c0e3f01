"""Trained models as scorers: the candidates of a request as the raw rows that the log would hold.

Q requests, C candidates, H clicked items remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.arrays import Floats, Ints
from holdfast.simulation.log_columns import topic_names
from holdfast.simulation.policy import Requests
from holdfast.simulation.publishing import Publication
from holdfast.simulation.users import DEVICES, MARKETS
from holdfast.simulation.visiting import DAY_SECONDS


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
            ValueError: the requests do not say at what second they were made, or the model did not give one
                number a row.
        """
        if requests.seconds is None:
            raise ValueError(
                f"the requests of day {requests.day} do not say when they were made; a model of rows needs it"
            )
        shown = moments(self.publication, day=requests.day, seconds=requests.seconds)
        rows = request_rows(requests, shown=shown, publication=self.publication)
        if self.store is not None:
            rows = self.store(rows)
        scores = np.asarray(self.model(rows), dtype=np.float64)
        if scores.shape != (requests.candidates.size,):
            raise ValueError(
                f"the model gave scores of shape {scores.shape} for {requests.candidates.size} rows on "
                f"day {requests.day}; it must give one number a row"
            )
        return scores.reshape(requests.candidates.shape)


def moments(publication: Publication, *, day: int, seconds: Floats) -> Ints:
    """Moments of a day in microseconds since 1970, ``[Q]``, from seconds after local midnight ``[Q]``."""
    midnight = publication.midnight(day)
    stretch = (publication.midnight(day + 1) - midnight) / DAY_SECONDS
    return np.asarray(midnight + np.round(seconds * stretch).astype(np.int64))


def request_rows(requests: Requests, *, shown: Ints, publication: Publication) -> pd.DataFrame:
    """One row a candidate with the features of a world's log, request by request, ``[Q * C]``.

    Beside the features: ``request_id`` (the row of the request), ``shown_at`` and ``content_seconds``. There
    is nothing in it that the log would not hold, and no outcome.

    Args:
        requests: Q requests with C candidates each.
        shown: microseconds since 1970, ``[Q]``.
        publication: how this world writes its log.
    """
    num_requests, num_candidates = requests.candidates.shape
    item = requests.candidates.ravel()
    items = requests.items
    names = np.asarray(topic_names(requests.users.declared.shape[1]), dtype=object)
    return pd.DataFrame(
        {
            **_spread(_request_columns(requests, shown, publication, names), num_candidates),
            "request_id": np.repeat(np.arange(num_requests), num_candidates),
            "item_id": item.astype(np.int64) + 1,
            "topic": pd.Series(names[items.topic[item]], dtype="str"),
            "content_seconds": items.content_seconds[item],
            "content_length": items.content_length[item],
            "editor_score": items.editor_score[item],
            "headline_score": items.headline_score[item],
            "item_age_days": (requests.day - items.birth_day[item]).astype(np.float64),
        }
    )


def _request_columns(
    requests: Requests, shown: Ints, publication: Publication, names: NDArray[np.object_]
) -> dict[str, pd.Series]:
    """Columns that all rows of a request share, each ``[Q]``."""
    shown_at = pd.Series(shown.astype("datetime64[us]")).dt.tz_localize("UTC")
    local = shown_at.dt.tz_convert(publication.time_zone).dt
    user = requests.user.astype(np.int64)
    lost = publication.device_lost(user, requests.day)
    device = np.asarray([*DEVICES, None], dtype=object)
    recent = [names[row[row >= 0]] for row in requests.recent_topics]
    declared = [names[row] for row in requests.users.declared[user]]
    return {
        "user_id": pd.Series(user + 1),
        "shown_at": shown_at,
        "market": pd.Series(np.asarray(MARKETS, dtype=object)[requests.users.market[user]], dtype="str"),
        "device": pd.Series(device[np.where(lost, -1, requests.users.device[user])], dtype="str"),
        "hour": local.hour.astype(np.int64),
        "day_of_week": local.day_of_week.astype(np.int64),
        "user_interest_tags": _lists(declared),
        "recent_topics": _lists(recent),
    }


def _lists(values: list[NDArray[np.object_]]) -> pd.Series:
    """The lists as cells; null where there is nothing to list, as in the log."""
    cells = np.fromiter((each if len(each) else None for each in values), dtype=object, count=len(values))
    return pd.Series(cells, dtype=object)


def _spread(columns: dict[str, pd.Series], times: int) -> dict[str, pd.Series]:
    return {name: column.repeat(times).reset_index(drop=True) for name, column in columns.items()}
