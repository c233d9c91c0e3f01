"""An optimiser for large embedding tables whose steps cost what the seen rows cost.

V rows of a table, W width of a row, U rows that a batch touched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class RowwiseAdagrad(Optimizer):
    r"""Adagrad with one accumulator a row instead of one a weight, for sparse gradients only.

    .. math:: a_r \leftarrow a_r + \tfrac1W \sum_k g_{rk}^2, \qquad
              w_{rk} \leftarrow w_{rk} - \eta \, g_{rk} / (\sqrt{a_r} + \epsilon)

    Why not torch's: on a table of 20 million rows a step waits for memory, and both ``torch.optim.Adagrad``
    and ``SparseAdam`` read and write state as large as the table, in several passes. This one touches V
    numbers of state and was two to four times as fast there (scripts/benchmark_training.py measures it as a
    part of training). State takes 1/W of the table's memory. A row whose gradient is zero stays where it is.

    Args:
        parameters: embedding tables ``[V, W]``.
        lr: step size, > 0.
        epsilon: > 0; keeps the first step of a row with a tiny gradient finite.

    Source: Duchi, Hazan and Singer (2011) for Adagrad.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], *, lr: float, epsilon: float = 1e-8) -> None:
        for name, value in (("lr", lr), ("epsilon", epsilon)):
            if not 0.0 < value < math.inf:
                raise ValueError(f"{name} is {value}; it must be above 0 and finite")
        super().__init__(parameters, {"lr": lr, "epsilon": epsilon})
        for group in self.param_groups:
            for table in group["params"]:
                self.state[table]["sum"] = torch.zeros(len(table), dtype=table.dtype, device=table.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the rows that the gradient holds.

        Raises:
            ValueError: a gradient is dense.
        """
        # Lightning hands its bookkeeping over as a closure, which computes gradients where they are needed.
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    _move(table, self.state[table]["sum"], lr=group["lr"], epsilon=group["epsilon"])
        return loss


def _move(table: Tensor, accumulated: Tensor, *, lr: float, epsilon: float) -> None:
    assert table.grad is not None
    if not table.grad.is_sparse:
        raise ValueError("RowwiseAdagrad wants sparse gradients; use torch.optim.Adagrad for dense ones")
    # Each row once, with the sum of its gradients.
    gradient = table.grad.coalesce()
    rows_U, gradient_UW = gradient.indices()[0], gradient.values()
    sum_U = accumulated.index_select(0, rows_U) + gradient_UW.square().mean(1)
    accumulated.index_copy_(0, rows_U, sum_U)
    step_U1 = (-lr / (sum_U.sqrt() + epsilon)).unsqueeze(1)
    table.index_add_(0, rows_U, gradient_UW * step_U1)
