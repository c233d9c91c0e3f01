"""Logs of slates that do not fit into memory, from Parquet, with the answer of one that does.

N rows, Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.extraction import BLOCK_ROWS
from holdfast.evaluation.off_policy.slates.asking import read_part
from holdfast.evaluation.off_policy.slates.parts import SlatePart
from holdfast.evaluation.off_policy.slates.probabilities import SlateProbabilities
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns

SlatePredictions = Callable[[pd.DataFrame], Any]
"""From some whole slates to predictions, ``PredictedRewards`` or a mapping of them by objective."""


class ParquetSlates:
    """A log of slates in Parquet, read as often as needed, in parts that never cut a slate."""

    def __init__(
        self,
        path: str | Path | Sequence[str | Path],
        policies: Mapping[str, SlateProbabilities],
        behavior: SlateProbabilities,
        columns: SlateColumns,
        predictions: Mapping[str, SlatePredictions],
    ) -> None:
        places = [str(each) for each in path] if not isinstance(path, str | Path) else str(path)
        self._dataset = pyarrow.dataset.dataset(places, format="parquet")
        self._policies, self._behavior = policies, behavior
        self._columns, self._predictions = columns, predictions
        self._check_columns()
        self._num_slots = self._longest()

    def _check_columns(self) -> None:
        for name, each in {**self._policies, "behavior": self._behavior}.items():
            if isinstance(each, SlateProbabilities) and not all(
                isinstance(value, str) for value in each.given.values()
            ):
                raise UserError(
                    f"the probabilities of policy {name!r} are arrays, and a log that is streamed is never "
                    "whole in memory; write them into the log, and give the names of their columns"
                )
        missing = [
            name
            for name in (self._columns.request, self._columns.slot)
            if name not in self._dataset.schema.names
        ]
        if missing:
            raise UserError(
                f"the log has no column {missing}; it has {self._dataset.schema.names}. Name yours with "
                "request= or slot="
            )

    def _longest(self) -> int:
        """K, the most rows of a slate, so that all parts have the same slots."""
        longest, run, last = 0, 0, None
        for batch in self._dataset.to_batches(columns=[self._columns.request]):
            request = batch.column(0).to_pandas().to_numpy()
            if not request.size:
                continue
            changes = np.flatnonzero(request[1:] != request[:-1]) + 1
            if request[0] != last:
                run = 0
            runs = np.diff(np.concatenate([[-run], changes, [request.size]]))
            longest, run, last = max(longest, int(runs.max())), int(runs[-1]), request[-1]
        if not longest:
            raise UserError("the log has no rows; nothing can be estimated from it")
        return longest

    def parts(self) -> Iterator[SlatePart]:
        """Whole slates, checked, with what every policy makes of them."""
        first_row = first_slate = 0
        for frame in self._frames():
            try:
                part = read_part(
                    frame,
                    self._policies,
                    self._behavior,
                    self._columns,
                    predictions={name: model(frame) for name, model in self._predictions.items()},
                    num_slots=self._num_slots,
                )
            except UserError as error:
                if not first_row:
                    raise
                raise UserError(f"counting rows from row {first_row} of the log: {error}") from error
            if not part.log.clustered:
                keys = part.log.keys + np.uint64(first_slate)
                part = replace(part, log=replace(part.log, keys=keys))
            first_row += len(frame)
            first_slate += part.log.num_slates
            yield part

    def _frames(self) -> Iterator[pd.DataFrame]:
        """Frames that end where a slate does."""
        waiting: list[pd.DataFrame] = []
        ended: object = None
        for batch in self._dataset.to_batches(batch_size=BLOCK_ROWS):
            if not batch.num_rows:
                continue
            waiting.append(batch.to_pandas())
            joined = waiting[0] if len(waiting) == 1 else pd.concat(waiting, ignore_index=True)
            # Codes, because names may be missing, which is refused when their rows are read.
            code = pd.factorize(joined[self._columns.request])[0]
            changes = np.flatnonzero(code[1:] != code[:-1])
            if not changes.size:
                waiting = [joined]
                continue
            cut = int(changes[-1]) + 1
            frame = joined.iloc[:cut].reset_index(drop=True)
            ended = self._check_apart(ended, frame)
            yield frame
            waiting = [joined.iloc[cut:]]
        if waiting:
            frame = pd.concat(waiting, ignore_index=True)
            self._check_apart(ended, frame)
            yield frame

    def _check_apart(self, ended: object, frame: pd.DataFrame) -> object:
        """The last request of these; refuses the one that ended before if it goes on."""
        requests = frame[self._columns.request]
        if ended is not None and (requests == ended).any():
            raise UserError(
                f"the rows of request {ended!r} do not stand together; sort the log by "
                f"{self._columns.request!r}, or by time if requests do not overlap"
            )
        last: object = requests.iloc[-1]
        return last
