"""The W&B mirror of a run's log: whatever W&B does, the run goes on."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import pandas as pd

from holdfast.core.files import write_text
from holdfast.tracking.deadline import DeadlineCaller
from holdfast.tracking.fan_out import Fanout
from holdfast.tracking.local import LocalRunLog
from holdfast.tracking.run_log import RunLog, Scalar, without_infinities

_LOGGER = logging.getLogger(__name__)
Result = TypeVar("Result")

MODES = ("offline", "online", "disabled")
ID_FILE = "wandb_id.txt"
MAX_TABLE_ROWS = 10_000
"""Rows of a table that W&B is given; its tables are for looking, the local file has all rows."""
MAX_TAG_LENGTH = 64
"""W&B refuses a run with a longer tag."""
_TEARDOWN_SECONDS = 5.0
_NOTHING = "Nothing of this run will be in W&B."
_OFFLINE_INSTEAD = "It is recorded offline instead: send it later with 'wandb sync'."


@dataclass(frozen=True, kw_only=True)
class Wandb:
    """Whether and where a run is mirrored to W&B. The local files are written in any case.

    Attributes:
        mode: ``offline`` writes a W&B run into the run's folder, to be sent later with ``wandb sync``;
            ``online`` sends it while it goes; ``disabled`` does not even import W&B. This setting decides:
            the environment variable ``WANDB_MODE`` is not looked at.
        project: W&B project.
        entity: W&B user or team; None for the account's default.
        group: overrides the group that the run proposes, so that runs of several experiments can share one.
        tags: added to those that the run proposes.
        init_timeout_seconds: patience with W&B: what it may take to reach the server. Opening a run is given
            up after twice as long, any later call after once.
        finish_timeout_seconds: what W&B may take to close a run, the rest of an upload included.
    """

    mode: Literal["offline", "online", "disabled"] = "offline"
    project: str = "holdfast"
    entity: str | None = None
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    init_timeout_seconds: float = 15.0
    finish_timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"tracking.mode is {self.mode!r}; choose one of {', '.join(MODES)}")
        if not self.project:
            raise ValueError("tracking.project is empty; name the W&B project, such as 'holdfast'")
        for name in ("init_timeout_seconds", "finish_timeout_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"tracking.{name} is {getattr(self, name)}; it must be above 0")

    def run_log(self) -> RunLog:
        """A fresh log for one run: local files, and W&B unless it is disabled."""
        local = LocalRunLog()
        return local if self.mode == "disabled" else Fanout((local, WandbRunLog(self)))


class WandbRunLog:
    """Mirrors one run to W&B; see ``RunLog`` for what the methods mean.

    Any failure of W&B is reported once and then costs only what W&B would have shown. Where it cannot open a
    run, or hangs, it is given up for this run; where it refuses a single call, later calls are still tried.
    """

    def __init__(self, settings: Wandb) -> None:
        self._settings = settings
        self._caller: DeadlineCaller | None = None
        self._run: Any = None
        self._folder = Path()
        self._environment: dict[str, str | None] = {}
        self._warned = False

    def start(
        self,
        config: Mapping[str, Any],
        *,
        name: str,
        group: str,
        job_type: str,
        tags: Sequence[str],
        folder: Path,
    ) -> None:
        """Open a W&B run; a folder that had one before continues it under the same id."""
        settings = self._settings
        self._folder = folder
        self._set_environment(folder)
        arguments = {
            "project": settings.project,
            "entity": settings.entity,
            "dir": str(folder),
            "name": name,
            "group": settings.group or group,
            "job_type": job_type,
            "tags": [tag[:MAX_TAG_LENGTH] for tag in dict.fromkeys((*tags, *settings.tags)) if tag],
            "config": without_infinities(config),
            "resume": "allow",
            # Others' runs in this process, a notebook's or another seed's, stay theirs and stay open.
            "reinit": "create_new",
        }
        last = "offline"
        for mode in dict.fromkeys((settings.mode, last)):
            self._caller = self._caller or DeadlineCaller("wandb")
            self._warned = False
            self._run = self._attempt(
                functools.partial(_open_run, arguments, mode, folder, settings),
                what=f"open a run {mode}",
                consequence=_NOTHING if mode == last else _OFFLINE_INSTEAD,
                seconds=2 * settings.init_timeout_seconds,
            )
            if self._run is not None:
                return

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Add points; the x axis is our own step, because W&B's refuses to go back when a run resumes."""
        row = {key: float(value) for key, value in values.items()}
        self._tell(lambda run: run.log({"step": int(step), **row}), what="take metrics")

    def log_summary(self, values: Mapping[str, Scalar]) -> None:
        """Set the run's summary."""
        self._tell(lambda run: run.summary.update(without_infinities(values)), what="take the summary")

    def log_table(self, name: str, frame: pd.DataFrame) -> None:
        """Send the first ``MAX_TABLE_ROWS`` rows."""
        self._tell(lambda run: run.log({name: _as_table(frame)}), what=f"take the table {name!r}")

    def rewind(self, step: int) -> None:
        """Nothing: W&B cannot unlog. Its curves show the repeated stretch twice."""

    def finish(self, *, failed: bool) -> None:
        """Close the W&B run, marked as crashed where the run failed."""
        if self._run is not None:
            limit = self._settings.finish_timeout_seconds
            exit_code = 1 if failed else 0
            self._tell(lambda run: run.finish(exit_code=exit_code), what="close the run", seconds=limit)
        self._run = None
        if self._caller is not None:
            self._caller.close()
        self._restore_environment()

    def _tell(self, call: Callable[[Any], object], *, what: str, seconds: float | None = None) -> None:
        run = self._run
        if run is not None:
            limit = self._settings.init_timeout_seconds if seconds is None else seconds
            self._attempt(lambda: call(run), what=what, consequence="", seconds=limit)

    def _attempt(
        self, call: Callable[[], Result], *, what: str, consequence: str, seconds: float
    ) -> Result | None:
        """Make a call of W&B's; None where it fails or hangs, which is reported the first time."""
        if self._caller is None:
            return None
        try:
            return self._caller.call(call, seconds=seconds)
        except TimeoutError as error:
            self._report(what, error, consequence or "Nothing more of this run will be in W&B.")
            self._run = self._caller = None
            _stop_service()
        # A mirror may break in any way, from a failed import to a full disk, and no way in which it breaks
        # is worth hours of training.
        except Exception as error:  # noqa: BLE001
            self._report(what, error, consequence or "Later calls are still tried, silently.")
        return None

    def _report(self, what: str, error: Exception, consequence: str) -> None:
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        _LOGGER.log(
            level,
            "W&B could not %s (%s: %s). %s The run itself goes on; its folder %s has everything.",
            what,
            type(error).__name__,
            str(error).strip().split("\n")[0],
            consequence,
            self._folder,
        )

    def _set_environment(self, folder: Path) -> None:
        """Settings that W&B reads from nowhere else; put back when the run is over."""
        values = {
            # Else artifacts, and so tables, are staged under the home folder, and are lost if the run moves.
            "WANDB_DATA_DIR": str(folder.resolve() / "wandb" / "data"),
            "WANDB_SILENT": "true",
            # Else one that the user has set contradicts the setting.
            "WANDB_MODE": self._settings.mode,
        }
        if self._settings.mode == "offline":
            values["WANDB_ERROR_REPORTING"] = "false"
        self._environment = {key: os.environ.get(key) for key in values}
        os.environ.update(values)

    def _restore_environment(self) -> None:
        for key, value in self._environment.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
        self._environment = {}


