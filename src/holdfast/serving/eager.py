"""What the model says in PyTorch: the truth that an exported graph is held against.

B rows, N raw rows, H days.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from holdfast.core.arrays import Floats
from holdfast.core.batch import Inputs
from holdfast.core.protocols import Fusion
from holdfast.serving.export_onnx import SCORE

if TYPE_CHECKING:
    from holdfast.data.encoder import EncodedInputs, Encoder
    from holdfast.models.ranker import Ranker


def eager_outputs(model: Ranker, fusion: Fusion, encoded: EncodedInputs) -> dict[str, NDArray[Any]]:
    """Every output of the heads, and the fused ``score``, each ``[B]`` or ``[B, H]``.

    The model is read in evaluation mode and afterwards is in the mode it was in.
    """
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    inputs = tensors_of(encoded).to(device)
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with torch.inference_mode():
            outputs = dict(model.predict(inputs))
            outputs[SCORE] = fusion.fuse(model.scores_of(outputs), inputs)
    finally:
        for module, training in modes:
            module.training = training
    return {name: each.cpu().numpy() for name, each in outputs.items()}


class EagerScorer:
    """Scores raw rows with a trained model: the encoder and PyTorch, on a GPU where there is one.

    The model is copied as it is when the scorer is made: training it further changes nothing here, and its
    mode, training or not, is left alone. The same rows give the same scores.

    Args:
        ranker: the trained model.
        fusion: makes one score of the heads' scores.
        encoder: that the model was trained with.
        device: where to compute, as PyTorch writes it; ``cuda`` where there is one and else ``cpu`` if None.
        chunk_rows: rows that are encoded and scored at a time, at least 1; memory grows with them alone. What
            suits the device if None.

    Raises:
        ValueError: ``chunk_rows`` is below 1, or there is no such device.
    """

    def __init__(
        self,
        ranker: Ranker,
        fusion: Fusion,
        encoder: Encoder,
        *,
        device: str | None = None,
        chunk_rows: int | None = None,
    ) -> None:
        self.device = _device(device)
        if chunk_rows is None:
            # What stays in a processor's cache is scored faster; a GPU wants to be kept busy.
            chunk_rows = 8192 if self.device.type == "cpu" else 65_536
        if chunk_rows < 1:
            raise ValueError(f"chunk_rows is {chunk_rows}; it must be at least 1")
        self.fusion, self.encoder, self.chunk_rows = fusion, encoder, chunk_rows
        self.ranker = copy.deepcopy(ranker).eval().requires_grad_(False).to(self.device)

    def __call__(self, rows: pd.DataFrame) -> Floats:
        """The fused score of each row, higher is better, float64 ``[N]``; see ``outputs``."""
        return np.asarray(self.outputs(rows)[SCORE], dtype=np.float64)

    def outputs(self, rows: pd.DataFrame) -> dict[str, NDArray[Any]]:
        """Every output of the heads, and the fused ``score``, each ``[N]`` or ``[N, H]``.

        Args:
            rows: raw rows with a column for each feature; an id that training never saw is no error.

        Raises:
            UserError: a feature has no column, or one that cannot be read at all.
        """
        parts: dict[str, list[NDArray[Any]]] = {}
        # No rows still give every output, with no rows.
        for start in range(0, max(len(rows), 1), self.chunk_rows):
            encoded = self.encoder.transform(rows.iloc[start : start + self.chunk_rows])
            for name, values in eager_outputs(self.ranker, self.fusion, encoded).items():
                parts.setdefault(name, []).append(values)
        return {name: np.concatenate(values) for name, values in parts.items()}


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {name!r}, and PyTorch cannot use it ({reason}); try cpu") from error
    return device


def tensors_of(encoded: EncodedInputs) -> Inputs:
    """Encoded arrays as the tensors that a model takes, without a copy where the array can be shared."""

    def tensor(array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))

    return Inputs(
        tensor(encoded.categorical),
        tensor(encoded.numeric),
        tuple(tensor(each) for each in encoded.lists),
        tensor(encoded.content_seconds),
    )
