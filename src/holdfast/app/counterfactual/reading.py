"""Finding in the table of answers the row that is to be read."""

from __future__ import annotations

import pandas as pd

PREFERRED = ("dr", "sndr", "snips", "ips")
"""Which estimator is read first. Settled beforehand: choosing by the result would spoil the interval."""


def rows_of(values: pd.DataFrame, *, policy: str, objective: str, versus: str = "") -> pd.DataFrame:
    """The rows of one question, a row an estimator."""
    wanted = (values["policy"] == policy) & (values["objective"] == objective)
    found: pd.DataFrame = values[wanted & (values["versus"] == versus)]
    return found


def best_row(values: pd.DataFrame, *, policy: str, objective: str, versus: str = "") -> pd.Series:
    """The row of the most preferred estimator that was computed, whether or not it is an answer."""
    found = rows_of(values, policy=policy, objective=objective, versus=versus)
    name = next(each for each in PREFERRED if (found["estimator"] == each).any())
    return found[found["estimator"] == name].iloc[0]
