"""Imputed losses, corrected where the truth was observed.

B rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from holdfast.objectives.estimators.rows import ALONE, PartialErrors, Processes, Ratio
from holdfast.objectives.estimators.settings import (
    after_click,
    check_max_weight,
    check_num_imputations,
    check_objectives,
)


def doubly_robust_terms(rows: PartialErrors) -> Ratio:
    r"""The doubly robust estimate (DR).

    .. math:: \frac{1}{\sum_b w_b} \sum_b w_b \Big( \hat e_b + \frac{o_b (e_b - \hat e_b)}{p_b} \Big)

    Its expectation is the mean loss of all rows if the propensities are right, or if the imputed losses are.
    Its variance is that of the difference :math:`e - \hat e`, which is small where the imputation is good.

    The gradient for the prediction goes through :math:`\hat e` too: it has to be the loss of the prediction
    at an imputed outcome. An imputed *number* would drop out of the gradient and leave plain IPS.

    Source: Wang et al. (2019), ICML; Robins et al. (1994).
    """
    correction = rows.observed_weight * rows.inverse * (rows.errors - rows.imputed)
    return Ratio((rows.weight * rows.imputed + correction).sum(), rows.weight.sum())


def imputation_terms(rows: PartialErrors, factor: Tensor) -> Ratio:
    r"""How far imputed losses are from the observed ones.

    .. math:: \frac{\sum_b w_b o_b f_b (\hat e_b - e_b)^2}{\sum_b w_b o_b f_b}

    With :math:`f = 1 / p` the imputation loss of joint learning; with :math:`f = (1 - p) / p^2` that of MRDR.
    The observed losses are taken as given: only the imputation learns here.

    Args:
        rows: with ``imputed``.
        factor: what an observed row counts, >= 0, ``[B]``.

    Source: Wang et al. (2019), ICML; Guo et al. (2021), SIGIR.
    """
    weight = rows.observed_weight * factor.detach().masked_fill(~rows.observed, 0.0)
    return Ratio((weight * (rows.imputed - rows.errors.detach()).square()).sum(), weight.sum())


@dataclass(frozen=True, kw_only=True)
class DoublyRobust:
    """DR with joint learning (DR-JL) for heads observed only after a click; p is the predicted click.

    A tower of the head's own kind learns the outcome from the observed rows, each counting ``1 / p``, and the
    imputed loss is the prediction's mean loss at equally likely outcomes of it.

    Attributes:
        objectives: the heads; others are weighted means.
        max_weight: largest inverse propensity, >= 1.
        num_imputations: outcomes that stand for an imputed distribution, at least 1: its quantiles at
            ``(k - 1/2) / num_imputations``.
    """

    objectives: list[str] = field(default_factory=after_click)
    max_weight: float = 50.0
    num_imputations: int = 4

    def __post_init__(self) -> None:
        check_objectives(self.objectives)
        check_max_weight(self.max_weight)
        check_num_imputations(self.num_imputations)

    @property
    def largest_weight(self) -> float:
        """The cap."""
        return self.max_weight

    @property
    def imputes(self) -> bool:
        """Losses are imputed."""
        return True

    def terms(self, rows: PartialErrors, across: Processes = ALONE) -> Ratio:
        """See ``doubly_robust_terms``."""
        return doubly_robust_terms(rows)

    def imputation_weight(self, propensity: Tensor) -> Tensor:
        """One over the propensity."""
        return propensity.reciprocal()
