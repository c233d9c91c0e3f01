"""What a published benchmark is: raw rows of three windows, and what is asked of them.

N rows, T tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.core.random import generator

SPLIT_SEED = 0
"""Of the rows held out: the same for every seed of a model, so that seeds differ in the model alone."""


@dataclass(frozen=True)
class Rows:
    """Raw rows of one window.

    Attributes:
        features: a column a feature, ``[N]``.
        labels: 0 or 1, float32 ``[N, T]``.
        request: code of what was shown together, int64 ``[N]``.
    """

    features: pd.DataFrame
    labels: NDArray[np.float32]
    request: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.features)

    def take(self, where: NDArray[np.bool_]) -> Rows:
        """The rows at which ``where`` holds, ``[N]``."""
        return Rows(self.features[where].reset_index(drop=True), self.labels[where], self.request[where])


@dataclass(frozen=True)
class Windows:
    """Rows to learn from, to choose the epoch by, and to be judged on."""

    train: Rows
    validation: Rows
    test: Rows
    notes: tuple[str, ...] = ()
    """What a reader must know of these files, such as how many rows were left out."""


class Reader(Protocol):
    """How the files of a benchmark become raw rows."""

    def __call__(self, folder: Path, settings: BenchmarkSettings) -> Windows:
        """Read the files.

        Raises:
            UserError: a file is missing, or a line is not what it should be.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A data set, its tasks, and how it is read.

    Attributes:
        name: as it is asked for.
        title: as a table names it.
        dataset: folder below ``datasets`` that says where to get it.
        tasks: T binary tasks, in the order of the labels, by names of their own.
        features: what a model may look at.
        read: the reader.
    """

    name: str
    title: str
    dataset: str
    tasks: tuple[str, ...]
    features: tuple[Feature, ...]
    read: Reader


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """What the published setting says beside the components, as ``settings/<name>.yaml`` holds it.

    Attributes:
        parts: changes to the files of ``configs``, by component: encoder, ranker, optimizer, trainer.
        mixtures: changes to ``configs/model/mixture``, by mixture.
        tolerance: how far a reproduced AUC may be from the published one, by task.
        validation_share: of the rows, or of the searches, held out to choose the epoch, in (0, 1).
        country: of the files of AliExpress; empty elsewhere.
    """

    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    mixtures: dict[str, dict[str, Any]] = field(default_factory=dict)
    tolerance: dict[str, float] = field(default_factory=dict)
    validation_share: float = 0.1
    country: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.validation_share < 1.0:
            raise ValueError(
                f"validation_share is {self.validation_share}; it must lie between 0 and 1, such as 0.1"
            )


def hold_out(rows: Rows, *, share: float) -> tuple[Rows, Rows]:
    """What is left, and a random share of the requests, each wholly on one side.

    Raises:
        UserError: there are not two requests, so that one side would be empty.
    """
    distinct, place = np.unique(rows.request, return_inverse=True)
    if len(distinct) < 2:
        raise UserError(
            f"all {len(rows)} rows belong to one request, so none can be held out to choose the epoch by; "
            "copy the file again"
        )
    size = min(max(round(share * len(distinct)), 1), len(distinct) - 1)
    held = np.zeros(len(distinct), dtype=bool)
    held[generator(SPLIT_SEED, "published", "hold out").choice(len(distinct), size=size, replace=False)] = (
        True
    )
    return rows.take(~held[place]), rows.take(held[place])


def categorical(names: Sequence[str]) -> tuple[Feature, ...]:
    """Features that stand for something; whose they are, these data sets do not say."""
    return tuple(Feature(name=name, kind="categorical", owner="context") for name in names)


def numeric(names: Sequence[str]) -> tuple[Feature, ...]:
    """Features that are numbers, each standardised."""
    return tuple(Feature(name=name, kind="numeric", owner="context") for name in names)


def with_country(settings: BenchmarkSettings, country: str) -> BenchmarkSettings:
    """The settings for one country's files."""
    return replace(settings, country=country)
