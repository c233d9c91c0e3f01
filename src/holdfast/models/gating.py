"""Mixing experts by gates, and what a gate's weights say.

G gates, B rows, E experts, O output width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def mix(weights_GBE: Tensor, experts_EBO: Tensor) -> Tensor:
    r"""What each gate makes of the experts' outputs.

    .. math:: m_{gbo} = \sum_e w_{gbe} \, x_{ebo}

    Args:
        weights_GBE: how much a gate takes of an expert, ``[G, B, E]``.
        experts_EBO: outputs of the experts that all gates share, ``[E, B, O]``, or those of each gate's own
            experts, ``[G, E, B, O]``.

    Returns:
        ``[G, B, O]``.
    """
    # A sum over few experts: on a CPU faster than B tiny matrix products.
    mixed_GBO = weights_GBE[..., 0].unsqueeze(-1) * experts_EBO.select(-3, 0)
    for expert in range(1, weights_GBE.shape[-1]):
        mixed_GBO = torch.addcmul(
            mixed_GBO, weights_GBE[..., expert].unsqueeze(-1), experts_EBO.select(-3, expert)
        )
    return mixed_GBO


def normalised_entropy(weights: Tensor) -> Tensor:
    r"""How evenly a gate spreads its weights over its experts.

    .. math:: -\frac{1}{\log E} \sum_e w_e \log w_e

    Args:
        weights: >= 0, sums to 1 over the last axis, ``[..., E]``.

    Returns:
        In [0, 1], ``[...]``: 1 where all experts count the same, 0 where one counts alone, and 1 for a gate
        of a single expert, which has nothing to choose.
    """
    num_experts = weights.shape[-1]
    if num_experts == 1:
        return torch.ones_like(weights[..., 0])
    # xlogy is 0 where the weight is 0.
    entropy: Tensor = -torch.special.xlogy(weights, weights).sum(-1)
    return entropy / math.log(num_experts)


def check_num_experts(name: str, num_experts: int) -> None:
    """Raise a ``ValueError`` that names the field where there is no expert."""
    if num_experts < 1:
        raise ValueError(f"{name} is {num_experts}; a mixture needs at least 1 expert there")


def check_objectives(objectives: Sequence[str]) -> None:
    """Raise a ``ValueError`` where there is no objective, or one is named twice."""
    if not objectives or len(set(objectives)) < len(objectives):
        raise ValueError(
            f"objectives are {list(objectives)}; a mixture needs at least one, and each of them once"
        )


def check_num_levels(name: str, num_levels: int) -> None:
    """Raise a ``ValueError`` that names the field where there is no level."""
    if num_levels < 1:
        raise ValueError(f"{name} is {num_levels}; experts stand in at least 1 level")


def expert_names(owner: str, num_experts: int) -> tuple[str, ...]:
    """Names of the experts of one owner in one level."""
    return tuple(f"{owner}_{index}" for index in range(num_experts))


def gate_name(owner: str, *, level: int, num_levels: int) -> str:
    """Name of the gate of one owner; ``level`` counts from 0, and is named where there are several."""
    return owner if num_levels == 1 else f"level_{level + 1}/{owner}"
