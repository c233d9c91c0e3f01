"""From an encoded window to what its rows are judged by.

N rows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from holdfast.app.dwell_measuring import dwell_outcome
from holdfast.core.protocols import Population
from holdfast.data.encoded import EncodedWindow
from holdfast.data.outcomes import follow_up_days, outcome_columns, user_day_codes
from holdfast.drift.rows import DriftRows
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


def with_labels(
    judged: JudgedRows, rows: DriftRows, clean: EncodedWindow, *, population: Population, horizon_days: int
) -> JudgedRows:
    """Drifted rows with labels as the drifted log knows them.

    Args:
        judged: the same rows with the labels of the clean ones, ``[N]``.
        rows: raw, ``[N]``.
        clean: the clean window that they came from.
        population: rows on which dwell is defined.
        horizon_days: days of absence that labels tell apart.
    """
    view = rows.view()
    made = [
        outcome_columns(view, name, horizon_days=horizon_days, dwell_population=population)
        for name in clean.objectives
    ]
    window = replace(
        clean,
        value=np.stack([each.value for each in made], axis=1),
        event=np.stack([each.event for each in made], axis=1),
        known=np.stack([each.known for each in made], axis=1),
        content_seconds=clean.content_seconds[rows.source],
        request=judged.request,
        user_day=user_day_codes(rows.rows["user_id"], view.local_days()),
        day=judged.day,
        follow_up_days=follow_up_days(view, horizon_days=horizon_days),
    )
    return judged_rows(
        window, users=judged.users, population=population, horizon=judged.horizon, cutoff=judged.cutoff
    )
