"""Observed rows stand for those that were not: one over the chance that they were.

B rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.objectives.estimators.rows import ALONE, PartialErrors, Processes, Ratio
from holdfast.objectives.estimators.settings import after_click, check_max_weight, check_objectives


def inverse_propensity_terms(rows: PartialErrors) -> Ratio:
    r"""Inverse propensity scoring (IPS).

    .. math:: \frac{\sum_b w_b \, o_b e_b / p_b}{\sum_b w_b}

    Its expectation over what is observed is the mean loss of all rows, if the propensities are right. With
    floored propensities it is clipped IPS: less variance, and a bias towards 0.

    Source: Schnabel et al. (2016).
    """
    return Ratio((rows.observed_weight * rows.inverse * rows.errors).sum(), rows.weight.sum())


@dataclass(frozen=True, kw_only=True)
class InversePropensity:
    """IPS for heads that are observed only after a click; the propensity is the predicted click.

    Attributes:
        objectives: the heads; others are weighted means.
        max_weight: largest inverse propensity, >= 1; None for no cap, with a variance that knows no bound.
    """

    objectives: list[str] = field(default_factory=after_click)
    max_weight: float | None = None

    def __post_init__(self) -> None:
        check_objectives(self.objectives)
        if self.max_weight is not None:
            check_max_weight(self.max_weight)

    @property
    def largest_weight(self) -> float:
        """The cap; ``inf`` for none."""
        return math.inf if self.max_weight is None else self.max_weight

    @property
    def imputes(self) -> bool:
        """Nothing is imputed."""
        return False

    def terms(self, rows: PartialErrors, across: Processes = ALONE) -> Ratio:
        """See ``inverse_propensity_terms``."""
        return inverse_propensity_terms(rows)

    def imputation_weight(self, propensity: Tensor) -> Tensor:
        """Ones; nothing is imputed."""
        return torch.ones_like(propensity)
