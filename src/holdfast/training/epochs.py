"""What happens when an epoch ends."""

from __future__ import annotations

import math
from pathlib import Path

import pytorch_lightning as pl

from holdfast.tracking.run_log import RunLog
from holdfast.training.checkpoints import RunState, save_best
from holdfast.training.gates import GateWatch
from holdfast.training.module import RankingModule
from holdfast.training.progress import Watch
from holdfast.training.selection import Selection


class EpochEnd(pl.Callback):
    """Judges the epoch, keeps the best weights, logs, stops where it is time, and saves the run.

    In this order: a run that is killed before it is saved repeats the epoch, bit for bit, and with it all
    that comes before.
    """

    def __init__(
        self,
        folder: Path,
        *,
        selection: Selection,
        run_state: RunState,
        run_log: RunLog | None,
        watch: Watch,
        gates: GateWatch,
    ) -> None:
        self.folder = folder
        self.selection = selection
        self.run_state = run_state
        self.run_log = run_log
        self.watch = watch
        self.gates = gates

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """All of it; validation is over by now."""
        assert isinstance(pl_module, RankingModule)
        epoch = trainer.current_epoch
        metrics = {
            **pl_module.epoch_losses("train"),
            **pl_module.epoch_losses("validation"),
            **pl_module.epoch_propensities(),
            **pl_module.epoch_balance(),
            **self.gates.epoch_gates(trainer),
        }
        if self.selection.update(epoch, metrics):
            save_best(trainer, pl_module.ranker.state_dict(), self.folder)
        if trainer.is_global_zero and self.run_log is not None:
            # Not a number means that nothing was known; a log has no place for it.
            known = {name: value for name, value in metrics.items() if not math.isnan(value)}
            self.run_log.log_metrics(known, step=epoch)
        pl_module.end_balance_epoch(metrics)
        if self.selection.exhausted:
            trainer.should_stop = True
        self.run_state.write(trainer, epoch=epoch + 1, batches_done=0)
        self.watch.tell(trainer, epoch=epoch, batch=int(trainer.num_training_batches), is_over=True)
