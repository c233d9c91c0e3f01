from __future__ import annotations

from typing import Any

import pytest
from torch.optim import Adagrad, AdamW, Optimizer, SparseAdam

from holdfast.training.optimizers import build_optimizers
from holdfast.training.rowwise_adagrad import RowwiseAdagrad
from holdfast.training.settings import OptimizerSettings


@pytest.mark.parametrize(
    ("name", "kind"), [("rowwise_adagrad", RowwiseAdagrad), ("adagrad", Adagrad), ("adam", SparseAdam)]
)
def test_one_for_dense_weights_and_one_for_tables(toy: Any, name: str, kind: type[Optimizer]) -> None:
    ranker = toy.ranker()
    settings = OptimizerSettings(learning_rate=0.1, embedding_learning_rate=0.2, embedding_optimizer=name)
    dense, sparse = build_optimizers(ranker, settings)
    assert isinstance(dense, AdamW)
    assert isinstance(sparse, kind)
    assert {group["lr"] for group in dense.param_groups} == {0.1}
    assert sparse.param_groups[0]["lr"] == 0.2
    assert sparse.param_groups[0]["params"][0] is ranker.embedding.table.weight


@pytest.mark.parametrize("sparse", [True, False])
def test_every_weight_moves_once_and_only_matrices_decay(toy: Any, sparse: bool) -> None:
    ranker = toy.ranker(sparse=sparse)
    optimizers = build_optimizers(ranker, OptimizerSettings(weight_decay=0.5))
    assert len(optimizers) == (2 if sparse else 1)
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    moved = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(moved) == sorted(id(parameter) for parameter in ranker.parameters())
    decaying = {
        id(parameter) for group in groups if group.get("weight_decay", 0.0) for parameter in group["params"]
    }
    for name, parameter in ranker.named_parameters():
        fixed = name.endswith("bias") or name == "embedding.table.weight"
        assert (id(parameter) not in decaying) == fixed, name
