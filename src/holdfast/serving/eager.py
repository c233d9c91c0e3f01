"""What the model says in PyTorch: the truth that an exported graph is held against.

B rows, H days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from holdfast.core.batch import Inputs
from holdfast.core.protocols import Fusion
from holdfast.serving.export_onnx import SCORE

if TYPE_CHECKING:
    from holdfast.data.encoder import EncodedInputs
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
            outputs[SCORE] = fusion.fuse(model.scores_of(outputs))
    finally:
        for module, training in modes:
            module.training = training
    return {name: each.cpu().numpy() for name, each in outputs.items()}


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
