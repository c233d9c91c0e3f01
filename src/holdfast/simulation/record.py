"""What happened in a world, request by request: the raw material of its log and of its truth.

Q requests, C candidates, K slots, H clicked items remembered, W visits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """Q requests with what was shown, how likely every reaction was, and how it came.

    Attributes:
        user: ``[Q]``.
        day: day 0 is the first of the log, ``[Q]``.
        seconds: after local midnight, ``[Q]``.
        candidates: ``[Q, C]``.
        item: ``[Q, K]``.
        propensity: of the item in the slot, ``[Q, K]``.
        slate_propensity: ``[Q]``.
        recent_topics: before the request, ``[Q, H]``.
        click: ``[Q, K]``.
        dwell_seconds: NaN where nothing was clicked, ``[Q, K]``.
        click_probability: true, examination included, ``[Q, K]``.
        dwell_log_mean: true mean of log latent seconds, ``[Q, K]``.
        interest: true match of user and item, ``[Q, K]``.
        fatigue: with the item's topic, ``[Q, K]``.
    """

    user: Ints
    day: Ints
    seconds: Floats
    candidates: Ints
    item: Ints
    propensity: Floats
    slate_propensity: Floats
    recent_topics: Ints
    click: Bools
    dwell_seconds: Floats
    click_probability: Floats
    dwell_log_mean: Floats
    interest: Floats
    fatigue: Floats


@dataclass(frozen=True, kw_only=True)
class VisitRecord:
    """W visits, one a user and day.

    Attributes:
        user: ``[W]``.
        day: ``[W]``.
        hazard: chance that this visit had when the day began; 1 on the day of arrival, ``[W]``.
        satisfaction_before: ``[W]``.
        satisfaction_after: ``[W]``.
    """

    user: Ints
    day: Ints
    hazard: Floats
    satisfaction_before: Floats
    satisfaction_after: Floats


@dataclass(frozen=True, kw_only=True)
class Day:
    """What happened on one day.

    Attributes:
        day: day 0 is the first of the log.
        policy: name and version of what served it.
        first_request: how many requests earlier days of the log had.
        requests: in any order.
        visits: by user.
    """

    day: int
    policy: str
    first_request: int
    requests: RequestRecord
    visits: VisitRecord


Record = TypeVar("Record", bound="DataclassInstance")


def joined(parts: list[Record]) -> Record:
    """The rows of several records of arrays, at least one, as one."""
    kind = type(parts[0])
    names = [each.name for each in fields(kind)]
    return kind(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def reordered(record: Record, order: Ints) -> Record:
    """The rows of a record of arrays in another order."""
    return type(record)(**{each.name: getattr(record, each.name)[order] for each in fields(record)})
