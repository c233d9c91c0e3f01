"""What the floors agree on without seeing each other.

B rows, P parameters of a head's distribution, I width of a representation, T objectives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from holdfast.core.batch import Outcome


@runtime_checkable
class Head(Protocol):
    """A distribution of one outcome given the shared representation.

    A head holds settings and no weights: a tower of the model maps the representation to ``num_parameters``
    numbers a row, and the head says what they mean.
    """

    @property
    def num_parameters(self) -> int:
        """P: numbers a row that the distribution needs."""
        ...

    @property
    def score(self) -> str:
        """Name of the output of ``predict`` that ranks: the expected value, higher is better."""
        ...

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]`` given parameters ``[B, P]``; 0, with a zero gradient, where not known."""
        ...

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """Named outputs in the outcome's own units, each ``[B]`` or ``[B, ...]``; exportable to ONNX."""
        ...

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """The ``level`` quantile of the outcome ``[B]``, ``level`` in (0, 1)."""
        ...


@runtime_checkable
class Mixture(Protocol):
    """How objectives share a representation."""

    def build(self, input_width: int, objectives: Sequence[str]) -> MixtureModule:
        """A module with fresh weights."""
        ...


class MixtureModule(nn.Module):
    """Maps a representation ``[B, I]`` to one representation an objective, ``[T, B, O]``."""

    output_width: int
    """O: width of each objective's representation."""

    def forward(self, representation: Tensor) -> Tensor:
        """One representation an objective, in the order of the objectives given to ``build``."""
        raise TypeError(f"{type(self).__name__} does not define forward")


@runtime_checkable
class Fusion(Protocol):
    """Makes one ranking score out of the heads' scores."""

    def fuse(self, scores: Mapping[str, Tensor]) -> Tensor:
        """The fused score ``[B]`` of the heads' scores by objective, each ``[B]``; exportable to ONNX."""
        ...


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights are."""
    return next(module.parameters()).device
