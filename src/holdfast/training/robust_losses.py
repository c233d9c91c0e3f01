"""From the rows of a batch to losses that are meant to hold in every environment.

B rows, E environments, T objectives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from holdfast.core.arrays import Floats, Ints
from holdfast.core.batch import Batch
from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema
from holdfast.data.encoded import EncodedWindow
from holdfast.objectives.balancing.balance import Balancer
from holdfast.objectives.estimators.rows import LossEstimator, Processes, Ratio
from holdfast.objectives.robustness.environment_rows import EnvironmentRows, through_totals
from holdfast.objectives.robustness.robustness import AcrossEnvironments, EnvironmentLosses, Robustness
from holdfast.training.environments import (
    Environments,
    environments_of,
    known_by_environment,
    mean_weights,
)

PREFIX = "robust"


@dataclass(frozen=True)
class WindowEnvironments:
    """The environments of a train window, and what rows count in them.

    Attributes:
        environments: names and codes.
        counts: known rows, ``[T, E]``.
        weights: what known rows count on average, ``[E, T]``.
    """

    environments: Environments
    counts: Ints
    weights: Floats


def window_environments(
    method: Robustness, window: EncodedWindow, weights: Floats, schema: InputSchema
) -> WindowEnvironments | None:
    """What a method needs to know of the train window; None for plain training.

    Raises:
        UserError: the window does not hold the environments that are asked for.
    """
    if not isinstance(method, AcrossEnvironments):
        return None
    environments = environments_of(method, window, schema)
    return WindowEnvironments(
        environments,
        known_by_environment(environments, window),
        mean_weights(environments, window, weights),
    )


def check_robust_loss(method: Robustness, estimator: LossEstimator, balancer: Balancer | None = None) -> None:
    """Refuse what cannot be combined.

    Raises:
        UserError: says what to choose instead.
    """
    if method.replaces_means and estimator.objectives:
        raise UserError(
            f"robust.loss is {type(method).__name__}, which compares mean losses of environments, and "
            f"objective.estimator estimates those of {list(estimator.objectives)} otherwise; choose "
            "objective/estimator=naive, or robust/loss=none or coral"
        )
    if isinstance(method, AcrossEnvironments) and balancer is not None and balancer.looks_back:
        raise UserError(
            f"robust.loss is {type(method).__name__}, and objective.balance looks at the plain losses after "
            "each step; choose another objective/balance, or robust/loss=none"
        )


class RobustLosses(nn.Module):
    """Applies a method to each batch, and sums up what it tells.

    Args:
        losses: the method's.
        seen: the environments of the train window.
        objectives: T names.
    """

    mean_weights: Tensor
    figures: Tensor

    def __init__(
        self, losses: EnvironmentLosses, seen: WindowEnvironments, objectives: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.method = losses
        self.objectives = objectives
        self.num_environments = len(seen.environments.names)
        weights_ET = torch.from_numpy(seen.weights).float()
        self.register_buffer("mean_weights", weights_ET, persistent=False)
        # Of the running epoch, the same on all processes; saved, so that a resumed epoch has it whole.
        self.register_buffer("figures", torch.zeros(len(objectives) + 1, dtype=torch.float64))

    def forward(
        self,
        plain: Ratio,
        *,
        errors: Tensor,
        parameters: tuple[Tensor, ...],
        mixed: Tensor,
        batch: Batch,
        across: Processes,
        rank: int,
    ) -> Tensor:
        """The losses that are trained, ``[T]``; every process must call this.

        Args:
            plain: the losses as means over all rows.
            errors: of each row, ``[B, T]``.
            parameters: of the heads, ``[B, P]`` each.
            mixed: what the towers read, ``[T, B, O]``.
            batch: with codes of environments.
            across: the processes that share the batch.
            rank: of this process, from 0.
        """
        assert batch.environment is not None
        environment_B = batch.environment
        # Rows lie in the batch of all processes one a process in turn, in a random order: every other one.
        place_B = rank + across.count * torch.arange(len(batch), device=environment_B.device)
        rows = EnvironmentRows(
            errors=errors,
            weight=batch.weight / self.mean_weights[environment_B],
            known=batch.known,
            environment=environment_B,
            half=place_B % 2 == 1,
            parameters=parameters,
            mixed=mixed,
            num_environments=self.num_environments,
        )
        sums = self.method.sums(rows)
        totals = across.reduce_sum(sums.detach())
        self.method.learn(totals)
        with torch.no_grad():
            self.figures[:-1] += self.method.figures(totals).to(self.figures)
            self.figures[-1] += 1.0
        known_totals = Processes(lambda _: totals, across.count)
        losses_T = through_totals(self.method.losses, sums, known_totals)
        if self.method.adds:
            plain_T = plain.mean(across)
            return plain_T + losses_T.to(plain_T)
        return losses_T.to(errors.dtype)

    def start_epoch(self) -> None:
        """Forget the epoch before."""
        self.figures.zero_()

    def summary(self) -> dict[str, float]:
        """The method's figures, as means over the epoch's batches; NaN before the first."""
        *sums, batches = self.figures.tolist()
        return {
            f"{PREFIX}/{self.method.figure}/{objective}": each / batches if batches else math.nan
            for objective, each in zip(self.objectives, sums, strict=True)
        }


def build_robust_losses(
    method: Robustness, seen: WindowEnvironments | None, objectives: tuple[str, ...]
) -> RobustLosses | None:
    """What makes the losses of a training robust; None for plain training."""
    if seen is None:
        return None
    made = method.build(torch.from_numpy(seen.counts))
    return None if made is None else RobustLosses(made, seen, objectives)
