"""From raw rows to what the models of the house are trained and judged on.

N rows, T tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from benchmark import Benchmark, Rows, Windows

from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder, EncoderSettings, fit_encoder


@dataclass(frozen=True)
class EncodedBenchmark:
    """Three windows, and the inputs that they hold.

    Attributes:
        schema: what a model reads.
        tasks: names along the last axis of the outcomes.
        train: to learn from.
        validation: to choose the epoch by.
        test: to be judged on.
    """

    schema: InputSchema
    tasks: tuple[str, ...]
    train: EncodedWindow
    validation: EncodedWindow
    test: EncodedWindow


def encode(benchmark: Benchmark, windows: Windows, settings: EncoderSettings) -> EncodedBenchmark:
    """Encode the rows, by what the train rows alone teach about vocabularies and scales.

    Raises:
        UserError: all rows of the train or of the test window have the same label in a task.
    """
    for name, rows in (("train", windows.train), ("test", windows.test)):
        for task, mean in zip(benchmark.tasks, rows.labels.mean(axis=0), strict=True):
            if not 0.0 < mean < 1.0:
                raise UserError(
                    f"all {len(rows)} rows of the {name} window have the label {mean:g} in {task}, so there "
                    f"is nothing to tell apart; see datasets/{benchmark.dataset}/README.md"
                )
    encoder = fit_encoder(windows.train.features, benchmark.features, settings)
    return EncodedBenchmark(
        encoder.schema,
        benchmark.tasks,
        *(
            _window(name, rows, benchmark.tasks, encoder)
            for name, rows in (
                ("train", windows.train),
                ("validation", windows.validation),
                ("test", windows.test),
            )
        ),
    )


def _window(name: str, rows: Rows, tasks: tuple[str, ...], encoder: Encoder) -> EncodedWindow:
    """Inputs and labels; these data sets tell neither users nor propensities nor, as a rule, moments."""
    inputs = encoder.transform(rows.features)
    size = len(rows)
    certain = np.ones(rows.labels.shape, dtype=bool)
    unknown: Any = np.full(size, -1, dtype=np.int64)
    return EncodedWindow(
        name=name,
        # A task may have any name; the objectives of a log of impressions are three.
        objectives=cast(Any, tasks),
        categorical=inputs.categorical,
        numeric=inputs.numeric,
        lists=inputs.lists,
        content_seconds=inputs.content_seconds,
        value=rows.labels,
        event=certain,
        known=certain,
        spread=np.ones(rows.labels.shape, dtype=np.float32),
        propensity=np.full(size, np.nan),
        request=rows.request,
        user=rows.request,
        user_day=rows.request,
        day=np.zeros(size, dtype=np.int64),
        slot=unknown,
        follow_up_days=np.zeros(size, dtype=np.int64),
        recency_days=np.full(size, np.nan, dtype=np.float32),
        active_days_7=np.zeros(size, dtype=np.float32),
        policy=unknown,
        item=np.zeros(size, dtype=np.int64),
    )
