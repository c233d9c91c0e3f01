"""A batch by environment, and sums over it that processes can add up.

B rows, E environments, T objectives, O width of an objective's representation, P parameters of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.estimators.rows import ALONE, Processes


@dataclass(frozen=True, kw_only=True)
class EnvironmentRows:
    """B rows of a batch, as losses over environments see them.

    Attributes:
        errors: loss of each row in each objective, 0 where not known, ``[B, T]``.
        weight: what a row counts, of mean 1 over the window's known rows of *its environment*, ``[B, T]``.
        known: False for rows that do not count, ``[B, T]``.
        environment: code of the row's environment, int64 in [0, E), ``[B]``.
        half: which half of the batch a row belongs to, drawn at random, bool ``[B]``.
        parameters: what each objective's tower gave, ``[B, P]`` each, the errors' ancestors.
        mixed: what the towers read, ``[T, B, O]``.
        num_environments: E.
    """

    errors: Tensor
    weight: Tensor
    known: Tensor
    environment: Tensor
    half: Tensor
    parameters: tuple[Tensor, ...]
    mixed: Tensor
    num_environments: int

    def sums(self, values: Tensor) -> Tensor:
        """Weighted sums over the known rows of each environment of ``values`` ``[B, T]``, ``[T, E]``."""
        # Mask first: 0 times an infinite loss is NaN, and so is its gradient.
        weighted = values.masked_fill(~self.known, 0.0) * self.weight.masked_fill(~self.known, 0.0)
        return self._by_environment(weighted.double(), self.environment, self.num_environments)

    def sums_by_half(self, values: Tensor) -> Tensor:
        """The same for each half of the batch, ``[T, E, 2]``."""
        weighted = values.masked_fill(~self.known, 0.0) * self.weight.masked_fill(~self.known, 0.0)
        return self._halves(weighted.double())

    def counts(self) -> Tensor:
        """Known rows of each environment, ``[T, E]``."""
        return self._by_environment(self.known.double(), self.environment, self.num_environments)

    def counts_by_half(self) -> Tensor:
        """The same for each half of the batch, ``[T, E, 2]``."""
        return self._halves(self.known.double())

    def _halves(self, values_BT: Tensor) -> Tensor:
        cell_B = 2 * self.environment + self.half.long()
        sums = self._by_environment(values_BT, cell_B, 2 * self.num_environments)
        return sums.reshape(len(sums), self.num_environments, 2)

    @staticmethod
    def _by_environment(values_BT: Tensor, code_B: Tensor, count: int) -> Tensor:
        zeros = values_BT.new_zeros(count, values_BT.shape[1])
        return zeros.index_add(0, code_B, values_BT).T


def means(sums: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """``sums / counts``, 0 where nothing was counted; and where something was."""
    present = counts > 0.0
    return sums.masked_fill(~present, 0.0) / counts.masked_fill(~present, 1.0), present


def mean_over(values: Tensor, present: Tensor) -> Tensor:
    """Mean over the last axis of ``values`` where ``present``; 0 where nothing is."""
    count = present.sum(-1).clamp(min=1)
    return values.masked_fill(~present, 0.0).sum(-1) / count


def through_totals(of: Callable[[Tensor], Tensor], sums: Tensor, across: Processes = ALONE) -> Tensor:
    r"""A function of sums over the rows of all processes, with the gradient of the rows of this one.

    .. math:: f(S), \qquad \nabla = R \sum_k \frac{\partial f}{\partial S_k} \nabla s_k, \quad S = \sum_r s_r

    The gradients that data-parallel training averages over its R processes then add up to that of one process
    that sees all rows, however crooked the function.

    Args:
        of: maps totals ``[T, ...]`` to ``[T]``, each from its own slice alone.
        sums: over the rows of this process, ``[T, ...]``; carries the gradient.
        across: the processes that share the batch.

    Returns:
        ``[T]``; the value is the same on all processes.
    """
    totals = across.reduce_sum(sums.detach()).clone().requires_grad_()
    with torch.enable_grad():
        values = of(totals)
        (slopes,) = torch.autograd.grad(values.sum(), totals)
    linear = across.count * (slopes * sums).flatten(1).sum(1)
    return values.detach() + (linear - linear.detach())
