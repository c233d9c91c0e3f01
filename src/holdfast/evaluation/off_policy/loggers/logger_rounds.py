"""Rows of a log that several policies made, with who made each.

N rows, L loggers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation.off_policy.extraction import MemorySource, row_slices
from holdfast.evaluation.off_policy.rounds import Block, Rounds


@dataclass(frozen=True)
class LoggerRounds(Rounds):
    """Rounds, and who logged each.

    Attributes:
        logger: number of the logger, in [0, L), ``[N]``.
        num_loggers: L.
    """

    logger: Ints | None = None
    num_loggers: int = 1

    @cached_property
    def indicators(self) -> tuple[Floats, ...]:
        """``1[logger = l]``, ``[N]`` each."""
        logger = np.asarray(self.logger)
        return tuple(np.where(logger == each, 1.0, 0.0) for each in range(self.num_loggers))


@dataclass(frozen=True)
class LoggerSource:
    """A source of blocks that also says who logged each row.

    Attributes:
        source: without that.
        logger: number of the logger, ``[N]``.
        num_loggers: L.
    """

    source: MemorySource
    logger: Ints
    num_loggers: int

    def blocks(self) -> Iterator[Block]:
        """The blocks, in the order of the log."""
        for rows, block in zip(row_slices(self.logger.size), self.source.blocks(), strict=True):
            yield Block(self._with_logger(block.rounds, rows), block.keys)

    def _with_logger(
        self, rounds: Mapping[tuple[str, str], Rounds], rows: slice
    ) -> dict[tuple[str, str], Rounds]:
        return {
            cell: LoggerRounds(
                **{each.name: getattr(plain, each.name) for each in fields(Rounds)},
                logger=self.logger[rows],
                num_loggers=self.num_loggers,
            )
            for cell, plain in rounds.items()
        }
