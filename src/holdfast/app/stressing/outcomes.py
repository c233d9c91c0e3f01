"""From an encoded window to what its rows are judged by.

N rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from holdfast.app.dwell_measuring import dwell_outcome
from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.protocols import Population
from holdfast.data.encoded import EncodedWindow
from holdfast.data.outcomes import OutcomeColumns, follow_up_days, outcome_columns, user_day_codes
from holdfast.drift.injector import Drifted
from holdfast.evaluation.robustness.judged_rows import JudgedRows
from holdfast.evaluation.robustness.linearised import Users


def judged_rows(
    window: EncodedWindow, *, users: Users, population: Population, horizon: int, cutoff: int
) -> JudgedRows:
    """The outcomes of a window, each objective's as the stage evaluate takes them."""
    outcomes = {name: place for place, name in enumerate(window.objectives)}
    click = dwell = retention = None
    worth_known = np.ones(len(window), dtype=bool)
    if "click" in outcomes:
        place = outcomes["click"]
        click = (window.value[:, place], window.known[:, place])
        worth_known = window.known[:, place]
    if "dwell" in outcomes:
        place = outcomes["dwell"]
        outcome = dwell_outcome(window, population=population)
        dwell = (outcome.seconds, outcome.event, outcome.opened)
        stays = window.known[:, place] & ((window.value[:, place] > 0.0) | (population == "opened"))
        if click is not None:
            worth_known = worth_known & ~((click[0] > 0.0) & ~stays)
    if "retention" in outcomes:
        place = outcomes["retention"]
        retention = (window.value[:, place], window.event[:, place])
    return JudgedRows(
        users=users,
        request=window.request,
        user_day=window.user_day,
        day=window.day,
        rows_of_user_day=None,
        click=click,
        dwell=dwell,
        worth_known=worth_known,
        retention=retention,
        follow_up_days=window.follow_up_days,
        horizon=horizon,
        cutoff=cutoff,
    )


COLUMNS_OF: dict[str, tuple[str, ...]] = {
    "click": ("click",),
    "dwell": ("click", "dwell_seconds", "dwell_cut"),
    "retention": ("next_visit_at", "user_id"),
}
"""Columns of the log that an objective's labels are made of."""


def with_labels(
    judged: JudgedRows, drifted: Drifted, clean: EncodedWindow, *, population: Population, horizon_days: int
) -> JudgedRows:
    """Drifted rows with labels as the drifted log knows them; labels that cannot have changed are kept.

    Args:
        judged: the same rows with the labels of the clean ones, ``[N]``.
        drifted: the raw rows, ``[N]``, and what changed in them.
        clean: the clean window that they came from.
        population: rows on which dwell is defined.
        horizon_days: days of absence that labels tell apart.
    """
    rows = drifted.rows
    view, source = rows.view(), rows.source
    columns = drifted.changed_columns
    later = follow_up_days(view, horizon_days=horizon_days)
    known_until = not np.array_equal(later, judged.follow_up_days)
    changed = {
        name
        for name in clean.objectives
        if columns is None or known_until or set(COLUMNS_OF[name]) & set(columns)
    }
    outcomes = {
        name: outcome_columns(view, name, horizon_days=horizon_days, dwell_population=population)
        for name in changed
    }
    labels = [_labels(clean, name, source, outcomes.get(name)) for name in clean.objectives]
    user_day = judged.user_day
    if "retention" in changed:
        user_day = user_day_codes(rows.rows["user_id"], view.local_days())
    made = judged_rows(
        replace(
            clean,
            value=np.stack([each[0] for each in labels], axis=1),
            event=np.stack([each[1] for each in labels], axis=1),
            known=np.stack([each[2] for each in labels], axis=1),
            content_seconds=clean.content_seconds[source],
            request=judged.request,
            user_day=user_day,
            day=judged.day,
            follow_up_days=later,
        ),
        users=judged.users,
        population=population,
        horizon=judged.horizon,
        cutoff=judged.cutoff,
    )
    kept: dict[str, Any] = {name: getattr(judged, name) for name in clean.objectives if name not in changed}
    if not {"click", "dwell"} & changed:
        kept["worth_known"] = judged.worth_known
    if "retention" not in changed:
        kept["rows_of_user_day"] = judged.rows_of_user_day
        kept["follow_up_days"] = judged.follow_up_days
    return replace(made, **kept)


def _labels(
    clean: EncodedWindow, name: str, source: Ints, made: OutcomeColumns | None
) -> tuple[Floats, Bools, Bools]:
    """Value, event and known of an objective, ``[N]`` each."""
    if made is not None:
        return made.value, made.event, made.known
    place = clean.index_of(name)
    return clean.value[source, place], clean.event[source, place], clean.known[source, place]
