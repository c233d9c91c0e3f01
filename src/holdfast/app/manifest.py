"""What somebody must know to get the same numbers again."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import holdfast

LIBRARIES = ("torch", "pytorch-lightning", "numpy", "pandas", "pyarrow", "hydra-core", "onnxruntime", "wandb")


def manifest(*, seed: int, fingerprint: str | None, command: list[str]) -> dict[str, Any]:
    """Code version, data fingerprint, seed, library versions and machine, in plain containers."""
    return {
        "started_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "code": code_version(),
        "data_fingerprint": fingerprint,
        "seed": seed,
        "python": sys.version.split()[0],
        "libraries": {name: _version(name) for name in LIBRARIES},
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "threads": _threads(),
            "accelerator": _accelerator(),
        },
    }


def code_version() -> dict[str, str | bool | None]:
    """The package's version and, in a checkout, the commit and whether the tree differs from it."""
    version: dict[str, str | bool | None] = {"holdfast": holdfast.__version__, "commit": None, "dirty": None}
    checkout = Path(holdfast.__file__).parent.parent.parent
    if (checkout / ".git").exists():
        version["commit"] = _git(checkout, "rev-parse", "HEAD")
        changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
        version["dirty"] = None if changes is None else bool(changes)
    return version


def code_version_text() -> str:
    """The code version in one line: ``0.1.0``, ``0.1.0+<commit>`` or ``0.1.0+<commit>.dirty``."""
    version = code_version()
    text = str(version["holdfast"])
    if version["commit"]:
        text += f"+{version['commit']}" + (".dirty" if version["dirty"] else "")
    return text


def _git(checkout: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], cwd=checkout, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None  # no git on this machine: the package version has to do
    return done.stdout.strip() if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _accelerator() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
