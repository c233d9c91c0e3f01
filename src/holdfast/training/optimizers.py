"""The optimisers: one for embedding tables, one for everything else, one for learned balance weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torch.optim import Adagrad, Adam, AdamW, Optimizer, SparseAdam

from holdfast.models.ranker import Ranker
from holdfast.objectives.balancing.balance import Balancer
from holdfast.training.rowwise_adagrad import RowwiseAdagrad
from holdfast.training.settings import OptimizerSettings


def build_optimizers(
    ranker: Ranker, settings: OptimizerSettings, *, beside: nn.Module | None = None
) -> list[Optimizer]:
    """AdamW for the dense weights and, where there are sparse ones, an optimiser that follows seen rows.

    ``beside`` is trained with the ranker and is no part of it; its weights are dense.

    Biases do not decay. An embedding table with dense gradients does not either: decay would move the rows
    that a batch did not touch.
    """
    sparse = ranker.sparse_parameters()
    table = ranker.embedding.table
    decaying: list[nn.Parameter] = []
    steady: list[nn.Parameter] = []
    others = [] if beside is None else list(beside.named_parameters())
    for name, parameter in (*ranker.named_parameters(), *others):
        if table is not None and parameter is table.weight:
            if not sparse:
                steady.append(parameter)
        else:
            (steady if name.endswith("bias") else decaying).append(parameter)
    optimizers: list[Optimizer] = [
        AdamW(
            [
                {"params": decaying, "weight_decay": settings.weight_decay},
                {"params": steady, "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            fused=True,
        )
    ]
    if sparse:
        rate = settings.embedding_learning_rate
        kinds: dict[str, Callable[[], Optimizer]] = {
            "rowwise_adagrad": lambda: RowwiseAdagrad(sparse, lr=rate),
            "adagrad": lambda: Adagrad(sparse, lr=rate),
            "adam": lambda: SparseAdam(sparse, lr=rate),
        }
        optimizers.append(kinds[settings.embedding_optimizer]())
    return optimizers


def balance_optimizers(balancer: Balancer) -> list[Optimizer]:
    """Adam for the weights that a balancer learns, with its own settings; none where it learns none."""
    learned = balancer.learned()
    if not learned:
        return []
    return [Adam(learned, lr=balancer.learning_rate, weight_decay=balancer.weight_decay)]
