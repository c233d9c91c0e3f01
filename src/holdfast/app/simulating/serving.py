"""A contender serves its days, one after the other, and can be stopped after any of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.app.simulating.arena import Arena
from holdfast.app.simulating.contender_folder import ContenderFolder
from holdfast.app.simulating.server import Calibration, Server
from holdfast.core.errors import UserError
from holdfast.simulation.closed_loop import ClosedLoop, Morning, Schedule
from holdfast.simulation.day_figures import DayFigures
from holdfast.simulation.day_files import DayFiles
from holdfast.simulation.morning_file import read_morning, write_morning
from holdfast.simulation.record import Day

KEEP_EVERY_SECONDS = 5.0
SHARE_OF_TIME = 0.1
"""Of the time that passes, at most so much is spent on being able to go on."""


@dataclass
class Progress:
    """What was served so far."""

    figures: list[DayFigures]
    calibration: list[Calibration]


def serve(
    name: str,
    server: Server,
    arena: Arena,
    folder: ContenderFolder,
    *,
    schedule: Schedule,
    keep_logs: bool,
    on_day: Callable[[DayFigures], None],
) -> None:
    """Serve all days that are left, and leave the figures in the folder.

    Raises:
        UserError: the policy broke its contract, or could not be trained; names contender, seed and day. The
            log so far is whole.
    """
    progress, morning, days = _where_it_stopped(server, arena, folder)
    publication = arena.published_as(name)
    loop = ClosedLoop(
        publication,
        morning,
        server.policy,
        schedule=schedule,
        retrain=server.retrain,
        threads=arena.threads,
    )
    keeper = _Keeper(folder, progress, server)
    try:
        while not loop.done:
            number = loop.day
            progress.figures.append(loop.step())
            if loop.served is not None:
                days.append(loop.served)
            progress.calibration.extend(server.observe(number, loop.served))
            on_day(progress.figures[-1])
            if not loop.done:
                keeper.keep(loop, just_trained=schedule.trains_on(number))
    except Exception as error:
        _say_where(error, name=name, arena=arena, loop=loop, folder=folder, days=days, keep=keep_logs)
        raise
    if keep_logs:
        folder.write_log(publication, days, until_day=loop.day, threads=arena.threads)
    folder.finish(progress.figures, progress.calibration)


def _say_where(
    error: Exception,
    *,
    name: str,
    arena: Arena,
    loop: ClosedLoop,
    folder: ContenderFolder,
    days: DayFiles,
    keep: bool,
) -> None:
    """Write the log as far as it goes; a user's mistake is told with contender and seed."""
    if keep:
        folder.write_log(arena.published_as(name), days, until_day=loop.day, threads=arena.threads)
    if isinstance(error, ValueError):
        left = f"; the log of the days before is in {folder.log}" if keep and len(days) else ""
        raise UserError(f"contender {name!r}, seed {arena.seed}, day {loop.day}: {error}{left}") from error


def _where_it_stopped(
    server: Server, arena: Arena, folder: ContenderFolder
) -> tuple[Progress, Morning, DayFiles]:
    if not folder.stopped_file.is_file():
        return Progress([], []), arena.morning, DayFiles(folder.served_days)
    with np.load(folder.stopped_file, allow_pickle=False) as stored:
        told = json.loads(bytes(stored["beside.progress"]).decode())
        length = int(stored["beside.num_days"])
    days = DayFiles(folder.served_days, length=length)
    morning, beside = read_morning(folder.stopped_file, [*arena.morning.logged, *days])
    progress = Progress(
        [DayFigures(**each) for each in told["figures"]],
        [Calibration(**each) for each in told["calibration"]],
    )
    by_number = {day.day: day for day in days}
    served: list[tuple[int, Day | None]] = [
        (number, by_number.get(number)) for number in range(arena.first_day, morning.day)
    ]
    server.restore(beside, served)
    return progress, morning, days


class _Keeper:
    """Keeps where a loop is, now and then."""

    def __init__(self, folder: ContenderFolder, progress: Progress, server: Server) -> None:
        self._folder, self._progress, self._server = folder, progress, server
        self._kept_at = time.monotonic()
        self._seconds = 0.0

    def keep(self, loop: ClosedLoop, *, just_trained: bool) -> None:
        """Keep it if it is time: after a training, and not so often that it costs more than it is worth."""
        started = time.monotonic()
        wait = max(KEEP_EVERY_SECONDS, self._seconds / SHARE_OF_TIME)
        if not just_trained and started - self._kept_at < wait:
            return
        told: dict[str, Any] = {
            "figures": [vars(each) for each in self._progress.figures],
            "calibration": [vars(each) for each in self._progress.calibration],
        }
        beside = {
            **self._server.kept(),
            "progress": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8),
            "num_days": np.asarray(sum(1 for each in self._progress.figures if each.requests)),
        }
        write_morning(self._folder.stopped_file, loop.morning(), beside=beside)
        self._kept_at = time.monotonic()
        self._seconds = self._kept_at - started
