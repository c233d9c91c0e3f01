"""What every way to make losses hold across environments gives to the training.

E environments, T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from holdfast.objectives.robustness.environment_rows import EnvironmentRows

CALENDAR = ("day", "week")
POLICY = "policy"
FEATURE_PREFIX = "feature:"


class EnvironmentLosses(nn.Module):
    """Makes one loss an objective out of what the rows of each environment say; its buffers are saved.

    Attributes:
        figure: what ``figures`` tells of.
        adds: whether ``losses`` are added to the mean over all rows, instead of taking its place.
    """

    figure: str = ""
    adds: bool = False

    def sums(self, rows: EnvironmentRows) -> Tensor:
        """What is needed of a batch, as sums over its rows, float64 ``[T, ...]``; carries the gradient."""
        raise TypeError(f"{type(self).__name__} does not define sums")

    def losses(self, totals: Tensor) -> Tensor:
        """A loss for each objective ``[T]`` from sums over the rows of all processes; changes nothing."""
        raise TypeError(f"{type(self).__name__} does not define losses")

    def learn(self, totals: Tensor) -> None:
        """Note a batch of a step, before its losses are asked for."""

    def figures(self, totals: Tensor) -> Tensor:
        """A number for each objective ``[T]`` that tells how far the method works."""
        raise TypeError(f"{type(self).__name__} does not define figures")


@runtime_checkable
class Robustness(Protocol):
    """Settings of a way to make losses hold across environments."""

    @property
    def replaces_means(self) -> bool:
        """Whether an objective's loss must be a mean over rows, because another one takes its place."""
        ...

    def build(self, counts: Tensor) -> EnvironmentLosses | None:
        """What makes the losses of a training; None where they are plain means.

        Args:
            counts: known rows of the train window by objective and environment, ``[T, E]``.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class AcrossEnvironments:
    """Settings that all methods share.

    Attributes:
        environments: what tells environments apart: ``day`` or ``week`` of the train window, ``policy`` that
            logged the row, or ``feature:NAME``, the values of a categorical input.
        min_rows: environments with fewer rows than this are one, at least 1. A loss that is known from a
            handful of rows is mostly noise, and these methods look for extremes.
    """

    environments: str = "week"
    min_rows: int = 100

    def __post_init__(self) -> None:
        known = self.environments in (*CALENDAR, POLICY)
        named = self.environments.startswith(FEATURE_PREFIX) and len(self.environments) > len(FEATURE_PREFIX)
        if not (known or named):
            raise ValueError(
                f"environments is {self.environments!r}; choose day, week, policy, or feature:NAME with the "
                "name of a categorical input"
            )
        if self.min_rows < 1:
            raise ValueError(f"min_rows is {self.min_rows}; it must be at least 1")


@dataclass(frozen=True, kw_only=True)
class Penalised(AcrossEnvironments):
    """Settings of methods that add a penalty to the losses.

    Attributes:
        penalty: what it counts, >= 0; at 0 nothing is penalised.
        warmup_steps: batches that are trained on before it counts, >= 0.
    """

    penalty: float = 1.0
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.penalty < math.inf:
            raise ValueError(f"penalty is {self.penalty}; it must be finite and at least 0")
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps is {self.warmup_steps}; it must be at least 0")


class PenalisedLosses(EnvironmentLosses):
    """Counts steps, to know what the penalty counts.

    Args:
        settings: of the penalty.
    """

    steps: Tensor
    figure = "penalty"

    def __init__(self, settings: Penalised) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def learn(self, totals: Tensor) -> None:
        """One more."""
        self.steps += 1

    def penalised(self, losses: Tensor, penalties: Tensor) -> Tensor:
        """Losses with their penalties, ``[T]``; divided by what these count where that is above 1.

        Else gradients would be as many times longer, and steps would only be clipped or thrown off.
        """
        weight = self.penalty_weight(penalties)
        return (losses + weight * penalties) / weight.clamp(min=1.0)

    def penalty_weight(self, like: Tensor) -> Tensor:
        """What the penalty counts in this step, a scalar; ``learn`` has counted the step."""
        asked = torch.full_like(like[0], self.settings.penalty)
        return torch.where(self.steps.to(like.device) > self.settings.warmup_steps, asked, 0.0)
