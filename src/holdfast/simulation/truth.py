"""What really happened, and why: for judges of models, never for models.

N rows, Q requests, C candidates, W visits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Ints
from holdfast.simulation.items import Items
from holdfast.simulation.record import RequestRecord, VisitRecord
from holdfast.simulation.users import Users


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The hidden side of a log; row by row and request by request in the order of the log.

    Attributes:
        impressions: a row an impression, ``[N]``: ``click_probability`` (examination included),
            ``dwell_log_mean``, ``interest``, ``fatigue``, ``quality``, ``clickbait``.
        requests: a row a request, ``[Q]``: ``request_id``, ``slate_propensity``.
        candidates: ``item_id`` of what each request could have shown, ``[Q, C]``.
        visits: a row a visit, ``[W]``: ``user_id``, ``day``, ``hazard``, ``satisfaction_before``,
            ``satisfaction_after``.
        users: of all users; user ``u`` has ``user_id`` u + 1.
        items: of all items; item ``i`` has ``item_id`` i + 1.
    """

    impressions: pd.DataFrame
    requests: pd.DataFrame
    candidates: Ints
    visits: pd.DataFrame
    users: Users
    items: Items


def truth_of(record: RequestRecord, visits: VisitRecord, *, users: Users, items: Items) -> Truth:
    """The truth behind a record in the order of the log."""
    flat = record.item.ravel()
    names = ("click_probability", "dwell_log_mean", "interest", "fatigue")
    impressions = {name: getattr(record, name).ravel() for name in names}
    return Truth(
        impressions=pd.DataFrame(
            {**impressions, "quality": items.quality[flat], "clickbait": items.clickbait[flat]}
        ),
        requests=pd.DataFrame(
            {"request_id": np.arange(len(record.user)), "slate_propensity": record.slate_propensity}
        ),
        candidates=record.candidates + 1,
        visits=pd.DataFrame(
            {
                "user_id": visits.user + 1,
                "day": visits.day,
                "hazard": visits.hazard,
                "satisfaction_before": visits.satisfaction_before,
                "satisfaction_after": visits.satisfaction_after,
            }
        ),
        users=users,
        items=items,
    )
