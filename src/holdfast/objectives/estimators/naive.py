"""The mean over what was observed.

B rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.objectives.estimators.rows import ALONE, PartialErrors, Processes, Ratio


def naive_terms(rows: PartialErrors) -> Ratio:
    r"""Mean loss of the observed rows, as if they had been drawn by chance.

    .. math:: \frac{\sum_b w_b o_b e_b}{\sum_b w_b o_b}

    Biased wherever rows with small losses are more likely to be observed than others.
    """
    weight = rows.observed_weight
    return Ratio((weight * rows.errors).sum(), weight.sum())


@dataclass(frozen=True, kw_only=True)
class Naive:
    """No correction: each head's loss is the weighted mean over the rows that it is observed in.

    Attributes:
        objectives: must be empty; every head is treated alike.
    """

    objectives: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.objectives:
            raise ValueError(
                f"objectives are {self.objectives}; the naive estimator treats every head alike: leave "
                "them out, "
                "or choose another objective/estimator"
            )

    @property
    def largest_weight(self) -> float:
        """No propensity is used."""
        return math.inf

    @property
    def imputes(self) -> bool:
        """Nothing is imputed."""
        return False

    def terms(self, rows: PartialErrors, across: Processes = ALONE) -> Ratio:
        """See ``naive_terms``."""
        return naive_terms(rows)

    def imputation_weight(self, propensity: Tensor) -> Tensor:
        """Ones; nothing is imputed."""
        return torch.ones_like(propensity)
