"""A trained ranker's outputs for every row of a window.

N rows.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.core.protocols import Fusion, device_of
from holdfast.data.batches import TensorColumns
from holdfast.data.encoded import EncodedWindow
from holdfast.models.ranker import Ranker

SCORE = "score"


def predict(
    ranker: Ranker, window: EncodedWindow, *, fusion: Fusion | None, batch_size: int = 8192
) -> dict[str, Floats]:
    """Outputs of all heads by name, float32 ``[N]`` or ``[N, ...]``, and the fused ``score``, ``[N]``.

    Without a fusion there is no ``score``.
    The ranker is left in the mode, training or not, in which it was.
    """
    columns, device, was_training = TensorColumns(window), device_of(ranker), ranker.training
    parts: dict[str, list[Tensor]] = {}
    ranker.eval()
    try:
        with torch.inference_mode():
            # An empty window still gives every output, with no rows.
            for start in range(0, max(len(columns), 1), batch_size):
                inputs = columns.slice(start, min(start + batch_size, len(columns))).inputs.to(device)
                outputs = ranker.predict(inputs)
                if fusion is not None:
                    outputs[SCORE] = fusion.fuse(ranker.scores_of(outputs), inputs)
                for name, values in outputs.items():
                    parts.setdefault(name, []).append(values.cpu())
    finally:
        ranker.train(was_training)
    return {name: np.asarray(torch.cat(values).numpy()) for name, values in parts.items()}
