"""Training for representations that look alike in all environments.

B rows, E environments, T objectives, O width of an objective's representation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.objectives.robustness.environment_rows import EnvironmentRows
from holdfast.objectives.robustness.robustness import Penalised, PenalisedLosses


@dataclass(frozen=True, kw_only=True)
class CORAL(Penalised):
    r"""The plain loss, and how far covariances of what a tower reads differ between environments.

    .. math:: L = R + \lambda \, \operatorname{mean}_{i < j} \lVert C_i - C_j \rVert_F^2 / (4 O^2)

    over the pairs of environments of a batch, for each objective's representation by itself, over all rows:
    no outcome need be known.

    Source: Sun and Saenko (2016), Deep CORAL, for a pair; the mean over pairs follows the practice of domain
    generalisation.
    """

    @property
    def replaces_means(self) -> bool:
        """No: something is added to whatever an objective's loss is."""
        return False

    def build(self, counts: Tensor) -> CovarianceDistance:
        """Starts with no step done."""
        return CovarianceDistance(self)


class CovarianceDistance(PenalisedLosses):
    """Distance of second moments between environments."""

    adds = True

    def sums(self, rows: EnvironmentRows) -> Tensor:
        """Rows, sums and sums of products, ``[T, E, 1 + O + O O]``."""
        features_TBO = rows.mixed.float()
        parts = []
        for code in range(rows.num_environments):
            inside = (rows.environment == code).nonzero().squeeze(1)
            each_TBO = features_TBO.index_select(1, inside)
            count_T1 = each_TBO.new_full((len(each_TBO), 1), float(len(inside)))
            products_TOO = each_TBO.mT @ each_TBO
            parts.append(torch.cat([count_T1, each_TBO.sum(1), products_TOO.flatten(1)], dim=1))
        return torch.stack(parts, dim=1).double()

    def losses(self, totals: Tensor) -> Tensor:
        """The penalty alone, ``[T]``."""
        distance = covariance_distance(totals)
        return self.penalty_weight(distance) * distance

    def figures(self, totals: Tensor) -> Tensor:
        """The distance, ``[T]``."""
        return covariance_distance(totals)


def covariance_distance(moments: Tensor) -> Tensor:
    """Mean over pairs of environments of the squared distance of their covariances, over ``4 O^2``.

    Args:
        moments: rows, sums and sums of products of each environment, ``[T, E, 1 + O + O O]``.

    Returns:
        ``[T]``; 0 where fewer than two environments have two rows.
    """
    width = math.isqrt(moments.shape[-1])  # of 1 + O + O O
    count, total, products = torch.split(moments, [1, width, width * width], dim=-1)
    present = count.squeeze(-1) >= 2.0
    safe = count.masked_fill(count < 2.0, 2.0)
    outer = (total.unsqueeze(-1) * total.unsqueeze(-2)).flatten(2)
    covariance_TEX = (products - outer / safe) / (safe - 1.0)
    weight_TE1 = present.unsqueeze(-1).double()
    num_T1 = weight_TE1.sum(1)
    centre_T1X = ((covariance_TEX * weight_TE1).sum(1) / num_T1.clamp(min=1.0)).unsqueeze(1)
    # Over all pairs, squared distances add up to E times those from the centre.
    spread_T = ((covariance_TEX - centre_T1X) * weight_TE1).square().sum((1, 2))
    pairs_T = (num_T1 * (num_T1 - 1.0) / 2.0).squeeze(1)
    mean_T = num_T1.squeeze(1) * spread_T / pairs_T.clamp(min=1.0)
    return mean_T.masked_fill(pairs_T < 1.0, 0.0) / (4.0 * width**2)
