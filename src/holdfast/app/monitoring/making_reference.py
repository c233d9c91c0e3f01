"""The reference of a run: its train and validation rows, scored by the model that is exported."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.monitoring.opening import watcher_of
from holdfast.app.monitoring.scored_rows import Outcome, ScoredRows
from holdfast.app.monitoring.watch_reference import make_watch_reference, save_watch_reference
from holdfast.app.prepared_run import PreparedRun
from holdfast.data.log import Log
from holdfast.serving.bundle import Bundle


def add_reference(bundle: Bundle, plan: Plan, prepared: PreparedRun) -> None:
    """Write the reference into a bundle that is not sealed yet; nothing where a run kept no rows for it."""
    rows = prepared.reference_rows()
    if not rows:
        return
    watcher, card, bounds = watcher_of(bundle, plan), prepared.card, prepared.bounds
    parts = [
        watcher.score(Log(frame, card, bounds[name].as_of)) for name, frame in rows.items() if len(frame)
    ]
    users = pd.concat([frame["user_id"] for frame in rows.values() if len(frame)], ignore_index=True)
    scored = _together(parts, user=pd.factorize(users)[0].astype(np.int64))
    categorical = [name for name, each in watcher.inputs.items() if each["kind"] == "categorical"]
    reference = make_watch_reference(scored, categorical=categorical, zone=card.time_zone)
    save_watch_reference(reference, bundle.reference_folder)


def _together(parts: list[ScoredRows], *, user: np.ndarray) -> ScoredRows:
    heads = [head for head in parts[0].outcomes if all(head in part.outcomes for part in parts)]
    return ScoredRows(
        pd.concat([part.features for part in parts], ignore_index=True),
        pd.concat([part.predictions for part in parts], ignore_index=True),
        {head: _outcome([part.outcomes[head] for part in parts]) for head in heads},
        np.concatenate([part.day for part in parts]),
        user,
    )


def _outcome(parts: list[Outcome]) -> Outcome:
    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    late: Mapping[str, np.ndarray] = {} if parts[0].age is None else {n: joined(n) for n in ("age", "delay")}
    return Outcome(
        joined("predicted"),
        joined("observed"),
        joined("known"),
        horizon_days=parts[0].horizon_days,
        **late,
    )
