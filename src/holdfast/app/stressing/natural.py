"""Drift that nobody made: the test days of markets, or of other values, that training never heard of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from holdfast.app.composition import Plan
from holdfast.app.head_fitting import dwell_population
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.stressing.conditions import Conditions
from holdfast.app.stressing.known_users import KnownUsers
from holdfast.app.stressing.later_days import log_of
from holdfast.app.stressing.scene import Scene
from holdfast.core.arrays import Ints
from holdfast.data.encoded import META_FIELDS
from holdfast.data.held_out import held_out_rows, values_of
from holdfast.data.preparation import PreparedWindow, prepare_window

ALL = "all held out"


def held_out_windows(
    scene: Scene, plan: Plan, prepared: PreparedRun, known: KnownUsers
) -> dict[str, Conditions]:
    """The ranker and the reference on what the split holds out, by ``column=value``; all of it if several.

    The history of these rows is that of the whole log, as a store would hold it that serves these markets
    too; ids and values are those that the encoder knows, and the others are unseen.

    Raises:
        UserError: the log is not the one that the run was prepared from.
    """
    asked = plan.split.held_out
    if not asked:
        return {}
    log = log_of(plan, prepared)
    masks = {name: mask for column in asked for name, mask in values_of(log, column, asked[column]).items()}
    if len(masks) > 1:
        masks[ALL] = held_out_rows(log, asked)
    bounds, shown_at = prepared.bounds["test"], log.frame["shown_at"]
    inside = ((shown_at >= bounds.start) & (shown_at < bounds.end)).to_numpy(dtype=np.bool_)
    window = prepare_window(
        log,
        bounds,
        history=plan.history,
        encoder=scene.encoder,
        objectives=prepared.objectives,
        horizon_days=plan.settings.horizon_days,
        dwell_population=dwell_population(plan.heads),
    )
    found = {}
    for name, mask in masks.items():
        rows = np.flatnonzero(mask[inside])
        if rows.size:
            part = _part(window, rows)
            found[name] = scene.elsewhere(part.encoded, part.rows, known.of(part.rows["user_id"]))
    return found


def without_test_rows(
    asked: Mapping[str, Sequence[Any]] | None, found: Mapping[str, Conditions]
) -> list[str]:
    """Held-out values, as ``column=value``, of which the test window has no row to judge by."""
    names = [f"{column}={value}" for column, values in (asked or {}).items() for value in values]
    return [name for name in names if name not in found]


def _part(window: PreparedWindow, rows: Ints) -> PreparedWindow:
    """Some rows of a window, ``[M]``."""
    encoded = window.encoded
    columns = {
        each.name: getattr(encoded, each.name)[rows]
        for each in fields(encoded)
        if each.name not in (*META_FIELDS, "lists")
    }
    part = replace(encoded, **columns, lists=tuple(each[rows] for each in encoded.lists))
    return replace(window, encoded=part, rows=window.rows.take(rows).reset_index(drop=True))
