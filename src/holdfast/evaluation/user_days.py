"""One row per user-day: a return is a fact about a user's day, not about an impression.

N rows, D user-days.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.evaluation import checks


@dataclass(frozen=True)
class UserDays:
    """Rows summed up by user-day.

    Attributes:
        first_row: some row of each user-day, ``[D]``; takes what its rows share, such as the user.
        weight: mean weight of its rows, ``[D]``.
        columns: mean of each column over its rows, ``[D]`` each.
    """

    first_row: Ints
    weight: Floats
    columns: tuple[Floats, ...]


def per_user_day(codes: Ints, weights: Floats | None, *columns: Floats) -> UserDays:
    """Mean of each column over the rows of each user-day, in the order of their codes.

    Args:
        codes: integer code of each row's user-day, ``[N]``.
        weights: what a row counts in the means, >= 0, ``[N]``; ones when None. Where all the rows of a
            user-day weigh 0, its means are plain ones, and its own weight is 0.
        columns: ``[N]`` each.
    """
    arrays = checks.finite_columns(**{f"column {index}": each for index, each in enumerate(columns)})
    num_rows = np.asarray(codes).size
    codes = checks.codes(codes, name="codes", num_rows=num_rows)
    row_weight = checks.row_weights(weights, num_rows=num_rows)
    _, first_row, day = np.unique(codes, return_index=True, return_inverse=True)
    rows = np.bincount(day, minlength=first_row.size)
    total = np.bincount(day, row_weight, minlength=first_row.size)
    share = np.where(total[day] > 0.0, row_weight, 1.0)
    shares = np.where(total > 0.0, total, rows)
    means = tuple(
        # Deviations from one of its rows: equal values stay equal to the last bit, or rounding would decide
        # between days of different lengths that are tied.
        each[first_row]
        + np.bincount(day, share * (each - each[first_row][day]), minlength=first_row.size) / shares
        for each in arrays
    )
    return UserDays(first_row, total / rows, means)
