"""Which epoch's weights a run keeps, and when it stops looking for better ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.errors import UserError


def loss_names(objectives: Sequence[str]) -> list[str]:
    """Names of the losses that every epoch logs."""
    return [
        name
        for stage in ("train", "validation")
        for name in (f"{stage}/loss", *(f"{stage}/{objective}/loss" for objective in objectives))
    ]


def check_criterion(criterion: str, *, objectives: Sequence[str], known: Mapping[str, int]) -> None:
    """Refuse a criterion that no epoch could be judged by.

    Args:
        criterion: name of a logged loss.
        objectives: what is trained.
        known: rows of the validation window whose outcome is known, by objective.

    Raises:
        UserError: nothing of that name is logged, or no validation row knows the outcome.
    """
    available = loss_names(objectives)
    if criterion not in available:
        raise UserError(f"trainer.criterion is {criterion!r}, which is not logged; choose from {available}")
    stage, *rest = criterion.split("/")
    asked = objectives if len(rest) == 1 else [rest[0]]
    if stage == "validation" and not any(known[objective] for objective in asked):
        raise UserError(
            f"trainer.criterion is {criterion!r}, but no row of the validation window knows the outcome of "
            f"{' or '.join(asked)}; make the window longer, or choose another criterion"
        )


@dataclass
class Selection:
    """The epochs so far, and the best of them.

    Attributes:
        criterion: name of the value that decides; smaller is better.
        patience: epochs without a better value after which to stop.
        epochs: logged values of each epoch, in order, ``epoch`` among them.
        best_epoch: -1 before the first.
        best_value: infinite before the first.
    """

    criterion: str
    patience: int
    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1
    best_value: float = math.inf

    def update(self, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Note an epoch's values and say whether it is the best so far; of equals, the first is.

        Raises:
            UserError: the criterion is not a number, as after a step that was too large.
        """
        value = metrics[self.criterion]
        if not math.isfinite(value):
            raise UserError(
                f"training diverged: {self.criterion} is {value} after epoch {epoch}; lower "
                "optimizer.learning_rate or optimizer.embedding_learning_rate, or set optimizer.gradient_clip"
            )
        self.epochs.append({"epoch": float(epoch), **metrics})
        improved = value < self.best_value
        if improved:
            self.best_epoch, self.best_value = epoch, value
        return improved

    @property
    def exhausted(self) -> bool:
        """Whether ``patience`` epochs have passed since the best one."""
        return len(self.epochs) - 1 - self.best_epoch >= self.patience

    @property
    def last_value(self) -> float:
        """The criterion after the last epoch; NaN before the first."""
        return self.epochs[-1][self.criterion] if self.epochs else math.nan

    def state(self) -> dict[str, Any]:
        """Plain containers, for a checkpoint."""
        return {"epochs": self.epochs, "best_epoch": self.best_epoch, "best_value": self.best_value}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave."""
        self.epochs = [dict(row) for row in state["epochs"]]
        self.best_epoch, self.best_value = state["best_epoch"], state["best_value"]
