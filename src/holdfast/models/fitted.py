"""Heads that carry statistics of the train window: frozen, copied on fitting, saved as plain containers.

The fitted fields of a head are those that its constructor does not take (``field(init=False)``), and are None
until they are fitted.

N rows of the train window.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.fitted_state import restored, state_of, with_state

__all__ = ["checked_training_rows", "required", "restored", "state_of", "with_state"]

Fitted = TypeVar("Fitted")


def required(head: object, value: Fitted | None) -> Fitted:
    """A fitted field that a head cannot do without.

    Raises:
        ValueError: the head was not fitted.
    """
    if value is None:
        raise ValueError(
            f"{type(head).__name__} needs statistics of the train window and was not fitted; a run fits it "
            "in its stage prepare, elsewhere call fitted(...) and use the head that it returns"
        )
    return value


def checked_training_rows(
    head: object, value: Floats, event: Bools, known: Bools, content_seconds: Floats, weight: Floats
) -> tuple[Floats, Bools, Floats, Floats]:
    """The known rows in float64: value, event, content and weight.

    Raises:
        ValueError: they differ in length, none is known, none is an event, or all values are equal.
    """
    lengths = {len(value), len(event), len(known), len(content_seconds), len(weight)}
    name = type(head).__name__
    if len(lengths) != 1:
        raise ValueError(f"the columns that {name} is fitted on have {sorted(lengths)} rows; they must agree")
    counted = np.asarray(known, dtype=bool) & (np.asarray(weight) > 0.0)
    seconds = np.asarray(value, dtype=np.float64)[counted]
    ends = np.asarray(event, dtype=bool)[counted]
    if not seconds.size:
        raise ValueError(f"{name} cannot be fitted: no dwell is known in the train window")
    if not ends.any():
        raise ValueError(
            f"{name} cannot be fitted: all {seconds.size} known dwells are cut off, so that none says when "
            "somebody leaves"
        )
    if not np.isfinite(seconds).all() or (seconds < 0.0).any():
        raise ValueError(f"{name} cannot be fitted: known dwells are negative, NaN or infinite")
    if seconds.min() == seconds.max():
        raise ValueError(
            f"{name} cannot be fitted: all {seconds.size} known dwells are {seconds[0]:g} seconds; "
            "a constant outcome teaches nothing"
        )
    content = np.asarray(content_seconds, dtype=np.float64)[counted]
    return seconds, ends, content, np.asarray(weight, dtype=np.float64)[counted]
