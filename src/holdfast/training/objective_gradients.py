"""Gradients of the objectives and their inner products, without adding to any parameter's gradient.

B rows, I width of the representation, O width of an objective's representation, T objectives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ObjectiveGradients:
    """What each objective asks of what it shares, and of its own tower.

    Attributes:
        at_representation: ``[T, B, I]``; 0 for objectives that do not depend on the representation.
        at_mixed: of each objective by its own slice of what the towers read, ``[T, B, O]``.
        of_towers: one an element of the towers' parameters; None where no loss depends on it.
    """

    at_representation: Tensor
    at_mixed: Tensor
    of_towers: tuple[Tensor | None, ...]


def objective_gradients(
    losses_T: Tensor, mixed_TBO: Tensor, shared_BI: Tensor, towers: Sequence[Tensor] = ()
) -> ObjectiveGradients:
    """The losses' gradients at the representation that all objectives share, and above it.

    Costs one pass back through the towers and, for each objective, one through the mixture that computes no
    gradient of a weight.

    Args:
        losses_T: each of which depends on its own slice of ``mixed_TBO`` and its own tower alone.
        mixed_TBO: what the towers read, made of ``shared_BI``.
        shared_BI: the representation.
        towers: parameters of all towers.
    """
    (at_mixed_TBO, *of_towers) = torch.autograd.grad(
        losses_T.sum(), (mixed_TBO, *towers), retain_graph=True, allow_unused=True
    )
    gradients = []
    for index, slope_BO in enumerate(at_mixed_TBO.unbind()):
        (found,) = torch.autograd.grad(
            mixed_TBO[index], shared_BI, slope_BO, retain_graph=True, allow_unused=True
        )
        gradients.append(torch.zeros_like(shared_BI) if found is None else found)
    return ObjectiveGradients(torch.stack(gradients), at_mixed_TBO, tuple(of_towers))


def inner_products(gradients: Tensor) -> Tensor:
    """The Gramian of gradients ``[T, ...]``, float64 ``[T, T]``."""
    rows = gradients.flatten(1).double()
    return rows @ rows.T


def parameter_gramian(losses_T: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Inner products of the losses' gradients by the parameters, dense or sparse.

    Args:
        losses_T: the losses.
        parameters: all that objectives share.

    Returns:
        Float64 ``[T, T]``.
    """
    rows = [
        torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        for loss in losses_T.unbind()
    ]
    total = losses_T.new_zeros(len(rows), len(rows), dtype=torch.float64)
    for gradients in zip(*rows, strict=True):
        if all(gradient is None for gradient in gradients):
            continue
        total = total + inner_products(_as_rows(gradients))
    return total


def _as_rows(gradients: Sequence[Tensor | None]) -> Tensor:
    """Gradients of one parameter as rows, float64 ``[T, N]``; of a sparse one, N counts held rows."""
    known = [gradient for gradient in gradients if gradient is not None]
    if not known[0].is_sparse:
        zero = torch.zeros_like(known[0])
        return torch.stack([zero if each is None else each for each in gradients]).flatten(1).double()
    indices = torch.cat([each._indices()[0] for each in known])
    held, places = torch.unique(indices, return_inverse=True)
    made, start = [], 0
    for each in gradients:
        shape = (len(held), *known[0].shape[1:])
        compact = torch.zeros(shape, dtype=torch.float64, device=known[0].device)
        if each is not None:
            count = each._indices().shape[1]
            compact.index_add_(0, places[start : start + count], each._values().double())
            start += count
        made.append(compact.flatten())
    return torch.stack(made)
