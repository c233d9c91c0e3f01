"""What every metric demands of its inputs, said in the user's words.

N rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from holdfast.core.arrays import Bools, Floats, Ints


def finite_columns(**columns: ArrayLike) -> tuple[Floats, ...]:
    """The columns as float64 ``[N]``, in the order given.

    Raises:
        ValueError: a column is not one-dimensional, they differ in length, or one holds NaN or infinity.
    """
    arrays = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
    same_length(**arrays)
    for name, array in arrays.items():
        bad = ~np.isfinite(array)
        if bad.any():
            raise ValueError(
                f"{name} holds {int(bad.sum())} values that are NaN or infinite among {array.size}, "
                f"the first in row {int(bad.argmax())}; mask the rows that are not known first"
            )
    return tuple(arrays.values())


def same_length(**columns: NDArray[Any]) -> None:
    """Check that the columns are one-dimensional and equally long.

    Raises:
        ValueError: they are not; the message gives every shape.
    """
    shapes = {name: column.shape for name, column in columns.items()}
    if any(len(shape) != 1 for shape in shapes.values()) or len(set(shapes.values())) > 1:
        raise ValueError(f"columns must be one-dimensional and equally long, and have shapes {shapes}")


def probabilities(probability: ArrayLike, *, name: str = "probability") -> Floats:
    """The column as float64 ``[N]``.

    Raises:
        ValueError: a value lies outside [0, 1].
    """
    (array,) = finite_columns(**{name: probability})
    bad = (array < 0.0) | (array > 1.0)
    if bad.any():
        raise ValueError(
            f"{name} holds {int(bad.sum())} values outside [0, 1], the first is {array[bad][0]!r}; "
            "pass probabilities, not logits"
        )
    return array


def binary_labels(label: ArrayLike, *, name: str = "label") -> Bools:
    """The labels as bool ``[N]``.

    Raises:
        ValueError: a label is neither 0 nor 1.
    """
    (array,) = finite_columns(**{name: label})
    bad = (array != 0.0) & (array != 1.0)
    if bad.any():
        raise ValueError(
            f"{name} holds {int(bad.sum())} values other than 0 and 1, the first is {array[bad][0]!r}"
        )
    return np.asarray(array == 1.0)


def row_weights(weight: ArrayLike | None, *, num_rows: int) -> Floats:
    """The weights as float64 ``[N]``; ones where None is given.

    Raises:
        ValueError: a weight is negative, NaN or infinite, or there are not ``num_rows`` of them.
    """
    if weight is None:
        return np.ones(num_rows)
    (array,) = finite_columns(weight=weight)
    if array.size != num_rows:
        raise ValueError(f"weight has {array.size} rows and the metric {num_rows}")
    if (array < 0.0).any():
        raise ValueError(f"weight holds {int((array < 0.0).sum())} negative values; weights are >= 0")
    return array


def codes(values: ArrayLike, *, name: str, num_rows: int) -> Ints:
    """Integer codes ``[N]``.

    Raises:
        ValueError: they are not integers, or there are not ``num_rows`` of them.
    """
    array = np.asarray(values)
    if array.shape != (num_rows,):
        raise ValueError(f"{name} has shape {array.shape}; expected ({num_rows},), one code a row")
    if not np.issubdtype(array.dtype, np.integer) and array.size:
        raise ValueError(f"{name} holds {array.dtype} values; pass integer codes")
    return array.astype(np.int64)
