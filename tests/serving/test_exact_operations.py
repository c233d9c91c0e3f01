"""What a graph says of very small numbers is right in its leading digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, silu

from holdfast.serving.exact_operations import exact_operations

OPERATIONS = {
    "sigmoid": torch.sigmoid,
    "silu": silu,
    "log_sigmoid": logsigmoid,
    "expm1": torch.expm1,
    "log1p": lambda x: torch.log1p(x.abs()),
    "log1p_below": lambda x: torch.log1p(-x.abs() / 100.0),
}


class Every(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(each(x) for each in OPERATIONS.values())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensor, dict[str, np.ndarray]]:
    size = np.logspace(-12, 1.9, 500)
    x = torch.tensor(np.concatenate([-size, [0.0], size]), dtype=torch.float32)
    path: Path = tmp_path_factory.mktemp("graph") / "every.onnx"
    program = torch.onnx.export(
        Every(),
        (x,),
        dynamo=True,
        opset_version=18,
        custom_translation_table=exact_operations(),
        verbose=False,
    )
    program.save(str(path))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: x.numpy()}
    return x, dict(zip(OPERATIONS, session.run(None, given), strict=True))


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_is_relatively_exact(name, found):
    x, outputs = found
    expected = OPERATIONS[name](x.double()).numpy()
    assert np.isfinite(outputs[name]).all()
    # Below 1e-36, single precision has no full number of digits left.
    error = np.abs(outputs[name] - expected) / np.maximum(np.abs(expected), 1e-36)
    assert error.max() < 1e-6
