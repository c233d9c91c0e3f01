"""Rows of which some were observed, and the mean loss that all of them would have.

B rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """The processes that share a batch.

    Attributes:
        reduce_sum: adds a tensor up over all processes; the identity for one.
        count: how many there are.
    """

    reduce_sum: Callable[[Tensor], Tensor] = lambda tensor: tensor
    count: int = 1


ALONE = Processes()


class PartialErrors:
    """Losses of B rows of a population, of which some were observed: what every estimator works on.

    Whatever does not count is replaced by a harmless number first: 0 times an infinite loss would be NaN, and
        so
    would its gradient. No gradient goes through propensities and weights.

    Args:
        errors: loss of each row, ``[B]``; anything, NaN included, where not observed.
        observed: whether the row's outcome is known, ``[B]``.
        propensity: chance of being observed, in (0, 1], floored already, ``[B]``.
        where: False for rows outside the population, ``[B]``; all belong to it when None.
        weight: what a row of the population counts, >= 0, ``[B]``; ones when None.
        imputed: what a model expects the loss to be, ``[B]``, for estimators that need it.
    """

    def __init__(
        self,
        errors: Tensor,
        *,
        observed: Tensor,
        propensity: Tensor,
        where: Tensor | None = None,
        weight: Tensor | None = None,
        imputed: Tensor | None = None,
    ) -> None:
        inside = torch.ones_like(observed) if where is None else where
        self.inside = inside
        self.observed = observed & inside
        self.errors = errors.masked_fill(~self.observed, 0.0)
        self.weight = (
            inside.to(errors.dtype)
            if weight is None
            else weight.detach().to(errors.dtype).masked_fill(~inside, 0.0)
        )
        self.inverse = propensity.detach().to(errors.dtype).masked_fill(~inside, 1.0).reciprocal()
        self._imputed = None if imputed is None else imputed.masked_fill(~inside, 0.0)

    @property
    def observed_weight(self) -> Tensor:
        """Weights of the observed rows, 0 elsewhere, ``[B]``."""
        return self.weight.masked_fill(~self.observed, 0.0)

    @property
    def imputed(self) -> Tensor:
        """Imputed losses, 0 outside the population, ``[B]``."""
        if self._imputed is None:
            raise ValueError("this estimator needs imputed losses; give imputed=")
        return self._imputed


class Ratio(NamedTuple):
    """An estimate as a fraction, so that batches and processes can be added up before dividing.

    Attributes:
        numerator: a scalar; carries the gradient.
        denominator: a scalar without a gradient.
    """

    numerator: Tensor
    denominator: Tensor

    def mean(self, across: Processes = ALONE) -> Tensor:
        r"""The estimate as a loss: :math:`R \, n_r / \sum_{r'} d_{r'}` on process r of R.

        The gradients that data-parallel training averages over processes then add up to the gradient of one
        process that sees all rows.

        Returns:
            A scalar; 0 with a zero gradient where nothing counts.
        """
        total = across.reduce_sum(self.denominator.detach())
        safe = torch.where(total > 0.0, total, torch.ones_like(total))
        return across.count * self.numerator * (total > 0.0) / safe


@runtime_checkable
class LossEstimator(Protocol):
    """Estimates the mean loss over all rows of a population from those that were observed."""

    @property
    def objectives(self) -> list[str]:
        """Names of the heads whose losses are estimated this way; the others' are weighted means."""
        ...

    @property
    def largest_weight(self) -> float:
        """Largest inverse propensity; ``inf`` for no cap."""
        ...

    @property
    def imputes(self) -> bool:
        """Whether it needs imputed losses."""
        ...

    def terms(self, rows: PartialErrors, across: Processes = ALONE) -> Ratio:
        """The estimate over a batch."""
        ...

    def imputation_weight(self, propensity: Tensor) -> Tensor:
        """What an observed row counts where the imputation is fitted, ``[B]``."""
        ...
