"""Training for predictions that no environment would want to scale.

B rows, E environments, T objectives, P parameters of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.robustness.environment_rows import EnvironmentRows, mean_over, means
from holdfast.objectives.robustness.robustness import Penalised, PenalisedLosses


@dataclass(frozen=True, kw_only=True)
class IRM(Penalised):
    r"""The mean of the environments' losses, and how far each asks for another scale (IRMv1).

    .. math:: L = \frac{1}{E} \sum_e R_e
        + \lambda \frac{1}{E} \sum_e \Big( \frac{\partial R_e(w \cdot f)}{\partial w} \Big|_{w=1} \Big)^2

    for each objective by itself; *w* multiplies all that the tower gives the head, a logit of a click as well
    as location and scale of a dwell, and the loss is the head's own. The square is estimated by the product
    over two random halves of the environment's rows, which is right on average, where the square of a batch's
    mean would count its noise; a batch's penalty may therefore be negative.

    Source: Arjovsky, Bottou, Gulrajani and Lopez-Paz (2019), IRMv1 and its unbiased estimate.
    """

    @property
    def replaces_means(self) -> bool:
        """Yes: environments count the same, whatever their size."""
        return True

    def build(self, counts: Tensor) -> ScaleSlopes:
        """Starts with no step done."""
        return ScaleSlopes(self)


class ScaleSlopes(PenalisedLosses):
    """Losses of environments, and their slopes by a common scale, in two halves of a batch."""

    def sums(self, rows: EnvironmentRows) -> Tensor:
        """Losses, slopes and rows of each half, ``[T, E, 2, 3]``."""
        slopes_BT = scale_slopes(rows.errors, rows.parameters)
        parts = [rows.sums_by_half(rows.errors), rows.sums_by_half(slopes_BT), rows.counts_by_half()]
        return torch.stack(parts, dim=-1)

    def losses(self, totals: Tensor) -> Tensor:
        """Mean and penalty, ``[T]``."""
        losses, _, counts = totals.sum(-2).unbind(-1)
        return self.penalised(mean_over(*means(losses, counts)), self.figures(totals))

    def figures(self, totals: Tensor) -> Tensor:
        """The penalty, ``[T]``."""
        _, slopes, counts = totals.unbind(-1)
        return scale_penalty(slopes, counts)


def scale_slopes(errors: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    r"""Slope of each row's loss by a common scale of its parameters.

    .. math:: \sum_p \theta_p \, d\ell / d\theta_p

    Row by row: the loss of a click is that of its own logit, not of a softmax over the batch.

    Args:
        errors: a row's loss, a function of the same row of ``parameters``, ``[B, T]``.
        parameters: of the heads, ``[B, P]`` each.

    Returns:
        ``[B, T]``, with a gradient.
    """
    slopes = []
    for index, each in enumerate(parameters):
        (gradient,) = torch.autograd.grad(errors[:, index].sum(), each, create_graph=True)
        slopes.append((each * gradient).sum(1))
    return torch.stack(slopes, dim=1)


def scale_penalty(slopes: Tensor, counts: Tensor) -> Tensor:
    """Product of the mean slopes of two halves, as a mean over environments that have rows in both.

    Args:
        slopes: summed over the rows of each half, ``[..., E, 2]``.
        counts: how many these are, ``[..., E, 2]``.

    Returns:
        ``[...]``; 0 where no environment has rows in both halves.
    """
    mean_slopes, present = means(slopes, counts)
    return mean_over(mean_slopes.prod(-1), present.all(-1))
