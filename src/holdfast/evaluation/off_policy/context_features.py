"""Numbers from the context columns of a data frame.

N rows, D features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.core.errors import UserError

MAX_LEVELS = 1000
"""A text column with more levels is an identifier, and no feature for a linear model."""


@dataclass(frozen=True)
class ContextEncoding:
    """How columns become numbers; learned from one frame, applied to others.

    Attributes:
        levels: by column, the values that get a 0/1 feature each; None for a number, which stays as it is.
    """

    levels: Mapping[str, tuple[object, ...] | None]

    def encode(self, frame: pd.DataFrame) -> Floats:
        """``[N, D]``; a level that was not there before is all zeros."""
        parts = [np.empty((len(frame), 0))]
        for name, levels in self.levels.items():
            if levels is None:
                values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
                if not np.isfinite(values).all():
                    raise UserError(
                        f"context column {name!r} has missing or infinite values; fill them in, or drop it"
                    )
                parts.append(values[:, None])
            else:
                codes = pd.Index(levels).get_indexer(pd.Index(frame[name]))
                one_hot = np.zeros((len(frame), len(levels)))
                known = codes >= 0
                one_hot[np.flatnonzero(known), codes[known]] = 1.0
                parts.append(one_hot)
        return np.concatenate(parts, axis=1)


def learn_encoding(
    frames: Iterable[pd.DataFrame], columns: Sequence[str], *, slot: str | None = None
) -> ContextEncoding:
    """Numbers and booleans stay, everything else (and the slot) gets a 0/1 feature per level.

    Args:
        frames: the log, in one part or several.
        columns: of the context.
        slot: column of the slot; None for none.

    Raises:
        UserError: a column has more levels than a linear model can use.
    """
    found: dict[str, set[object] | None] = {}
    for frame in frames:
        for name in [*columns, *([slot] if slot else [])]:
            column = frame[name]
            if pd.api.types.is_numeric_dtype(column) and name != slot:
                found[name] = None
                continue
            known = found.setdefault(name, set())
            if known is not None:
                known.update(column.dropna().unique().tolist())
                _check_number(name, len(known))
    return ContextEncoding(
        {name: None if known is None else tuple(sorted(known, key=str)) for name, known in found.items()}
    )


def _check_number(name: str, number: int) -> None:
    if number > MAX_LEVELS:
        raise UserError(
            f"context column {name!r} has {number} levels or more, above {MAX_LEVELS}; leave identifiers out "
            "of context, or give numbers that describe them"
        )
