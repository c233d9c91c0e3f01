"""A bundle that ranks: one number a row, for any number of rows.

N rows, H steps of an output that has more than one number a row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.serving.bundle import Bundle
from holdfast.serving.scorer import Array, Device, Scorer


class BundleScorer:
    """Scores raw rows with an exported bundle, as ``EagerScorer`` does with a model in memory.

    Args:
        bundle: a bundle that was checked by ``load_bundle``.
        num_threads: threads that one call may use, at least 1.
        device: where the graph runs; a GPU where onnxruntime has one if ``auto``.
        chunk_rows: rows that are encoded and scored at a time, at least 1; memory grows with them alone.

    Raises:
        ValueError: ``chunk_rows`` or ``num_threads`` is below 1, or there is no such device.
        UserError: the bundle was exported by a version of holdfast that encodes rows otherwise.
    """

    def __init__(
        self, bundle: Bundle, *, num_threads: int = 1, device: Device = "auto", chunk_rows: int = 8192
    ) -> None:
        if chunk_rows < 1:
            raise ValueError(f"chunk_rows is {chunk_rows}; it must be at least 1")
        self.scorer = Scorer(bundle, num_threads=num_threads, device=device)
        self.chunk_rows = chunk_rows

    def __call__(self, rows: pd.DataFrame) -> Floats:
        """The fused score of each row, higher is better, float64 ``[N]``; see ``outputs``."""
        return np.asarray(self.outputs(rows)[self.scorer.outputs[-1]], dtype=np.float64)

    def outputs(self, rows: pd.DataFrame) -> dict[str, Array]:
        """Every output of the heads, and the fused ``score``, each ``[N]`` or ``[N, H]``.

        Args:
            rows: raw rows with the columns that the bundle's ``signature.json`` lists.

        Raises:
            UserError: columns are missing, all of which are named, or one cannot be read at all.
        """
        parts: dict[str, list[Array]] = {}
        # No rows still give every output, with no rows.
        for start in range(0, max(len(rows), 1), self.chunk_rows):
            scored = self.scorer.score_arrays(rows.iloc[start : start + self.chunk_rows])
            for name, values in scored.items():
                parts.setdefault(name, []).append(values)
        return {name: np.concatenate(values) for name, values in parts.items()}
