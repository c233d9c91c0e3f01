"""Inverse propensities over their own sum.

B rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.objectives.estimators.rows import ALONE, PartialErrors, Processes, Ratio
from holdfast.objectives.estimators.settings import after_click, check_max_weight, check_objectives


def self_normalised_terms(rows: PartialErrors) -> Ratio:
    r"""Self-normalised inverse propensity scoring (SNIPS).

    .. math:: \frac{\sum_b w_b \, o_b e_b / p_b}{\sum_b w_b \, o_b / p_b}

    A mean of observed losses, so it never leaves their range, and a common factor of the propensities does
    not matter. Not exactly unbiased, but consistent. The denominator is summed over all processes of a step.

    Source: Swaminathan and Joachims (2015); Hájek (1971).
    """
    weight = rows.observed_weight * rows.inverse
    return Ratio((weight * rows.errors).sum(), weight.sum())


@dataclass(frozen=True, kw_only=True)
class SelfNormalised:
    """SNIPS for heads that are observed only after a click; the propensity is the predicted click.

    Attributes:
        objectives: the heads; others are weighted means.
        max_weight: largest inverse propensity, >= 1.
    """

    objectives: list[str] = field(default_factory=after_click)
    max_weight: float = 50.0

    def __post_init__(self) -> None:
        check_objectives(self.objectives)
        check_max_weight(self.max_weight)

    @property
    def largest_weight(self) -> float:
        """The cap."""
        return self.max_weight

    @property
    def imputes(self) -> bool:
        """Nothing is imputed."""
        return False

    def terms(self, rows: PartialErrors, across: Processes = ALONE) -> Ratio:
        """See ``self_normalised_terms``."""
        return self_normalised_terms(rows)

    def imputation_weight(self, propensity: Tensor) -> Tensor:
        """Ones; nothing is imputed."""
        return torch.ones_like(propensity)
