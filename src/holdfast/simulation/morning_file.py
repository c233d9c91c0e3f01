"""A world between two days as a file, so that a loop that was stopped goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.core.files import whole_file
from holdfast.simulation.closed_loop import Morning
from holdfast.simulation.record import Day
from holdfast.simulation.state import State

Array = NDArray[Any]


def write_morning(path: Path, morning: Morning, *, beside: Mapping[str, Array]) -> None:
    """Write a morning, whole or not at all, without the days of its log: those lie in files of their own.

    Args:
        path: of the file.
        morning: between two days.
        beside: further arrays to keep with it.
    """
    arrays: dict[str, Any] = {
        "day": morning.day,
        "num_requests": morning.num_requests,
        "yesterday": morning.yesterday,
        **{f"state.{each.name}": getattr(morning.state, each.name) for each in fields(State)},
        **{f"beside.{name}": values for name, values in beside.items()},
    }
    # An open file, because numpy would add its own ending to a path.
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **arrays)


def read_morning(path: Path, logged: Sequence[Day]) -> tuple[Morning, dict[str, Array]]:
    """What ``write_morning`` wrote, with the days of its log.

    Args:
        path: of the file.
        logged: in order; later days than those before the morning are left out.
    """
    with np.load(path, allow_pickle=False) as stored:
        day = int(stored["day"])
        morning = Morning(
            day=day,
            state=State(**{each.name: stored[f"state.{each.name}"] for each in fields(State)}),
            logged=tuple(each for each in logged if each.day < day),
            num_requests=int(stored["num_requests"]),
            yesterday=stored["yesterday"],
        )
        found = {name: stored[name] for name in stored.files if name.startswith("beside.")}
        return morning, {name.removeprefix("beside."): values for name, values in found.items()}
