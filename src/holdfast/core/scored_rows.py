"""Rows of a window with what a trained model said of them, for what is fitted after training.

N rows of the window, F categorical inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.core.arrays import Floats, Ints
from holdfast.core.features import InputSchema


@dataclass(frozen=True, kw_only=True)
class ScoredRows:
    """What a model predicted of each row, and what the row was worth.

    Attributes:
        scores: the output that ranks of each head, ``[N]`` by objective.
        gains: what a row is worth to each objective in its own unit (clicks, seconds, returns), >= 0, ``[N]``
            by objective; NaN where that is not known.
        request: code of the row's request, ``[N]``.
        user: code of the row's user, ``[N]``.
        categorical: encoded categorical inputs, ``[N, F]``.
        schema: which column of ``categorical`` is which.
        value_names: what an encoded value stands for, by input and row of its vocabulary; may lack any.
        notes: how gains were made, a sentence each.
    """

    scores: Mapping[str, Floats]
    gains: Mapping[str, Floats]
    request: Ints
    user: Ints
    categorical: Ints
    schema: InputSchema
    value_names: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(each) for each in (*self.scores.values(), *self.gains.values())}
        lengths |= {len(self.request), len(self.user), len(self.categorical)}
        if len(lengths) != 1:
            raise ValueError(f"columns of scored rows have {sorted(lengths)} rows; they must agree")
        if set(self.scores) != set(self.gains):
            raise ValueError(f"scores are of {sorted(self.scores)} and gains of {sorted(self.gains)}")

    def column(self, name: str) -> Ints:
        """The encoded values of a categorical input, ``[N]``.

        Raises:
            ValueError: there is no such categorical input; names those that there are.
        """
        return self.categorical[:, categorical_place(self.schema, name)]


def categorical_place(schema: InputSchema, name: str) -> int:
    """Place of a categorical input among the columns of ``Inputs.categorical``.

    Raises:
        ValueError: there is no such categorical input; names those that there are.
    """
    if name not in schema.categorical:
        raise ValueError(f"{name!r} is no categorical input of this model; it has {list(schema.categorical)}")
    return schema.categorical.index(name)
