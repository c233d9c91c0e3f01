"""How likely a slot is looked at, from clicks on slots that a ranker filled: regression-EM.

N rows of a window, K slots, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Meaning, Propensity
from holdfast.objectives.propensities.examination import slot_predictor
from holdfast.objectives.propensities.logistic import LogisticFit, fit_logistic
from holdfast.objectives.propensities.source import FittedSource, Predictor, check_num_folds, cross_fitted


@dataclass(frozen=True, kw_only=True)
class ExaminationByEM:
    """Examination by slot and interest by features, told apart by expectation maximisation, without chance.

    It needs the same features in several slots, and a regression that can tell interest: where the ranker put
        the
    best items first and the features do not say why, it takes interest for examination.

    Attributes:
        num_iterations: of the expectation maximisation, at least 1.
        ridge: penalty of the regression, > 0.
        num_folds: parts of the users; a row's propensity comes from the others.
        seed: of the folds.

    Source: Wang et al. (2018), WSDM, with a logistic regression for the interest.
    """

    num_iterations: int = 100
    ridge: float = 1.0
    num_folds: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        check_num_folds(self.num_folds)
        if self.num_iterations < 1:
            raise ValueError(f"num_iterations is {self.num_iterations}; it must be at least 1")
        if not self.ridge > 0.0:
            raise ValueError(f"ridge is {self.ridge}; it must be above 0")

    @property
    def meaning(self) -> Meaning:
        """The slot was looked at."""
        return "examination"

    def fit(self, train: LoggedRows) -> FittedSource:
        """Tell examination and interest apart.

        Raises:
            ValueError: slots are not logged or all the same, nothing was clicked, or there is no feature.
        """
        usable = _usable(train)
        slots = np.unique(train.slot[usable])
        if len(slots) < 2 or train.features.shape[1] == 0:
            raise ValueError(
                f"regression-EM needs rows in at least two slots and a numeric feature; found slots "
                f"{slots.tolist()} and {train.features.shape[1]} features: choose another "
                "objective/propensity"
            )
        predict = self._predictor(train)
        # All rows are held out, those that teach nothing too: their users may have others that do.
        values = cross_fitted(train, fit=self._predictor, num_folds=self.num_folds, seed=self.seed)
        shown = predict(train.take(np.unique(train.slot, return_index=True)[1]))
        said = ", ".join(f"{value:.2f}" for value in shown[~np.isnan(shown)][:10])
        return FittedSource(
            on_train=self._propensity(values),
            of=lambda rows: self._propensity(predict(rows)),
            notes=(f"examination by slot: {said}",),
        )

    def _propensity(self, values: Floats) -> Propensity:
        return Propensity(values=values, meaning=self.meaning, source="regression-EM on clicks")

    def _predictor(self, rows: LoggedRows) -> Predictor:
        used = rows.take(_usable(rows))
        examination, _ = regression_em(
            used.click, used.slot, used.features, num_iterations=self.num_iterations, ridge=self.ridge
        )
        return slot_predictor(examination)


def _usable(rows: LoggedRows) -> Bools:
    return ~np.isnan(rows.click) & (rows.slot >= 0)


def regression_em(
    click: Floats, slot: Ints, features: Floats, *, num_iterations: int = 100, ridge: float = 1.0
) -> tuple[Floats, LogisticFit]:
    r"""Examination and interest of :math:`P(c \mid k, x) = \theta_k \gamma_x`.

    Expectation, for a row without a click (a click needs both):

    .. math:: P(\text{examined}) = \frac{\theta_k (1 - \gamma_x)}{1 - \theta_k \gamma_x}, \qquad
        P(\text{of interest}) = \frac{(1 - \theta_k) \gamma_x}{1 - \theta_k \gamma_x}

    Maximisation: :math:`\theta_k` is the mean of the former over the slot's rows, :math:`\gamma` a logistic
    regression of the latter on the features.

    Args:
        click: 0 or 1, ``[N]``.
        slot: from 0, ``[N]``.
        features: ``[N, D]``.
        num_iterations: at least 1.
        ridge: penalty of the regression, > 0.

    Returns:
        Examination of each slot from 0, the best has 1, ``[K]`` (NaN for a slot that never occurs); and the
        regression.

    Raises:
        ValueError: nothing, or everything, was clicked.

    Source: Wang et al. (2018), WSDM.
    """
    clicked = np.asarray(click, dtype=np.float64)
    shown = np.bincount(slot)
    theta = np.where(shown > 0, 0.5, np.nan)
    regression = fit_logistic(features, np.clip(2.0 * clicked * clicked.mean(), 0.0, 1.0), ridge=ridge)
    for _ in range(num_iterations):
        gamma, examined = regression.chance(features), theta[slot]
        neither = 1.0 - examined * gamma
        looked = np.where(clicked > 0.5, 1.0, examined * (1.0 - gamma) / neither)
        wanted = np.where(clicked > 0.5, 1.0, (1.0 - examined) * gamma / neither)
        with np.errstate(invalid="ignore"):
            theta = np.bincount(slot, looked, minlength=len(shown)) / shown
        # Only the product is observed: the best slot is fixed at 1 afterwards, below 1 here.
        theta = np.minimum(theta, 1.0 - 1e-6)
        # A few Newton steps from the last fit are enough: the next round moves the labels again.
        regression = fit_logistic(features, wanted, ridge=ridge, num_steps=3, start=regression)
    return theta / np.nanmax(theta), regression
