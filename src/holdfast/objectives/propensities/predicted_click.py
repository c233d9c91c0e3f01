"""How likely a row is clicked: the propensity of everything that is observed only after a click.

N rows of a window, B rows of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Meaning, Propensity
from holdfast.objectives.propensities.logistic import fit_logistic
from holdfast.objectives.propensities.source import FittedSource, Predictor, check_num_folds, cross_fitted


def predicted_click(chance: Tensor, *, max_weight: float) -> Tensor:
    """A click head's prediction as the propensity of its batch: floored once, without a gradient, ``[B]``.

    Through the gradient a loss would be lowered by predicting clicks where it is large.

    Args:
        chance: predicted, in [0, 1], ``[B]``.
        max_weight: largest inverse, >= 1; ``inf`` for no floor but the smallest number that there is.

    Source: Zhang et al. (2020), WWW; Wang et al. (2022), SIGIR.
    """
    return chance.detach().clamp(min=max(1.0 / max_weight, 1e-12), max=1.0)


@dataclass(frozen=True, kw_only=True)
class PredictedClick:
    """A logistic regression of the click on the numeric inputs, made before training and cross-fitted.

    It weights the heads that are observed only after a click, and leaves the others alone.
    ``objective.estimator`` uses the run's own click head instead, which sees more and changes as it learns.

    Attributes:
        ridge: penalty of the regression, > 0.
        num_folds: parts of the users; a row's propensity comes from the others.
        seed: of the folds.
    """

    ridge: float = 1.0
    num_folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        check_num_folds(self.num_folds)
        if not self.ridge > 0.0:
            raise ValueError(f"ridge is {self.ridge}; it must be above 0")

    @property
    def meaning(self) -> Meaning:
        """The row was clicked."""
        return "clicked"

    def fit(self, train: LoggedRows) -> FittedSource:
        """Fit the regression on rows whose click is known.

        Raises:
            ValueError: all of them, or none, were clicked.
        """
        predict = self._predictor(train)
        # All rows are held out, those that teach nothing too: their users may have others that do.
        values = cross_fitted(train, fit=self._predictor, num_folds=self.num_folds, seed=self.seed)
        return FittedSource(
            on_train=self._propensity(values), of=lambda rows: self._propensity(predict(rows))
        )

    def _propensity(self, values: Floats) -> Propensity:
        return Propensity(values=values, meaning=self.meaning, source="logistic regression of the click")

    def _predictor(self, rows: LoggedRows) -> Predictor:
        known = ~np.isnan(rows.click)
        regression = fit_logistic(rows.features[known], rows.click[known], ridge=self.ridge)
        return lambda others: regression.chance(others.features)
