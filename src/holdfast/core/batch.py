"""What flows through a model: encoded inputs, and outcomes of which some are not known yet.

B rows, F categorical inputs, D numeric inputs, L values of a list input, T objectives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Inputs:
    """Encoded features of B rows.

    Attributes:
        categorical: row of the feature's embedding table, integers ``[B, F]``.
        numeric: scaled numbers, missing ones 0, float32 ``[B, D]``.
        lists: one integer tensor ``[B, L]`` a list input, padded with ``MISSING_ROW``.
        content_seconds: length of the content, which caps dwell, float32 ``[B]``; ``inf`` where nothing does.
    """

    categorical: Tensor
    numeric: Tensor
    lists: tuple[Tensor, ...]
    content_seconds: Tensor

    def __len__(self) -> int:
        return self.content_seconds.shape[0]

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Inputs:
        """The same inputs on another device."""
        return Inputs(
            self.categorical.to(device, non_blocking=non_blocking),
            self.numeric.to(device, non_blocking=non_blocking),
            tuple(each.to(device, non_blocking=non_blocking) for each in self.lists),
            self.content_seconds.to(device, non_blocking=non_blocking),
        )


@dataclass(frozen=True)
class Outcome:
    """One objective's outcome in B rows, as far as it is known.

    One shape serves every objective: a click is a fact at once (``event`` always true); a dwell may be cut
    off by the end of the content or by the as-of moment (``event`` false: at least ``value`` seconds); a
    return is a gap in days (``event`` false: not back within ``value`` days).

    Attributes:
        value: what was observed, float32 ``[B]``; anything, NaN included, where not ``known``.
        event: False where ``value`` is only a lower bound (right-censored), bool ``[B]``.
        known: False where nothing is known yet, or the objective is not defined, bool ``[B]``.
        content_seconds: length of the row's content, which cuts a dwell off, ``[B]``; ``inf`` where nothing
            does; None where nobody says. It is known before the outcome, also where that was not cut.
    """

    value: Tensor
    event: Tensor
    known: Tensor
    content_seconds: Tensor | None = None


@dataclass(frozen=True)
class Batch:
    """Inputs and outcomes of B rows; the last axis of the outcomes runs over the objectives.

    Attributes:
        inputs: the encoded features.
        value: float32 ``[B, T]``; see ``Outcome``.
        event: bool ``[B, T]``.
        known: bool ``[B, T]``.
        weight: what a row counts in each objective's loss, float32 ``[B, T]``, >= 0.
        environment: code of the environment that a row comes from, int64 ``[B]``; None where nobody asks.
    """

    inputs: Inputs
    value: Tensor
    event: Tensor
    known: Tensor
    weight: Tensor
    environment: Tensor | None = None

    def __post_init__(self) -> None:
        shapes = {name: tuple(getattr(self, name).shape) for name in ("value", "event", "known", "weight")}
        if len(set(shapes.values())) != 1 or shapes["value"][0] != len(self.inputs):
            raise ValueError(f"outcomes of a batch of {len(self.inputs)} rows disagree in shape: {shapes}")

    def __len__(self) -> int:
        return len(self.inputs)

    def outcome(self, index: int) -> Outcome:
        """The outcome of the objective at ``index`` of the last axis."""
        return Outcome(
            self.value[:, index], self.event[:, index], self.known[:, index], self.inputs.content_seconds
        )

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""
        moved = Batch(
            self.inputs.to(device, non_blocking=non_blocking),
            *(
                getattr(self, name).to(device, non_blocking=non_blocking)
                for name in ("value", "event", "known", "weight")
            ),
        )
        if self.environment is None:
            return moved
        return replace(moved, environment=self.environment.to(device, non_blocking=non_blocking))
