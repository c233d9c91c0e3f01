"""Distributed training: the first process walks the stages, the others only help it to fit.

Lightning starts the other processes by running this program's command line again, which would start runs of
their own; so while it fits, the command line reads ``assist RUN``. Where somebody else starts all processes
(torchrun, SLURM), each sees its rank in the environment.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdfast.app.run_folder import RunFolder
from holdfast.core.errors import UserError

COMMAND = "assist"
RANK_VARIABLES = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
PATIENCE_SECONDS = 3600.0
_STARTED_AT = time.time()


def process_rank() -> int:
    """Rank of this process among those that train together; 0 where it is alone."""
    for name in RANK_VARIABLES:
        if os.environ.get(name, "").isdecimal():
            return int(os.environ[name])
    return 0


@contextlib.contextmanager
def others_assist(folder: RunFolder, *, resume: bool) -> Iterator[None]:
    """Within the block, processes that Lightning starts help with this run."""
    before = sys.argv
    sys.argv = [before[0], COMMAND, str(folder.path.resolve()), *(["resume"] if resume else [])]
    try:
        yield
    finally:
        sys.argv = before


def assist_command(words: Sequence[str]) -> int:
    """Run ``holdfast assist RUN [resume]``; Lightning may add words of its own."""
    if not words:
        raise UserError(
            "holdfast assist is for Lightning: it starts the other processes of a training with it"
        )
    assist(RunFolder(Path(words[0])), resume="resume" in words[1:])
    return 0


def assist(folder: RunFolder, *, resume: bool, prepared_anew: bool = False) -> None:
    """Fit beside the first process, and leave everything else to it.

    Args:
        folder: of the run.
        resume: whether the first process resumes.
        prepared_anew: whether it prepares the windows first; what it prepared some other day is then too old.

    Raises:
        UserError: the first process does not get ready.
    """
    from omegaconf import OmegaConf
    from rich.console import Console as RichConsole

    from holdfast.app.composition import plan
    from holdfast.app.console import Console
    from holdfast.app.fitting import train
    from holdfast.app.run import Run
    from holdfast.tracking.fan_out import Fanout

    deadline = time.monotonic() + PATIENCE_SECONDS
    since = _STARTED_AT if prepared_anew and not resume else 0.0
    while not (folder.is_run and folder.is_done("prepare") and folder.marked_at() >= since):
        if time.monotonic() > deadline:
            raise UserError(
                f"the first process has not prepared {folder.path} within an hour; look at its output"
            )
        time.sleep(0.5)
    made = plan(OmegaConf.create(folder.saved_config()))
    silent = Console(RichConsole(quiet=True))
    train(Run(folder=folder, plan=made, console=silent, run_log=Fanout(())), resume=resume)
