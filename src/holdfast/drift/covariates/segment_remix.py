"""Some segments of users or contexts come more, the others less."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Bools, Ints
from holdfast.core.random import generator
from holdfast.drift.columns import categorical_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, remix_shares, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.thinning import favour, favoured_gain, first_of_request
from holdfast.drift.units import column_codes, num_units

SHARE_FAVOURED = 0.25
"""Values are favoured, in an order that chance draws, until they make up this share of the requests."""


@dataclass(frozen=True, kw_only=True)
class SegmentRemix:
    """Requests of favoured values of a categorical stay, and of all others a share is lost.

    Attributes:
        strengths: share of the other requests that is lost, in (0, 1].
        column: a categorical feature of users or contexts; if empty, the one of users (or if they have none,
            of contexts) whose values are most evenly used. A request belongs to the value of its first row; a
            missing one is a value too.
        values: favoured ones, as text; if empty, chance chooses until they make up a quarter of the requests.
    """

    strengths: list[float] = field(default_factory=remix_shares)
    column: str = ""
    values: list[str] = field(default_factory=list)

    kind: ClassVar[Kind] = "covariate"
    family: ClassVar[Family] = Family.TRAINING
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)
        if self.values and not self.column:
            raise ValueError(f"values is {self.values} and column is empty; name the column that has them")

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        name, reason = self._column(rows)
        if reason is not None:
            return reason
        if self.values and not self._named(rows, name).any():
            return f"no request has one of the values {self.values} of {name}"
        if self.values and self._named(rows, name).all():
            return f"every request has one of the values {self.values} of {name}: there is nothing to thin"
        return None

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        lost = strength_at(self, rows, severity)
        if lost is None:
            return unchanged(rows)
        name, _ = self._column(rows)
        segment = _segments(rows, name)
        favoured = self._named(rows, name) if self.values else favoured_segments(segment, seed=seed)[segment]
        what = len(np.unique(segment[favoured]))
        note = f"requests of {what} of {num_units(segment)} values of {name} are favoured"
        return favour(rows, favoured, lost=lost, seed=seed, name="segment_remix", note=note)

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """By how much the share of the rows with a favoured value grew."""
        return favoured_gain(drifted)

    def _column(self, rows: DriftRows) -> tuple[str, str | None]:
        """Whose values are the segments, and why there is none."""
        features, reason = categorical_features(rows, [self.column] if self.column else [])
        features = [feature for feature in features if feature.owner != "item"]
        if reason is None and not features:
            reason = "a request has one user and one context, and they have no such categorical feature"
        if reason is not None:
            return "", reason
        possible = [each for each in features if each.owner == "user"] or features
        name = max((each.name for each in possible), key=lambda each: _entropy(_segments(rows, each)))
        if num_units(_segments(rows, name)) < 2:
            return name, f"every request has the same value of {name}"
        return name, None

    def _named(self, rows: DriftRows, name: str) -> Bools:
        """Requests with one of the values that were named, bool ``[Q]``."""
        column = rows.rows[name]
        named: Ints = column.astype("string").isin(self.values).to_numpy().astype(np.int64)
        return np.asarray(first_of_request(rows, named) == 1)


def favoured_segments(segment: Ints, *, seed: int) -> Bools:
    """Segments, as chance draws them, until they have a quarter of the requests; never all, ``[U]``."""
    size = np.bincount(segment)
    order = generator(seed, "drift", "segments").permutation(len(size))
    before = np.cumsum(size[order]) - size[order]
    favoured = np.zeros(len(size), dtype=np.bool_)
    favoured[order[before < SHARE_FAVOURED * len(segment)]] = True
    if favoured.all():
        favoured[order[-1]] = False
    return favoured


def _segments(rows: DriftRows, name: str) -> Ints:
    """Segment of each request, from 0, ``[Q]``."""
    return codes_of_numbers(first_of_request(rows, column_codes(rows, name)))


def codes_of_numbers(values: Ints) -> Ints:
    """Numbers as codes from 0, in order, ``[Q]``."""
    return np.asarray(np.unique(values, return_inverse=True)[1].astype(np.int64))


def _entropy(segment: Ints) -> float:
    share = np.bincount(segment) / len(segment)
    share = share[share > 0.0]
    return float(-(share * np.log(share)).sum())