def _open_run(arguments: dict[str, Any], mode: Any, folder: Path, wanted: Wandb) -> Any:
    import wandb

    # Left to itself, W&B would ask on the terminal and wait for somebody to type.
    if mode == "online" and wandb.run is None and not wandb.login(prompt=False, verify=False):
        raise PermissionError("no API key; run 'wandb login' or set WANDB_API_KEY")
    (folder / "wandb").mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(
        silent=True, console="off", save_code=False, init_timeout=wanted.init_timeout_seconds
    )
    # W&B holds on to the id of a run that it could not open, so the second try needs another.
    run_id = _run_id(folder) + ("" if mode == wanted.mode else f"-{mode}")
    run = wandb.init(**arguments, mode=mode, id=run_id, settings=settings)
    run.define_metric("*", step_metric="step")
    return run


def _run_id(folder: Path) -> str:
    """The id under which W&B knows the run; it lies in the folder, and so moves and resumes with it."""
    path = folder / ID_FILE
    if not path.exists():
        write_text(path, secrets.token_hex(4) + "\n")
    return path.read_text(encoding="utf-8").strip()


def _as_table(frame: pd.DataFrame) -> Any:
    import wandb

    head = frame.head(MAX_TABLE_ROWS)
    columns: list[Any] = [str(name) for name in head.columns]
    rows: list[Any] = [[_cell(value) for value in row] for row in head.itertuples(index=False, name=None)]
    return wandb.Table(columns=columns, data=rows, allow_mixed_types=True)


def _cell(value: Any) -> Scalar:
    """A value as W&B's tables take it."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if value == value else None
    return None if value is pd.NaT or value is pd.NA else str(value)


def _stop_service() -> None:
    """End W&B's helper process, for which it would wait, without limit, when ours ends.

    There is no public way to do so; where the private one has changed, all that is lost is a timely end.
    """
    with contextlib.suppress(Exception):
        from wandb.sdk import wandb_setup

        connection: Any = wandb_setup.singleton()._connection
        connection._proc._process.kill()
        # W&B now takes leave of a dead process, which fails, and then starts a new one for the next run.
        DeadlineCaller("wandb-teardown").call(wandb_setup.teardown, seconds=_TEARDOWN_SECONDS)
