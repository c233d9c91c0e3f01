"""Stacks of dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def dense_layers(input_width: int, widths: Sequence[int], *, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers, each followed by a ReLU and, where asked for, dropout; the identity for no widths."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(input_width, width), nn.ReLU()]
        if dropout > 0.0:
            layers.append(nn.Dropout(dropout))
        input_width = width
    return nn.Sequential(*layers)


def check_widths(name: str, widths: Sequence[int], *, at_least_one: bool = True) -> None:
    """Raise a ``ValueError`` that names the field where a width is not positive."""
    if (at_least_one and not widths) or any(width < 1 for width in widths):
        raise ValueError(
            f"{name} is {list(widths)}; give the width of each layer, every one at least 1"
            + ("" if at_least_one else ", or [] for none")
        )


def check_dropout(name: str, dropout: float) -> None:
    """Raise a ``ValueError`` that names the field where the share is not in [0, 1)."""
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"{name} is {dropout}; it is the share of units left out, 0 (none) to below 1")
