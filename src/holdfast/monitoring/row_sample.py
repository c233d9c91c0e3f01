"""A uniform sample of the rows of a stream."""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.core.random import generator


class RowSample:
    """Keeps the rows with the smallest of random keys, so that every row is as likely as any other."""

    def __init__(self, *, num_rows: int) -> None:
        self._num_rows = num_rows
        self._draws = generator(0, "monitoring", "sample")
        self._keys = np.zeros(0)
        self._held: pd.DataFrame | None = None

    def add(self, frame: pd.DataFrame) -> None:
        """Take in more rows."""
        keys = self._draws.random(len(frame))
        smallest = np.argsort(keys, kind="stable")[: self._num_rows]
        incoming = frame.iloc[smallest]
        held = incoming if self._held is None else pd.concat([self._held, incoming], ignore_index=True)
        keys = np.concatenate([self._keys, keys[smallest]])
        order = np.argsort(keys, kind="stable")[: self._num_rows]
        self._keys, self._held = keys[order], held.iloc[order]

    def rows(self) -> pd.DataFrame:
        """The sample, in random order."""
        return pd.DataFrame() if self._held is None else self._held.reset_index(drop=True)
