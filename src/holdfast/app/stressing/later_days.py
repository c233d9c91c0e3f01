"""Days after the test window: how a model that nobody trains again wears off, and how its successors do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.head_fitting import dwell_population
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.conditions import Conditions
from holdfast.app.stressing.known_users import KnownUsers
from holdfast.app.stressing.records import prefixes_in
from holdfast.app.stressing.scene import Scene
from holdfast.core.errors import UserError
from holdfast.data.log import Log, local_day
from holdfast.data.preparation import prepare_window


def days_of_later_folds(
    scene: Scene, plan: Plan, prepared: PreparedRun, known: KnownUsers
) -> dict[int, Conditions]:
    """The test windows of the walk-forward folds to come, day by day, with the model as it is.

    Each is looked at as of the moment at which its own fold looks at it. Empty for the last fold.

    Raises:
        UserError: the log is not the one that the run was prepared from.
    """
    split = plan.split
    if split.fold == split.num_folds - 1:
        return {}
    log = split.kept(log_of(plan, prepared))
    found: dict[int, Conditions] = {}
    for fold in range(split.fold + 1, split.num_folds):
        window = prepare_window(
            log,
            replace(split, fold=fold).windows(log)["test"],
            history=plan.history,
            encoder=scene.encoder,
            objectives=prepared.objectives,
            horizon_days=plan.settings.horizon_days,
            dwell_population=dwell_population(plan.heads),
        )
        found |= scene.elsewhere_by_day(window.encoded, window.rows, known.of(window.rows["user_id"]))
    return found


def log_of(plan: Plan, prepared: PreparedRun) -> Log:
    """The log that a run was prepared from, read again.

    Raises:
        UserError: it is another one now.
    """
    log = plan.source.read()
    if log.fingerprint() != prepared.summary["fingerprint"]:
        raise UserError(
            "the log is not the one that this run was prepared from (its fingerprint differs); bring that "
            "log back, or start a new run"
        )
    return log


def days_of_successors(
    folders: Sequence[str], *, last_train_day: int, prefix: str, data: str
) -> pd.DataFrame:
    """What runs of later folds measured on their own test windows: the days with retraining.

    Args:
        folders: of those runs, stressed.
        last_train_day: of the first model, since 1970-01-01; days count from it.
        prefix: of the suite that they were stressed by, if there is a choice: days are clean in all of them.
        data: fingerprint of the log of the first model.

    Raises:
        UserError: a run was not stressed, is of another log, or was trained no later than the first model.
    """
    parts = []
    for name in folders:
        folder = RunFolder(Path(name))
        prefixes = [each for each in (prefix, *prefixes_in(folder)) if _days_of(folder, each).is_file()]
        if not prefixes or not folder.is_done("stress"):
            raise UserError(
                f"stress.retrained names {name}, which was not stressed; run_dir={name} "
                "stages=[stress,report] does it"
            )
        prepared = PreparedRun(folder.prepared)
        if prepared.summary["fingerprint"] != data:
            raise UserError(
                f"stress.retrained names {name}, which was prepared from another log, whose days are other "
                "days; name runs of later folds of this run's log (split.num_folds, split.fold)"
            )
        trained_until = local_day(prepared.bounds["train"].end, prepared.card.time_zone) - 1
        if trained_until <= last_train_day:
            raise UserError(
                f"stress.retrained names {name}, which was trained no later than this run; name runs of "
                "later folds (split.num_folds, split.fold)"
            )
        table = pd.read_parquet(_days_of(folder, prefixes[0]))
        parts.append(table[(table["window"] == "test") & (table["model"] == "this run")])
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    return table.assign(model="retrained", days_since_training=table["day"] - last_train_day)


def _days_of(folder: RunFolder, prefix: str) -> Path:
    return folder.tables / f"{prefix}_days.parquet"
