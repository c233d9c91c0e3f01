from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from holdfast.data.batches import TensorColumns
from holdfast.objectives.fusion import WeightedProduct, WeightedSum
from holdfast.training.prediction import predict


@pytest.mark.parametrize("batch_size", [7, 50, 1000])
def test_all_outputs_of_all_rows_in_order(toy: Any, batch_size: int) -> None:
    ranker, window = toy.ranker(dropout=0.5), toy.window(50, 3)
    ranker.train()
    outputs = predict(ranker, window, fusion=WeightedSum(), batch_size=batch_size)
    assert ranker.training
    ranker.eval()
    inputs = TensorColumns(window).slice(0, 50).inputs
    with torch.no_grad():
        expected = {**ranker.predict(inputs), "score": WeightedSum().fuse(ranker.scores(inputs))}
    assert set(outputs) == set(expected)
    for name, values in outputs.items():
        np.testing.assert_allclose(values, expected[name].numpy(), rtol=1e-5, atol=1e-6)
    assert outputs["return_by_day"].shape == (50, 4)


def test_no_rows_give_no_rows(toy: Any) -> None:
    outputs = predict(toy.ranker(), toy.window(0, 0), fusion=WeightedProduct())
    assert outputs["score"].shape == (0,)
    assert outputs["return_by_day"].shape == (0, 4)
