"""What every source of propensities offers, and how those that are learned are cross-fitted.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.logged_rows import LoggedRows
from holdfast.core.propensity import Meaning, Propensity
from holdfast.core.random import generator

Predictor = Callable[[LoggedRows], Floats]
"""Gives rows their propensities, ``[N]``; NaN where it has none."""


@dataclass(frozen=True, kw_only=True)
class FittedSource:
    """Propensities of the rows that a source was fitted on, and a way to get those of others.

    Attributes:
        on_train: of the fitted rows, each from a fit that has not seen its user, where anything was learned.
        of: those of any other rows.
        notes: what a reader must know of the fit, such as a fallback and how often it was taken.
    """

    on_train: Propensity
    of: Callable[[LoggedRows], Propensity]
    notes: tuple[str, ...] = ()


@runtime_checkable
class PropensitySource(Protocol):
    """Where propensities come from."""

    @property
    def meaning(self) -> Meaning | None:
        """What the propensities are the chance of; None where the log says it."""
        ...

    def fit(self, train: LoggedRows) -> FittedSource:
        """Learn from the training window whatever there is to learn.

        Raises:
            ValueError: the rows do not hold what the source needs.
        """
        ...


def cross_fitted(
    train: LoggedRows, *, fit: Callable[[LoggedRows], Predictor], num_folds: int, seed: int
) -> Floats:
    """Each row's propensity from a fit that has not seen any row of its user, ``[N]``.

    A propensity that has seen the row's own outcome is too close to it: rows that happened to be clicked
    would weigh too little.

    Args:
        train: rows to fit and to predict.
        fit: makes a predictor out of rows.
        num_folds: parts that the users are split into by chance, at least 2.
        seed: of the split.

    Raises:
        ValueError: there are fewer users than folds.
    """
    fold = user_folds(train.user, num_folds=num_folds, seed=seed)
    values = np.full(len(train), np.nan)
    for each in range(num_folds):
        mine = fold == each
        values[mine] = fit(train.take(~mine))(train.take(mine))
    return values


def user_folds(user: Ints, *, num_folds: int, seed: int) -> Ints:
    """A fold from 0 for each row, the same for all rows of a user, ``[N]``; folds of equal size."""
    users, code = np.unique(user, return_inverse=True)
    if num_folds < 2:
        raise ValueError(f"num_folds is {num_folds}; it must be at least 2")
    if len(users) < num_folds:
        raise ValueError(f"{len(users)} users cannot be split into {num_folds} folds; lower num_folds")
    fold_of_user = generator(seed, "propensity folds").permutation(np.arange(len(users)) % num_folds)
    return np.asarray(fold_of_user[code])


def check_num_folds(num_folds: int) -> None:
    """Raise a ``ValueError`` that names the field where rows cannot be held out."""
    if num_folds < 2:
        raise ValueError(f"num_folds is {num_folds}; it must be at least 2, so that rows can be held out")
