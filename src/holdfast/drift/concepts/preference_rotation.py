"""Some users come to prefer what they used to pass over: a surrogate.

N rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.drift.changed import anything_changed, changed_cells, told
from holdfast.drift.concepts.outcomes import clicked, dwell_of, no_click
from holdfast.drift.concepts.steering import Steering, click_steering, possible_features
from holdfast.drift.injector import Drifted, Family, Kind, unchanged
from holdfast.drift.ladder import check_strengths, strength_at
from holdfast.drift.rows import DriftRows
from holdfast.drift.units import chances, num_units, unit_codes


def _shares() -> list[float]:
    return [0.1, 0.25, 0.5, 0.75, 1.0]


@dataclass(frozen=True, kw_only=True)
class PreferenceRotation:
    """In the requests of turned users outcomes change places: the best row's go to the worst, and so on.

    Best and worst are told by the item feature that goes along with clicks. A request keeps its number of
    clicks, its day and its return; a stay that moves to shorter content ends with it.

    Attributes:
        strengths: share of the users who turned, in (0, 1].
        feature: numeric; if empty, the item feature whose quantile goes along with clicks most, whichever
            way: of the card, or of the history if it has none.
    """

    strengths: list[float] = field(default_factory=_shares)
    feature: str = ""

    kind: ClassVar[Kind] = "concept"
    family: ClassVar[Family] = Family.HELD_OUT
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_strengths(self.strengths, least=0.0, most=1.0)

    def fits(self, rows: DriftRows) -> str | None:
        """Why not; see ``Injector``."""
        names, reason = possible_features(rows, "item", self.feature)
        reason = no_click(rows) or reason
        if reason is None and num_units(unit_codes(rows, "request")) == len(rows):
            return "every request has one row only: there is nothing that could be preferred instead"
        if reason is None and not _can_turn(rows, names):
            return "outcomes stay what they are if they change places: within requests they are alike"
        return reason

    def inject(self, rows: DriftRows, *, severity: int, seed: int) -> Drifted:
        """The rows after the drift; see ``Injector``."""
        share = strength_at(self, rows, severity)
        if share is None:
            return unchanged(rows)
        names, _ = possible_features(rows, "item", self.feature)
        draw = click_steering(rows, names)
        mirror = _mirrored(rows, draw)
        turned = chances(rows, "user", seed, "preference_rotation") < share
        place = np.where(turned, mirror, np.arange(len(rows)))
        changed = place != np.arange(len(rows))
        columns = _moved(rows, place)
        figures = {"share_of_users": _share_of_users(rows, turned)}
        note = f"surrogate: turned users take {draw.said} for what they used to pass over"
        return told(rows, Drifted(rows.with_columns(columns), tuple(columns), changed, (note,), figures))

    def strength_of(self, clean: DriftRows, drifted: Drifted) -> float:
        """Share of the clicks that are at another row, or have another stay."""
        before = clicked(clean)
        other = ~clicked(drifted.rows)
        if "dwell_seconds" in clean.rows:
            other |= changed_cells(clean.rows["dwell_seconds"], drifted.rows.rows["dwell_seconds"])
        return float((before & other).sum() / max(int(before.sum()), 1))


def _can_turn(rows: DriftRows, names: list[str]) -> bool:
    """Whether anything is different when all users turn."""

    def look() -> bool:
        place = _mirrored(rows, click_steering(rows, names))
        columns = _moved(rows, place)
        return anything_changed(rows, Drifted(rows.with_columns(columns), tuple(columns), None))

    return rows.derived(("can turn", *names), look)


def _mirrored(rows: DriftRows, draw: Steering) -> Ints:
    """See ``_mirror``; rows without the feature stand in the middle."""
    return rows.derived(
        ("mirror", draw.name),
        lambda: _mirror(unit_codes(rows, "request"), np.nan_to_num(draw.rank, nan=0.5)),
    )


def _mirror(request: Ints, rank: Floats) -> Ints:
    """The row of the same request that stands as far from its end, by rank, ``[N]``; its own inverse."""
    order = np.lexsort((rank, request))
    size = np.bincount(request)
    start = np.cumsum(size) - size
    codes = request[order]
    place = np.arange(len(order))
    mirror = np.empty_like(order)
    mirror[order] = order[2 * start[codes] + size[codes] - 1 - place]
    return mirror


def _moved(rows: DriftRows, place: Ints) -> dict[str, np.ndarray]:
    frame = rows.rows
    columns = {"click": frame["click"].array.take(place)}
    if "dwell_seconds" in frame:
        dwell = dwell_of(rows)[place]
        if "content_seconds" in frame:
            # Where nothing moved the log stays as it was, even with a stay a little above its content.
            capped = np.fmin(dwell, np.where(np.isnan(dwell), np.nan, frame["content_seconds"]))
            dwell = np.where(place != np.arange(len(place)), capped, dwell)
        columns["dwell_seconds"] = dwell
    if "dwell_cut" in frame:
        columns["dwell_cut"] = frame["dwell_cut"].to_numpy()[place]
    return columns


def _share_of_users(rows: DriftRows, turned: Bools) -> float:
    user = unit_codes(rows, "user")
    return float(len(np.unique(user[turned])) / num_units(user))
