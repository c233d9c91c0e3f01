"""Averages of the weights that a training went through: they are what is judged, saved and exported."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from holdfast.models.ranker import Ranker

AveragingKind = Literal["none", "ema", "swa"]


@dataclass(frozen=True, kw_only=True)
class WeightAveraging:
    r"""What the weights of a model are an average of.

    ``ema`` follows every step with

    .. math:: a_t = d_t a_{t-1} + (1 - d_t) w_t, \qquad d_t = \min(d, (1 + t) / (10 + t)), \qquad a_0 = w_0

    with steps counted from 1: the ramp lets the average leave the untrained weights behind. ``swa`` is the
    mean of the weights at the ends of the epochs from ``start_epoch`` on.

    Each step of ``ema`` reads and writes all weights once, whole embedding tables included: with large
    vocabularies set ``every_steps``.

    Attributes:
        kind: ``ema``, ``swa``, or ``none`` for the weights as they are.
        decay: *d* of ``ema``, in [0, 1).
        every_steps: steps after which ``ema`` looks at the weights again, at least 1; *t* counts these looks.
        start_epoch: first epoch, from 0, whose end counts for ``swa``.

    Source: Polyak and Juditsky (1992) for averages; Izmailov et al. (2018) for SWA.
    """

    kind: AveragingKind = "none"
    decay: float = 0.999
    every_steps: int = 1
    start_epoch: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(AveragingKind):
            raise ValueError(f"kind is {self.kind!r}; choose from {list(get_args(AveragingKind))}")
        if not 0.0 <= self.decay < 1.0:
            raise ValueError(f"decay is {self.decay}; it must be in [0, 1): at 1 nothing is ever learned")
        if self.every_steps < 1:
            raise ValueError(f"every_steps is {self.every_steps}; it must be at least 1")
        if self.start_epoch < 0:
            raise ValueError(f"start_epoch is {self.start_epoch}; epochs count from 0")

    def build(self, ranker: Ranker) -> AveragedRanker | None:
        """A copy of a ranker with fresh weights that will hold the averages; None without averaging."""
        return None if self.kind == "none" else AveragedRanker(self, ranker)


class AveragedRanker(torch.nn.Module):
    """A ranker whose weights are averages of those of another; saved and resumed with the training.

    Args:
        settings: what is averaged.
        ranker: with the weights that training starts from.
    """

    def __init__(self, settings: WeightAveraging, ranker: Ranker) -> None:
        super().__init__()
        self.settings = settings
        self.ranker = copy.deepcopy(ranker).requires_grad_(False)
        # Plain numbers: no step waits for a device to tell them.
        self.steps = 0
        self.averaged = 0

    def get_extra_state(self) -> dict[str, int]:
        """What a checkpoint holds beside the weights."""
        return {"steps": self.steps, "averaged": self.averaged}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Take it back."""
        self.steps, self.averaged = state["steps"], state["averaged"]

    @torch.no_grad()
    def after_step(self, ranker: Ranker) -> None:
        """Follow a step of the optimisers."""
        if self.settings.kind != "ema":
            return
        self.steps += 1
        if self.steps % self.settings.every_steps:
            return
        self.averaged += 1
        self._move(ranker, 1.0 - ema_decay(self.averaged, decay=self.settings.decay))

    @torch.no_grad()
    def after_epoch(self, ranker: Ranker, epoch: int) -> None:
        """Follow the end of an epoch, before it is judged."""
        if self.settings.kind != "swa":
            return
        if epoch < self.settings.start_epoch:
            self._move(ranker, 1.0)
            return
        self.averaged += 1
        self._move(ranker, 1.0 / self.averaged)

    def _move(self, ranker: Ranker, share: float) -> None:
        """Go a share of the way to the weights of another ranker."""
        pairs = list(zip(self.ranker.parameters(), ranker.parameters(), strict=True))
        mine: list[Tensor] = [each for each, _ in pairs]
        theirs: list[Tensor] = [each for _, each in pairs]
        if share == 1.0:  # lerp would leave a rounding error
            torch._foreach_copy_(mine, theirs)
        else:
            torch._foreach_lerp_(mine, theirs, share)
        for ours, other in zip(self.ranker.buffers(), ranker.buffers(), strict=True):
            ours.copy_(other)


def ema_decay(step: int, *, decay: float) -> float:
    """What the average keeps of itself at a step, from 1: less in the beginning."""
    return min(decay, (1.0 + step) / (10.0 + step))
