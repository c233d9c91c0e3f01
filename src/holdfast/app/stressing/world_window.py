"""The test window of a world that drifted: it runs again, with the change, under the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.head_fitting import dwell_population
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.simulating.scene import test_day
from holdfast.app.stressing.known_users import KnownUsers
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
        known_users: of the clean test window.
    """

    world: DefaultWorld
    start_day: int
    plan: Plan
    prepared: PreparedRun
    encoder: Encoder
    known_users: KnownUsers

    def window(self, drift: WorldDrift, *, severity: int) -> tuple[EncodedWindow, pd.DataFrame, Users]:
        """The test window of the world with the change, encoded; its raw rows; its users.

        Until the change the world is what it was, day by day, so that model, encoder and history before the
        window stay what they are. (A new market is the exception: its members have never been there before.)

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
        return window.encoded, window.rows, self.known_users.of(window.rows["user_id"])


def drifted_world(plan: Plan, prepared: PreparedRun, known_users: KnownUsers) -> DriftedWorld | None:
    """The maker of other worlds; None where the log comes from none.

    Args:
        plan: of the run.
        prepared: what the stage prepare left.
        known_users: of the clean test window.
    """
    if not isinstance(plan.source, DefaultWorld):
        return None
    return DriftedWorld(
        world=plan.source,
        start_day=test_day(plan.split, num_days=plan.source.num_days),
        plan=plan,
        prepared=prepared,
        encoder=prepared.encoder(),
        known_users=known_users,
    )
