"""What a run leaves behind, and how far it has come."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from holdfast.app.robust_plan import PLAIN
from holdfast.core.errors import UserError
from holdfast.core.files import read_json, write_json, write_text

CONFIG_FILE = "config.yaml"
STATE_FILE = "state.json"
# What may be asked anew of a saved run; everything else decided what was prepared and fitted.
CHANGEABLE = (
    "stages",
    "run_dir",
    "runs_dir",
    "resume",
    "evaluation",
    "counterfactual",
    "simulation",
    "policy",
    "calibration",
    "stress",
    "drift",
    "monitor",
    "fusion",
    "tracking",
    "tags",
    "question",
)


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / CONFIG_FILE
        self.manifest_file = path / "manifest.json"
        self.metrics_file = path / "metrics.json"
        self.report_file = path / "report.html"
        self.quarantine_file = path / "quarantine.parquet"
        self.prepared = path / "prepared"
        self.fit = path / "fit"
        self.calibrated = path / "calibrated"
        self.tables = path / "tables"
        self.bundle = path / "bundle"
        self.simulation = path / "simulation"
        self.counterfactual_file = path / "counterfactual.json"
        self.simulation_file = path / "simulation.json"
        self.stress = path / "stress"
        self.monitor = path / "monitor"
        self._state_file = path / STATE_FILE

    @property
    def is_run(self) -> bool:
        """Whether a run has been started here."""
        return self._state_file.is_file()

    def saved_config(self) -> dict[str, Any]:
        """The resolved configuration that the run was started with, and what older runs meant unsaid.

        Raises:
            UserError: the file is not a configuration.
        """
        try:
            config = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise UserError(
                f"{self.config_file} is not valid YAML; it may have been edited: {error}"
            ) from error
        if not isinstance(config, dict):
            raise UserError(f"{self.config_file} does not hold a configuration; it may have been cut off")
        return _with_what_was_meant(config)

    def make(self) -> None:
        """Make the folder, if it is not there.

        Raises:
            UserError: it cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot make {self.path}: {error.strerror}; choose another place with run_dir=..."
            ) from error

    def start(self, config_yaml: str) -> None:
        """Make the folder and write the configuration; from then on it holds a run.

        Raises:
            UserError: the folder cannot be made or written to.
        """
        self.make()
        try:
            write_text(self.config_file, config_yaml)
            if not self._state_file.is_file():
                write_json(self._state_file, {})
        except OSError as error:
            raise UserError(
                f"cannot write the run to {self.path}: {error.strerror}; choose another run_dir=..."
            ) from error

    def state(self) -> dict[str, Any]:
        """What is known of each stage: ``done`` and how many ``seconds`` it took."""
        if not self._state_file.is_file():
            return {}
        try:
            state = read_json(self._state_file)
        except ValueError as error:
            raise UserError(str(error)) from error
        if not isinstance(state, dict) or not all(isinstance(each, dict) for each in state.values()):
            raise UserError(f"{self._state_file} does not hold a mapping; it may have been edited")
        return state

    def marked_at(self) -> float:
        """When a stage was last marked, in seconds since 1970."""
        return self._state_file.stat().st_mtime

    def is_done(self, stage: str) -> bool:
        """Whether a stage has been finished."""
        return bool(self.state().get(stage, {}).get("done", False))

    def mark(self, stage: str, *, done: bool, seconds: float = 0.0, after: tuple[str, ...] = ()) -> None:
        """Record a stage; the stages ``after`` it rest on what it made, and count as not done."""
        state = self.state()
        state[stage] = {"done": done, "seconds": round(seconds, 3)}
        for later in after:
            state.pop(later, None)
        write_json(self._state_file, state)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder, so that two processes never write one run.

        Raises:
            UserError: another process holds it.
        """
        with (self.path / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(
                    f"another process is at work in {self.path}; wait for it, or start a run of its own"
                ) from error
            yield


def new_run_folder(runs_dir: Path, name: str) -> RunFolder:
    """A folder that did not exist before, named by the time: ``runs_dir/name/<time>``.

    Raises:
        UserError: it cannot be made.
    """
    stamp = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    parent = runs_dir / name
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"_{count}" for count in range(2, 1000))):
            path = parent / f"{stamp}{suffix}"
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return RunFolder(path)
    except OSError as error:
        raise UserError(
            f"cannot make a folder below {parent}: {error.strerror}; choose another place with runs_dir=..."
        ) from error
    raise UserError(f"{parent} already holds a thousand runs of this second")


def _with_what_was_meant(config: dict[str, Any]) -> dict[str, Any]:
    """A saved configuration with the parts that had no name when there was only one choice of them."""
    only_choice = {
        "sequence": {"_target_": "holdfast.models.sequences.mean_pooling.MeanPooling"},
        "interaction": {"_target_": "holdfast.models.interactions.concatenation.Concatenation"},
    }
    model = config.get("model")
    if not isinstance(model, dict):
        return config
    robust = {**PLAIN, **config.get("robust", {})}
    return {**config, "model": {**only_choice, **model}, "robust": robust}


def newest_unfinished(runs_dir: Path, name: str, config: dict[str, Any]) -> RunFolder | None:
    """The newest run of this name and configuration that has not finished every stage asked for, if any."""
    for path in sorted((runs_dir / name).glob("*"), reverse=True):
        folder = RunFolder(path)
        if not folder.is_run:
            continue
        try:
            saved = folder.saved_config()
            unfinished = any(not folder.is_done(stage) for stage in config["stages"])
        except (UserError, OSError):
            continue  # a damaged neighbour is no run to go on with
        if unfinished and not differing_keys(saved, config):
            return folder
    return None


def differing_keys(saved: dict[str, Any], asked: dict[str, Any], prefix: str = "") -> list[str]:
    """The full keys in which two configurations differ, those that may be asked anew left out."""
    found: list[str] = []
    for key in sorted({*saved, *asked}):
        if not prefix and key in CHANGEABLE:
            continue
        one, other = saved.get(key), asked.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found.extend(differing_keys(one, other, f"{prefix}{key}."))
        elif one != other:
            found.append(f"{prefix}{key}")
    return found


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.perf_counter() - self._start
