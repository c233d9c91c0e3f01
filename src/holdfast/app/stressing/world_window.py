"""The test window of a world that drifted: it runs again, with the change, under the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from holdfast.app.composition import Plan
from holdfast.app.head_fitting import dwell_population
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.simulating.scene import test_day
from holdfast.app.stressing.known_users import KnownUsers
from holdfast.core.errors import UserError
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.data.held_out import held_out_rows
from holdfast.data.log import Log
from holdfast.data.preparation import prepare_window
from holdfast.drift.world_drift import WorldDrift
from holdfast.evaluation.robustness.linearised import Users
from holdfast.simulation.world import DefaultWorld


@dataclass(frozen=True)
class WorldWindow:
    """The test window of a world that ran again.

    Attributes:
        encoded: by the encoder that was fitted on the clean train window, ``[N]``.
        rows: raw, ``[N]``.
        users: of the rows; those of the clean window keep their codes.
        truth: ``click_probability``, ``dwell_log_mean`` and more of what really happened, ``[N]``.
    """

    encoded: EncodedWindow
    rows: pd.DataFrame
    users: Users
    truth: pd.DataFrame


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

    def window(self, drift: WorldDrift, *, severity: int) -> WorldWindow:
        """The test window of the world with the change.

        Until the change the world is what it was, day by day, so that model, encoder and history before the
        window stay what they are. (A new market is the exception: its members have never been there before.)

        Raises:
            UserError: the world does not know the schedule, or nobody is left to judge by.
        """
        try:
            changes = drift.changes(self.world.changes, severity=severity, start_day=self.start_day)
            log, truth = self._run(replace(self.world, changes=changes))
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
        return WorldWindow(
            window.encoded, window.rows, self.known_users.of(window.rows["user_id"]), self._inside(log, truth)
        )

    @cached_property
    def clean_truth(self) -> pd.DataFrame:
        """What really happened in the clean test window, ``[N]``: the world runs once more as it was.

        Raises:
            UserError: it is not the world that the run was prepared from.
        """
        truth = self._inside(*self._run(self.world))
        if len(truth) != len(self.prepared.window("test")):
            raise UserError(
                "the world does not give the log again that this run was prepared from; start a new run, or "
                "leave out how strong drifts came out with stress.strength_rows=0"
            )
        return truth

    def _run(self, world: DefaultWorld) -> tuple[Log, pd.DataFrame]:
        """The log without what the split holds out, and the truth of its rows."""
        made = world.simulate()
        kept = ~held_out_rows(made.log, self.plan.split.held_out or {})
        return self.plan.split.kept(made.log), made.truth.impressions[kept].reset_index(drop=True)

    def _inside(self, log: Log, truth: pd.DataFrame) -> pd.DataFrame:
        """The truth of the rows of the test window."""
        bounds, shown_at = self.prepared.bounds["test"], log.frame["shown_at"]
        inside = ((shown_at >= bounds.start) & (shown_at < bounds.end)).to_numpy()
        return truth[inside].reset_index(drop=True)


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
