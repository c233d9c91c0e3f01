"""Estimators for logs of several policies; each is a dataclass whose one method is its formula.

N rows, n_l of which logger l made, each with its own probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.estimators import DoublyRobust, Estimator, InversePropensity
from holdfast.evaluation.off_policy.formulas import Terms
from holdfast.evaluation.off_policy.loggers.logger_rounds import LoggerRounds
from holdfast.evaluation.off_policy.rounds import Rounds, WeightRange

SMALLEST_VARIANCE = 1e-12
"""Relative to the mean square: below it a variance is rounding."""


@dataclass(frozen=True)
class NaiveLoggers:
    """All rows alike, each weighted by the propensity of its *own* logger: ``w = p_e(a | x) / p_l(a | x)``.

    Unbiased (as the estimator is) only where every single logger could have logged all that the evaluation
    policy does; one poor logger can spoil the whole.

    Attributes:
        estimator: of the pooled rows.

    Source: Agarwal, Basu, Schnabel and Joachims (2017), naive estimator.
    """

    estimator: Estimator = field(default_factory=InversePropensity)
    propensities: ClassVar[str] = "own"

    @property
    def name(self) -> str:
        """``ips_naive``."""
        return f"{self.estimator.name}_naive"

    @property
    def needs(self) -> str:
        """As the estimator."""
        return self.estimator.needs

    @property
    def reference(self) -> str:
        """As the estimator."""
        return self.estimator.reference

    @property
    def reduced_above(self) -> float:
        """As the estimator."""
        return self.estimator.reduced_above

    def terms(self, rounds: Rounds) -> Terms:
        """Those of the estimator."""
        return self.estimator.terms(rounds)


@dataclass(frozen=True)
class BalancedLoggers(NaiveLoggers):
    """All rows alike, each weighted by the mixture of all loggers.

    ``w = p_e(a | x) / sum_l (n_l / n) p_l(a | x)``: unbiased where *some* logger could have logged what the
    evaluation policy does, and for IPS never with more variance than the naive one.

    Source: Agarwal et al. (2017), balanced estimator.
    """

    propensities: ClassVar[str] = "mixture"

    @property
    def name(self) -> str:
        """``ips_balanced``."""
        return f"{self.estimator.name}_balanced"


@dataclass(frozen=True)
class WeightedLoggers:
    """A value from each logger's rows, combined by inverse variance.

    ``sum_l alpha_l V_l`` with ``alpha_l`` in proportion to ``n_l / var_l``, where V_l and var_l are mean and
    variance of ``w r`` (or, for DR, of the *whole* of ``dm + w (r - q)``) over the logger's rows, and w has
    its own propensities. As unbiased as the naive one where variances are known; they are estimated, and
    where rewards are rare a logger with few of them by chance seems the surer one.

    Attributes:
        estimator: ``InversePropensity()`` or ``DoublyRobust()``.

    Source: Agarwal et al. (2017), weighted estimator.
    """

    estimator: InversePropensity | DoublyRobust = field(default_factory=InversePropensity)
    propensities: ClassVar[str] = "own"
    reference: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not isinstance(self.estimator, InversePropensity | DoublyRobust) or self.estimator.reference:
            raise ValueError(
                f"estimator is {self.estimator}; loggers are weighted for InversePropensity() and "
                "DoublyRobust(), "
                "whose values are means, without clipping"
            )

    @property
    def name(self) -> str:
        """``ips_weighted``."""
        return f"{self.estimator.name}_weighted"

    @property
    def needs(self) -> str:
        """As the estimator."""
        return self.estimator.needs

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf

    def terms(self, rounds: Rounds) -> Terms:
        """``sum_l alpha_l V_l``."""
        if not isinstance(rounds, LoggerRounds):
            raise ValueError("rounds do not say who logged them; use evaluate_several_loggers")
        (values,) = self.estimator.terms(rounds).columns
        shares = rounds.indicators
        sums = tuple(share * values for share in shares)
        squares = tuple(part * values for part in sums)
        return Terms((*shares, *sums, *squares), _by_inverse_variance)


def _by_inverse_variance(means: Floats, _: WeightRange) -> Floats:
    num_loggers = means.shape[-1] // 3
    share, total, square = (means[..., place * num_loggers : (place + 1) * num_loggers] for place in range(3))
    value = total / share
    variance = square / share - value * value
    # Undefined rather than infinitely sure.
    known = variance.real > SMALLEST_VARIANCE * (square / share).real
    precision = share / np.where(known, variance, np.nan)
    return np.asarray((precision * value).sum(axis=-1) / precision.sum(axis=-1))
