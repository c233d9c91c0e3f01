"""What a stage works with: the folder of a run, what it will do, and whom to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.app.calibration.after_training import Calibrated, fits_after_training, load_calibrated
from holdfast.app.composition import Plan
from holdfast.app.console import Console
from holdfast.app.new_ranker import new_ranker
from holdfast.app.prepared_run import PreparedRun
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import whole_file
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

    def fresh_ranker(self) -> Ranker:
        """The model with untrained weights, for the objectives that the log can teach."""
        prepared, seed = self.prepared, self.plan.settings.seed
        return new_ranker(self.plan, prepared.encoder(), prepared.heads(self.plan.heads), seed=seed)

    def uncalibrated_ranker(self) -> Ranker:
        """The model with the weights of its best epoch, as training left it."""
        from holdfast.training.checkpoints import load_best

        ranker = self.fresh_ranker()
        ranker.load_state_dict(load_best(self.folder.fit))
        return ranker.eval()

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
