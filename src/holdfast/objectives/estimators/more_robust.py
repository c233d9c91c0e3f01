"""Doubly robust, with an imputation that is good where a mistake costs the most variance.

B rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from holdfast.objectives.estimators.doubly_robust import DoublyRobust


def variance_weight(propensity: Tensor) -> Tensor:
    r"""What a mistake of the imputation adds to the variance of DR, per observed row: :math:`(1 - p) / p^2`.

    The variance of DR is :math:`\sum_b (1 - p_b) / p_b \, (e_b - \hat e_b)^2` over all rows; the observed
    ones stand for them with :math:`1 / p`.

    Args:
        propensity: in (0, 1], ``[B]``.

    Source: Guo et al. (2021), SIGIR.
    """
    return (1.0 - propensity) / propensity.square()


@dataclass(frozen=True, kw_only=True)
class MoreRobust(DoublyRobust):
    """MRDR: DR with an imputation that makes its variance small. Fields as in ``DoublyRobust``."""

    def imputation_weight(self, propensity: Tensor) -> Tensor:
        """See ``variance_weight``."""
        return variance_weight(propensity)
