"""What short-term outcomes let expect of a long-term one.

N rows (of which some have matured), K columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from holdfast.core.arrays import Floats
from holdfast.evaluation import checks

MAX_STEPS = 100
TOLERANCE = 1e-8
SEPARATED = 12.0
"""Log odds a standard deviation of a column that no sound data come to."""


@dataclass(frozen=True)
class SurrogateIndex:
    r"""Expected long-term outcome given short-term outcomes S and what was known before, X.

    .. math:: g(s, x) = E[Y \mid S = s, X = x] = \sigma(\beta_0 + \beta \cdot z(s, x))

    with columns z scaled to mean 0 and standard deviation 1 on the rows it was fitted on, and a ridge penalty
    on all but :math:`\beta_0`. The mean of the index over those rows is the mean of their outcomes.

    The index stands for Y in a comparison of treatments only under *unconfoundedness* (who was treated does
    not depend on what would happen), *surrogacy* (Y does not depend on the treatment given S and X) and
    *comparability* (Y given S and X is distributed alike where the index is fitted and where it is used);
    ``evaluation.surrogacy`` tests what of that can be tested.

    Attributes:
        names: of the columns, ``[K]``.
        center: mean of each column, ``[K]``.
        scale: standard deviation of each column; 1 where it is constant, ``[K]``.
        coefficients: of the scaled columns, ``[K]``.
        intercept: beta_0.
        num_rows: rows it was fitted on.

    Source: Athey, Chetty, Imbens and Kang (2019).
    """

    names: tuple[str, ...]
    center: Floats
    scale: Floats
    coefficients: Floats
    intercept: float
    num_rows: int

    @classmethod
    def fit(
        cls,
        columns: Mapping[str, ArrayLike],
        outcome: ArrayLike,
        *,
        weight: ArrayLike | None = None,
        ridge: float = 1.0,
    ) -> SurrogateIndex:
        r"""The index of rows whose long-term outcome has matured.

        Args:
            columns: short-term outcomes and what was known before, by name, ``[N]`` each, K of them.
            outcome: Y, in [0, 1], ``[N]``.
            weight: what a row counts, >= 0, ``[N]``; ones when None.
            ridge: penalty :math:`\tfrac12 \rho \lVert \beta \rVert^2`, >= 0, beside the sum over rows.

        Raises:
            ValueError: no row counts, all outcomes are 0 or all are 1, a column is not finite, or (without
                ridge) the columns separate the outcomes, so that no index is best.
        """
        if not ridge >= 0.0:
            raise ValueError(f"ridge is {ridge}; it must be at least 0")
        target = checks.probabilities(outcome, name="outcome")
        weights = checks.row_weights(weight, num_rows=target.size)
        matrix = _matrix(columns, num_rows=target.size)
        total = float(weights.sum())
        if not total > 0.0:
            raise ValueError(
                "no row has a matured outcome and a weight; the surrogate index needs some to fit"
            )
        mean = float(weights @ target) / total
        if not 0.0 < mean < 1.0:
            raise ValueError(
                f"all {target.size} matured outcomes are {mean:g}; a surrogate index needs both 0 and 1"
            )
        center = weights @ matrix / total
        spread = np.sqrt(weights @ (matrix - center) ** 2 / total)
        scale = np.where(spread > 1e-12 * (1.0 + np.abs(center)), spread, 1.0)
        design = np.column_stack([np.ones(target.size), (matrix - center) / scale])
        beta = _logistic(design, target, weights, ridge=ridge, start=float(np.log(mean / (1.0 - mean))))
        return cls(tuple(columns), center, scale, beta[1:], float(beta[0]), int((weights > 0.0).sum()))

    def expected(self, columns: Mapping[str, ArrayLike]) -> Floats:
        """g of each row, in (0, 1), ``[N]``.

        Raises:
            ValueError: the columns are not those of the fit, or not finite.
        """
        if tuple(columns) != self.names:
            raise ValueError(f"the index was fitted on {self.names}, in this order; given {tuple(columns)}")
        matrix = _matrix(columns, num_rows=len(np.asarray(columns[self.names[0]])) if self.names else 0)
        return np.asarray(expit(self.intercept + (matrix - self.center) / self.scale @ self.coefficients))


def _matrix(columns: Mapping[str, ArrayLike], *, num_rows: int) -> Floats:
    """The columns side by side, float64 ``[N, K]``."""
    if not columns:
        raise ValueError("a surrogate index needs at least one column of short-term outcomes")
    arrays = checks.finite_columns(**dict(columns))
    if arrays[0].size != num_rows:
        raise ValueError(f"the columns have {arrays[0].size} rows, the outcomes {num_rows}")
    return np.column_stack(arrays)


def _logistic(design: Floats, target: Floats, weight: Floats, *, ridge: float, start: float) -> Floats:
    """Coefficients of a logistic regression by Newton's method, the first of them without penalty."""
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    beta = np.zeros(design.shape[1])
    beta[0] = start
    loss = _penalised_loss(design, target, weight, beta, penalty)
    for _ in range(MAX_STEPS):
        chance = expit(design @ beta)
        gradient = design.T @ (weight * (chance - target)) + penalty * beta
        curvature = design.T @ (design * (weight * chance * (1.0 - chance))[:, None]) + np.diag(penalty)
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        size, trial = 1.0, beta - step
        while (found := _penalised_loss(design, target, weight, trial, penalty)) > loss and size > 1e-6:
            size /= 2.0
            trial = beta - size * step
        if np.abs(gradient).max() < TOLERANCE * max(float(weight.sum()), 1.0):
            break
        beta, loss = trial, found
    # Where columns separate the outcomes, coefficients grow until rounding stops them.
    if np.abs(beta[1:]).max() > SEPARATED:
        raise ValueError(
            "no surrogate index is best: the columns separate the outcomes; choose a ridge above 0"
        )
    return beta


def _penalised_loss(design: Floats, target: Floats, weight: Floats, beta: Floats, penalty: Floats) -> float:
    logits = design @ beta
    losses = np.logaddexp(0.0, logits) - target * logits
    return float(weight @ losses + 0.5 * penalty @ beta**2)
