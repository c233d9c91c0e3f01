"""The test window of a world that drifted: it runs again, with the change, under the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.head_fitting import dwell_population
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.simulating.scene import test_day
from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.data.preparation import prepare_window
from holdfast.drift.world_drift import WorldDrift
from holdfast.evaluation.robustness.linearised import Users
from holdfast.simulation.world import DefaultWorld


@dataclass(frozen=True)
class DriftedWorld:
    """What other worlds are made from.

    Attributes:
        world: as the log was made.
        start_day: first day of the test window, 0 the first of the log.
        plan: of the run.
        prepared: what the stage prepare left.
        encoder: as fitted on the clean train window.
        user_ids: of the users of the clean test window, by code, ``[U]``.
    """

    world: DefaultWorld
    start_day: int
    plan: Plan
    prepared: PreparedRun
    encoder: Encoder
    user_ids: pd.Index

    def window(self, drift: WorldDrift, *, severity: int) -> tuple[EncodedWindow, pd.DataFrame, Users]:
        """The test window of the world with the change, encoded; its raw rows; its users.

        Until the change the world is what it was, day by day, so that model, encoder and history before the
        window stay what they are.

        Raises:
            UserError: the world does not know the schedule, or nobody is left to judge by.
        """
        try:
            changes = drift.changes(self.world.changes, severity=severity, start_day=self.start_day)
            log = replace(self.world, changes=changes).read()
        except ValueError as error:
            raise UserError(f"the world cannot run again with {drift.schedule}: {error}") from error
        window = prepare_window(
            log,
            self.prepared.bounds["test"],
            history=self.plan.history,
            encoder=self.encoder,
            objectives=self.prepared.objectives,
            horizon_days=self.plan.settings.horizon_days,
            dwell_population=dwell_population(self.plan.heads),
        )
        return window.encoded, window.rows, self._users(window.rows["user_id"])

    def _users(self, user_id: pd.Series) -> Users:
        """Users of the clean window keep their codes, so that resamples stay paired; others follow."""
        code: Ints = np.asarray(self.user_ids.get_indexer(pd.Index(user_id)), dtype=np.int64)
        new = code < 0
        num = len(self.user_ids)
        if new.any():
            code = code.copy()
            code[new] = num + pd.factorize(user_id[new])[0]
            num = int(code.max()) + 1
        return Users(code, num)


def drifted_world(plan: Plan, prepared: PreparedRun, user_id: pd.Series, codes: Ints) -> DriftedWorld | None:
    """The maker of other worlds; None where the log comes from none.

    Args:
        plan: of the run.
        prepared: what the stage prepare left.
        user_id: of each row of the clean test window, ``[N]``.
        codes: of their users, ``[N]``.
    """
    if not isinstance(plan.source, DefaultWorld):
        return None
    names = pd.Series(user_id.to_numpy(), index=codes)
    names = names[~names.index.duplicated()].sort_index()
    return DriftedWorld(
        world=plan.source,
        start_day=test_day(plan.split, num_days=plan.source.num_days),
        plan=plan,
        prepared=prepared,
        encoder=prepared.encoder(),
        user_ids=pd.Index(names.to_numpy()),
    )
