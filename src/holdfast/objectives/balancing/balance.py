"""What every way to balance objectives gives to the training.

T objectives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor, nn

GradientsAt = Literal["representation", "parameters"]
"""Where the gradients of the objectives are compared; see ``docs/balancing.md``."""


@dataclass(frozen=True)
class Step:
    """What is known of a batch when its objectives are weighed, the same on all processes.

    Attributes:
        losses: means over the known rows of all processes, without gradients, ``[T]``.
        present: False for objectives of which no row is known; their losses and gradients are 0, ``[T]``.
        gramian: inner products of the objectives' gradients, ``[T, T]``, float64; None unless asked for.
        seed: for what is drawn in this step.
    """

    losses: Tensor
    present: Tensor
    gramian: Tensor | None
    seed: int


class Balancer(nn.Module):
    """Weighs the objectives of a training, batch by batch; its buffers are saved with the training.

    Attributes:
        gradients_at: where ``Step.gramian`` is taken; None where the losses are enough.
        weighs_towers: whether the weights go for the towers of the objectives too. Where not, a tower learns
            from its own loss alone, and what lies below the towers from the weighted sum.
        looks_back: whether ``look_back`` wants the losses that the same rows have after the step.
        learning_rate: of the numbers in ``learned``.
        weight_decay: of the same.
    """

    gradients_at: GradientsAt | None = None
    weighs_towers: bool = True
    looks_back: bool = False
    learning_rate: float = 0.0
    weight_decay: float = 0.0

    def weigh(self, step: Step) -> Tensor:
        """Weights of the objectives' losses, ``[T]``; changes nothing."""
        raise TypeError(f"{type(self).__name__} does not define weigh")

    def learned(self) -> list[Tensor]:
        """Buffers that an optimiser of their own moves along the ``grad`` that ``learn`` adds to."""
        return []

    def learn(self, step: Step) -> None:
        """Add to the gradients of ``learned``, and remember what later steps are measured against."""

    def look_back(self, before: Step, after: Tensor) -> None:
        """The same as ``learn``, with the losses ``[T]`` that the rows of ``before`` have after the step."""

    def moved(self) -> None:
        """Called after the optimiser moved ``learned``."""

    def end_epoch(self, losses: Tensor) -> None:
        """Note an epoch's mean training losses, ``[T]``, NaN where nothing was known."""


@runtime_checkable
class Balance(Protocol):
    """Settings of a way to balance objectives."""

    def check(self, objectives: tuple[str, ...]) -> None:
        """Raise a ``ValueError`` where the settings do not fit the objectives."""
        ...

    def combine(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Sum of the losses by objective with weights that never change, a scalar: it judges an epoch."""
        ...

    def build(self, objectives: tuple[str, ...]) -> Balancer | None:
        """What weighs the objectives of a training; None where ``combine`` is also what is trained."""
        ...


def add_gradient(learned: Tensor, gradient: Tensor) -> None:
    """Add to the gradient of a buffer, which no backward pass reaches."""
    gradient = gradient.to(learned)
    learned.grad = gradient if learned.grad is None else learned.grad + gradient


def mean_over_present(values: Tensor, present: Tensor) -> Tensor:
    """Mean of ``values`` ``[T]`` where ``present``; NaN where nothing is."""
    return values.masked_fill(~present, 0.0).sum() / present.sum()
