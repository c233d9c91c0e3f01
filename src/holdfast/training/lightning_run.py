"""Handing a training over to Lightning."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch

from holdfast.training.checkpoints import WholeCheckpointIO
from holdfast.training.data_module import WindowDataModule
from holdfast.training.module import RankingModule
from holdfast.training.quiet import environment_kept, quiet_lightning, torch_state_kept
from holdfast.training.settings import TrainerSettings


def run_lightning(
    module: RankingModule,
    data: WindowDataModule,
    settings: TrainerSettings,
    folder: Path,
    *,
    callbacks: list[pl.Callback],
    checkpoint: str | None,
) -> None:
    """Train, quietly, and leave the process as it was.

    Args:
        module: what is trained.
        data: on what.
        settings: how long, how safely.
        folder: where checkpoints go.
        callbacks: what happens beside the steps.
        checkpoint: where to go on from; None for the start.
    """
    with quiet_lightning(), torch_state_kept(), environment_kept():
        trainer = _trainer(settings, folder, callbacks=callbacks)
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as stop:
            # Lightning turns the user's Ctrl-C into an exit of its own.
            raise KeyboardInterrupt from stop


def _trainer(settings: TrainerSettings, folder: Path, *, callbacks: list[pl.Callback]) -> pl.Trainer:
    on_gpu = settings.accelerator != "cpu" and torch.cuda.is_available()
    # On a GPU an operation without a deterministic form should be told, not end the run.
    deterministic: bool | Literal["warn"] = (
        "warn" if on_gpu and settings.deterministic else settings.deterministic
    )
    precision: Any = settings.precision
    return pl.Trainer(
        max_epochs=settings.max_epochs,
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.num_nodes,
        strategy=settings.strategy,
        precision=precision,
        deterministic=deterministic,
        default_root_dir=folder,
        callbacks=callbacks,
        plugins=[WholeCheckpointIO()],
        # Ours do these.
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
    )
