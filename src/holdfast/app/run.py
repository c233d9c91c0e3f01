"""What a stage works with: the folder of a run, what it will do, and whom to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.app.calibration.after_training import Calibrated, fits_after_training, load_calibrated
from holdfast.app.composition import Plan
from holdfast.app.console import Console
from holdfast.app.new_ranker import member_seed, new_ranker
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import whole_file
from holdfast.models.ensemble import RankerEnsemble
from holdfast.models.ranker import Ranker
from holdfast.tracking.run_log import RunLog

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a stage works with."""

    folder: RunFolder
    plan: Plan
    console: Console
    run_log: RunLog

    @property
    def prepared(self) -> PreparedRun:
        """What the stage prepare left."""
        return PreparedRun(self.folder.prepared)

    def fresh_ranker(self, member: int = 0) -> Ranker:
        """The model with untrained weights, for the objectives that the log can teach."""
        prepared, seed = self.prepared, member_seed(self.plan.settings.seed, member)
        return new_ranker(self.plan, prepared.encoder(), prepared.heads(self.plan.heads), seed=seed)

    def fit_folder(self, member: int = 0) -> Path:
        """Where the weights of a member of the run's ensemble are; the first one's are the run's."""
        return self.folder.fit / f"member_{member}" if member else self.folder.fit

    def uncalibrated_ranker(self) -> Ranker:
        """The model with the weights of its best epoch, or several of them as one, as training left it."""
        from holdfast.training.checkpoints import load_best

        members = []
        for member in range(self.plan.robust.ensemble.members):
            ranker = self.fresh_ranker(member)
            ranker.load_state_dict(load_best(self.fit_folder(member)))
            members.append(ranker)
        return members[0].eval() if len(members) == 1 else RankerEnsemble(members).eval()

    def trained_ranker(self) -> Ranker:
        """The model as it is served: the weights of its best epoch, calibrated where the run asks for it."""
        ranker = self.uncalibrated_ranker()
        ranker.calibration = self.calibrated.calibration
        return ranker

    @property
    def served_plan(self) -> Plan:
        """The plan with the fusion that is served: fitted, where it needs that."""
        return replace(self.plan, fusion=self.calibrated.fusion)

    @property
    def calibrated(self) -> Calibrated:
        """What the stage calibrate left; nothing where there was nothing to fit."""
        if not fits_after_training(self.plan):
            return Calibrated(None, self.plan.fusion, {})
        return load_calibrated(self.folder.calibrated, self.plan)

    def save_tables(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write tables into the run's folder, and tell the tracker."""
        self.folder.tables.mkdir(exist_ok=True)
        for name, table in tables.items():
            with whole_file(self.folder.tables / f"{name}.parquet") as temporary:
                table.to_parquet(temporary, index=False)
            self.run_log.log_table(name, table)

    def drop_table(self, name: str) -> None:
        """Remove a table that an earlier run of a stage left, and that its settings no longer give."""
        (self.folder.tables / f"{name}.parquet").unlink(missing_ok=True)
