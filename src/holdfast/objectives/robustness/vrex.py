"""Training for losses that are alike in all environments.

E environments, T objectives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.robustness.environment_rows import EnvironmentRows, mean_over, means
from holdfast.objectives.robustness.robustness import Penalised, PenalisedLosses


@dataclass(frozen=True, kw_only=True)
class VREx(Penalised):
    r"""The mean of the environments' losses and their variance.

    .. math:: L = \frac{1}{E} \sum_e R_e + \beta \operatorname{Var}_e R_e

    over the environments of a batch, for each objective by itself. The variance is that of estimates: with
    few known rows an environment and batch it is mostly their noise.

    Source: Krueger et al. (2021), V-REx.
    """

    @property
    def replaces_means(self) -> bool:
        """Yes: environments count the same, whatever their size."""
        return True

    def build(self, counts: Tensor) -> RiskVariance:
        """Starts with no step done."""
        return RiskVariance(self)


class RiskVariance(PenalisedLosses):
    """Mean and variance of losses over environments."""

    def sums(self, rows: EnvironmentRows) -> Tensor:
        """Losses and rows, ``[T, E, 2]``."""
        return torch.stack([rows.sums(rows.errors), rows.counts()], dim=-1)

    def losses(self, totals: Tensor) -> Tensor:
        """Mean and penalty, ``[T]``."""
        risks, present = means(*totals.unbind(-1))
        return self.penalised(mean_over(risks, present), risk_variance(risks, present=present))

    def figures(self, totals: Tensor) -> Tensor:
        """The variance, ``[T]``."""
        risks, present = means(*totals.unbind(-1))
        return risk_variance(risks, present=present)


def risk_variance(risks: Tensor, *, present: Tensor) -> Tensor:
    """Variance of ``risks`` ``[..., E]`` over those present, ``[...]``; 0 where fewer than two are."""
    centre = mean_over(risks, present).unsqueeze(-1)
    return mean_over((risks - centre).square(), present)
