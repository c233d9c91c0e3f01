"""Who logged each row, and how likely every logger was to do the same.

N rows, L loggers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats, Ints
from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.feedback import numbers
from holdfast.evaluation.off_policy.row_order import check_row_order

TOLERANCE = 1e-5
"""Relative; chances of one thing from two columns may differ by the rounding of 32-bit numbers, no more."""


def mixture_propensity(chances: Floats, codes: Ints) -> Floats:
    """``sum_l (n_l / n) p_l(a | x)`` from chances ``[L, N]`` and the rows' loggers ``[N]``, ``[N]``."""
    shares = np.bincount(codes, minlength=len(chances)) / codes.size
    return np.asarray(np.minimum(shares @ chances, 1.0))


def read_loggers(feedback: pd.DataFrame, logger: str) -> tuple[list[object], Ints]:
    """Names of the loggers, and the number of each row's, ``[N]``."""
    if logger not in feedback.columns:
        raise UserError(
            f"the feedback has no column {logger!r}; name the column that says who logged a row with logger="
        )
    codes, names = pd.factorize(feedback[logger])
    if (codes < 0).any():
        raise UserError(f"column {logger!r} has missing values; every row was logged by somebody")
    return names.tolist(), codes.astype(np.int64)


def propensities_of_loggers(
    feedback: pd.DataFrame, given: Mapping[object, Any] | None, names: Sequence[object]
) -> Floats | None:
    """Chances of the logged actions under each logger, ``[L, N]``; None where none were given."""
    if given is None:
        return None
    missing = [name for name in names if name not in given]
    if missing:
        raise UserError(
            f"propensities of the loggers {missing} are missing; give each logger's chance of the logged "
            "action in "
            "every row, or leave propensities out for the naive and weighted estimators"
        )
    chances = np.empty((len(names), len(feedback)))
    for place, name in enumerate(names):
        column = given[name]
        if isinstance(column, str):
            if column not in feedback.columns:
                raise UserError(
                    f"propensities of {name!r} name column {column!r}, which the feedback does not have"
                )
            column = numbers(feedback[column])
        check_row_order(column, feedback.index, what=f"the column of propensities of {name!r}")
        shape = np.shape(column)
        values = numbers(pd.Series(np.asarray(column).ravel(), name=f"propensities of {name}"))
        if shape != (len(feedback),) or not ((values >= 0.0) & (values <= 1.0)).all():
            raise UserError(
                f"propensities of {name!r} have shape {shape} or hold values that are missing or "
                f"outside [0, 1]; they need one for each of the {len(feedback)} rows, 0 where it could not "
                "have chosen the action"
            )
        chances[place] = values
    return chances


def own_propensity(feedback: pd.DataFrame, chances: Floats | None, codes: Ints, propensity: str) -> Any:
    """The chance of each row under its own logger; checked where it is known twice."""
    if chances is None:
        if propensity not in feedback.columns:
            raise UserError(
                f"the feedback has no column {propensity!r}; name it, or give propensities by logger"
            )
        return feedback[propensity]
    own = chances[codes, np.arange(codes.size)]
    if propensity in feedback.columns:
        stated = numbers(feedback[propensity])
        apart = ~np.isclose(stated, own, rtol=TOLERANCE, atol=0.0)
        if apart.any():
            first = int(np.flatnonzero(apart)[0])
            raise UserError(
                f"column {propensity!r} and the propensities of the row's own logger disagree in "
                f"{int(apart.sum())} "
                f"rows, the first is row {first}: {stated[first]:.6g} and {own[first]:.6g}"
            )
    return own
