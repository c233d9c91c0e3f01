"""What the settings of estimators have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence


def after_click() -> list[str]:
    """The objectives that are observed only after a click."""
    return ["dwell"]


def check_objectives(objectives: Sequence[str]) -> None:
    """Raise a ``ValueError`` where the heads to estimate for are none, repeated, or the click itself."""
    if not objectives or len(set(objectives)) != len(objectives):
        raise ValueError(f"objectives are {list(objectives)}; name each head once, and at least one")
    if "click" in objectives:
        raise ValueError(
            "objectives names click, but every row that was shown says whether it was clicked: nothing is "
            "left to "
            "estimate. objective.weighting weights the rows that were shown; take click off objectives"
        )


def check_max_weight(max_weight: float) -> None:
    """Raise a ``ValueError`` that names the field where a cap is out of range."""
    if not 1.0 <= max_weight < math.inf:
        raise ValueError(f"max_weight is {max_weight}; it must be finite and at least 1")


def check_num_imputations(num_imputations: int) -> None:
    """Raise a ``ValueError`` that names the field where there would be nothing to impute by."""
    if num_imputations < 1:
        raise ValueError(f"num_imputations is {num_imputations}; it must be at least 1")
