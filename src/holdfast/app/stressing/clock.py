"""What a suite cost, from the start of the stage until its tables are written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

WORLDS = "worlds"
STRENGTH = "strength"
FORWARD = "forward"


class Clock:
    """Runs from the moment at which it is made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def cost(
        self, spent: Mapping[str, float], *, scenarios: int, scenarios_there_already: int
    ) -> dict[str, Any]:
        """The cost so far, in plain containers.

        Args:
            spent: seconds by part of the suite: ``forward``, ``worlds`` (running worlds again), ``strength``
                (how strong the drifts came out), and others.
            scenarios: of the suite.
            scenarios_there_already: those of them that an earlier call had measured.

        Returns:
            ``forward_seconds``; ``total_seconds``, all but worlds and strength; ``ratio`` of the two, None
            where scenarios were there already, so that the forward passes are not those of the suite;
            ``worlds_seconds``, ``strength_seconds``, ``everything_seconds`` with both of them; and
            ``seconds_by_part``.
        """
        everything = time.perf_counter() - self._start
        worlds, strength = spent.get(WORLDS, 0.0), spent.get(STRENGTH, 0.0)
        forward, total = spent.get(FORWARD, 0.0), everything - worlds - strength
        whole = forward > 0.0 and not scenarios_there_already
        by_part = {name: seconds for name, seconds in spent.items() if name not in (WORLDS, STRENGTH)}
        return {
            "forward_seconds": forward,
            "total_seconds": total,
            "ratio": total / forward if whole else None,
            "worlds_seconds": worlds,
            "strength_seconds": strength,
            "everything_seconds": everything,
            "seconds_by_part": by_part,
            "scenarios": scenarios,
            "scenarios_there_already": scenarios_there_already,
        }
