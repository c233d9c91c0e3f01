"""What an impression is worth: prices of the outcomes, and rows that can be judged by them.

N rows of a window, T objectives.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.scored_rows import ScoredRows

OBJECTIVES = ("click", "dwell", "retention")
UNITS = {"click": "clicks", "dwell": "seconds", "retention": "returns"}
"""What one of an objective's gains is."""


def check_prices(utility: Mapping[str, float]) -> None:
    """Refuse a utility that names no objective, or pays for less of one.

    Raises:
        ValueError: names the objective and the price.
    """
    for objective, price in utility.items():
        if objective not in OBJECTIVES:
            raise ValueError(f"utility prices {objective!r}; outcomes are {list(OBJECTIVES)}")
        if not 0.0 <= price < math.inf:
            raise ValueError(f"utility.{objective} is {price}; a price is finite and at least 0")
    if not any(price > 0.0 for price in utility.values()):
        raise ValueError(f"utility is {dict(utility)}; at least one price must be above 0")


def check_priced(utility: Mapping[str, float], objectives: Iterable[str]) -> None:
    """Refuse a utility that none of a model's objectives can earn.

    Raises:
        ValueError: all prices are of objectives that are not predicted.
    """
    trained = list(objectives)
    if not any(utility.get(objective, 0.0) > 0.0 for objective in trained):
        raise ValueError(f"utility is {dict(utility)}, and this model predicts {trained}; price one of them")


def priced(rows: ScoredRows, utility: Mapping[str, float]) -> dict[str, float]:
    """The prices above 0 of what the model predicts; others are passed over, as weights are."""
    return {name: utility[name] for name in rows.scores if utility.get(name, 0.0) > 0.0}


def row_utility(rows: ScoredRows, prices: Mapping[str, float]) -> Floats:
    r""":math:`u = \sum_k \pi_k y_k` of each row, ``[N]``; NaN where an outcome with a price is not known."""
    total = np.zeros(len(rows.request))
    for name, price in prices.items():
        total += price * rows.gains[name]
    return total


def judged(rows: ScoredRows, objectives: Iterable[str]) -> Bools:
    """Rows whose gains of these objectives are all known, ``[N]``."""
    known = np.ones(len(rows.request), dtype=bool)
    for name in objectives:
        known &= np.isfinite(rows.gains[name])
    return known
