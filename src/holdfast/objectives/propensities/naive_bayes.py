"""How likely a row of some outcome is observed, with a small random sample to hold it against.

N rows of a window, C outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Meaning, Propensity
from holdfast.objectives.propensities.randomised_slice import random_policies
from holdfast.objectives.propensities.source import FittedSource, Predictor, check_num_folds, cross_fitted


def naive_bayes_propensity(
    outcome: Floats, *, at_random: Floats, observed_share: float, smoothing: float = 1.0
) -> dict[float, float]:
    r"""Chance to be observed, by outcome.

    .. math:: P(o = 1 \mid y) = \frac{P(y \mid o = 1) \, P(o = 1)}{P(y)}

    :math:`P(y)` comes from rows that chance chose. They have to be carved out of the training side: taken
    from the test set they tell the model what it is tested on.

    Args:
        outcome: of the rows that were not chosen by chance, few different values, ``[N]``.
        at_random: of rows chosen by chance, ``[M]``.
        observed_share: P(o = 1), in (0, 1].
        smoothing: added to the count of every outcome on both sides, >= 0.

    Returns:
        The chance by value, for every value in either sample; at most 1.

    Raises:
        ValueError: a sample is empty, or an outcome does not occur in the random sample and nothing is
            smoothed.

    Source: Schnabel et al. (2016), ICML.
    """
    if not 0.0 < observed_share <= 1.0:
        raise ValueError(f"observed_share is {observed_share}; it must be in (0, 1]")
    if len(outcome) == 0 or len(at_random) == 0:
        raise ValueError(
            f"there are {len(outcome)} rows chosen by a policy and {len(at_random)} chosen by chance; "
            "naive Bayes "
            "needs both"
        )
    values = np.union1d(outcome, at_random)
    biased = np.array([(outcome == value).sum() for value in values]) + smoothing
    random = np.array([(at_random == value).sum() for value in values]) + smoothing
    if (random == 0).any() or (biased == 0).any():
        raise ValueError(
            f"the outcomes {values[(random == 0) | (biased == 0)].tolist()} occur in one sample only; set "
            "smoothing "
            "above 0, or bring a larger random sample"
        )
    chance = (biased / biased.sum()) * observed_share / (random / random.sum())
    return dict(zip(values.tolist(), np.minimum(chance, 1.0).tolist(), strict=True))


@dataclass(frozen=True, kw_only=True)
class NaiveBayes:
    """Chance to be shown by whether the row was clicked, held against the clicks of randomised rows.

    The randomised rows are those of the training window. They pay for the propensities and are set aside; so
    are rows whose click is not known.

    Attributes:
        policies: patterns of names of policies that chose by chance.
        observed_share: share of all pairs of a user and an item that the log holds, in (0, 1]. It scales all
            propensities alike, so only a cap and the reported numbers depend on it.
        smoothing: added to every count, >= 0.
        num_folds: parts of the users; a row's propensity comes from the others.
        seed: of the folds.
    """

    policies: list[str] = field(default_factory=random_policies)
    observed_share: float = 0.1
    smoothing: float = 1.0
    num_folds: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        check_num_folds(self.num_folds)
        if not self.policies:
            raise ValueError("policies is empty; name the policies that chose by chance")
        if not 0.0 < self.observed_share <= 1.0:
            raise ValueError(f"observed_share is {self.observed_share}; it must be in (0, 1]")
        if not self.smoothing >= 0.0:
            raise ValueError(f"smoothing is {self.smoothing}; it must be at least 0")

    @property
    def meaning(self) -> Meaning:
        """The row was shown at all."""
        return "item_in_slot"

    def fit(self, train: LoggedRows) -> FittedSource:
        """Compare clicks of rows chosen by the policy and by chance.

        Raises:
            ValueError: the training window lacks one of the two.
        """
        usable = self._shown_by_policy(train)
        predict = self._predictor(train)
        values = np.full(len(train), np.nan)
        folded = cross_fitted(train, fit=self._predictor, num_folds=self.num_folds, seed=self.seed)
        values[usable] = folded[usable]
        random = int(train.logged_by(self.policies).sum())
        return FittedSource(
            on_train=self._propensity(values),
            of=lambda rows: self._propensity(np.where(self._shown_by_policy(rows), predict(rows), np.nan)),
            notes=(f"chance chose {random:,} of {len(train):,} rows: they tell P(click) and are set aside",),
        )

    def _shown_by_policy(self, rows: LoggedRows) -> Bools:
        return ~rows.logged_by(self.policies) & ~np.isnan(rows.click)

    def _propensity(self, values: Floats) -> Propensity:
        return Propensity(
            values=values,
            meaning=self.meaning,
            source="naive Bayes on the click, with a random sample of the training window",
            sets_aside=True,
        )

    def _predictor(self, rows: LoggedRows) -> Predictor:
        random = rows.logged_by(self.policies) & ~np.isnan(rows.click)
        chance = naive_bayes_propensity(
            rows.click[self._shown_by_policy(rows)],
            at_random=rows.click[random],
            observed_share=self.observed_share,
            smoothing=self.smoothing,
        )
        return lambda others: _look_up(others.click, chance)


def _look_up(outcome: Floats, chance: Mapping[float, float]) -> Floats:
    values = np.full(len(outcome), np.nan)
    for value, each in chance.items():
        values[outcome == value] = each
    return values
