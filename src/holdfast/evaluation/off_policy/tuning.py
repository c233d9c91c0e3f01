"""Choosing how strongly weights are reduced, from the log itself and anew for every log.

J candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from scipy import stats

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.estimators import (
    ClippedInversePropensity,
    DoublyRobust,
    Estimator,
    OptimisticShrinkage,
    SubGaussianDoublyRobust,
    SubGaussianInversePropensity,
    SwitchDoublyRobust,
)

WEIGHT_GRID = (2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 500.0, 1000.0, math.inf)
SHRINKAGE_GRID = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

_FAMILIES: dict[str, tuple[Callable[[float], Estimator], tuple[float, ...]]] = {
    "clipped_ips": (lambda value: ClippedInversePropensity(max_weight=value), WEIGHT_GRID),
    "clipped_dr": (lambda value: DoublyRobust(max_weight=value), WEIGHT_GRID),
    "switch_dr": (lambda value: SwitchDoublyRobust(threshold=value), WEIGHT_GRID),
    "dr_os": (lambda value: OptimisticShrinkage(shrinkage=value), WEIGHT_GRID),
    "sub_gaussian_ips": (lambda value: SubGaussianInversePropensity(shrinkage=value), SHRINKAGE_GRID),
    "sub_gaussian_dr": (lambda value: SubGaussianDoublyRobust(shrinkage=value), SHRINKAGE_GRID),
}

TUNABLE = tuple(_FAMILIES)
"""Names of what can be tuned."""


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """An estimator whose hyper-parameter is chosen for each log, objective and policy. It keeps no state.

    Attributes:
        estimator: ``clipped_ips``, ``clipped_dr``, ``switch_dr``, ``dr_os``, ``sub_gaussian_ips`` or
            ``sub_gaussian_dr``.
        method: ``slope`` (SLOPE++) or ``mse`` (least estimated squared error).
        grid: values to choose from; empty for the usual ones.
        delta: chance of error that the choice is built on, in (0, 1).
    """

    estimator: str
    method: str = "slope"
    grid: list[float] = field(default_factory=list)
    delta: float = 0.1

    needs_by_family: ClassVar[dict[str, str]] = {"clipped_ips": "weights", "sub_gaussian_ips": "weights"}

    def __post_init__(self) -> None:
        if self.estimator not in _FAMILIES:
            raise ValueError(f"estimator is {self.estimator!r}; these can be tuned: {sorted(_FAMILIES)}")
        if self.method not in ("slope", "mse"):
            raise ValueError(f"method is {self.method!r}; it must be 'slope' or 'mse'")
        if not 0.0 < self.delta < 1.0:
            raise ValueError(f"delta is {self.delta}; it must lie between 0 and 1, as 0.1 does")
        self.candidates()

    @property
    def name(self) -> str:
        """``switch_dr_slope``."""
        return f"{self.estimator}_{self.method}"

    @property
    def needs(self) -> str:
        """What its candidates need."""
        return self.needs_by_family.get(self.estimator, "model")

    def candidates(self) -> list[Estimator]:
        """J estimators, in the order of the grid."""
        make, usual = _FAMILIES[self.estimator]
        return [make(float(value)) for value in (self.grid or usual)]

    def settings(self) -> list[float]:
        """The J values of the grid."""
        return [float(value) for value in (self.grid or _FAMILIES[self.estimator][1])]


def choose_by_slope(values: Floats, variances: Floats, *, num_rows: int, delta: float) -> int:
    """The last candidate whose interval still agrees with all that are less certain (SLOPE++).

    Candidates are taken by falling half-width ``c`` of a one-sided Student t interval and accepted while
    ``|v_i - v_j| <= c_i + (sqrt(6) - 1) c_j`` for every accepted j.

    Args:
        values: estimates, ``[J]``.
        variances: of the rows' terms, with divisor N, ``[J]``.
        num_rows: N; with fewer than 2 the first candidate is taken.
        delta: one minus the level of the intervals.

    Returns:
        Position of the choice.

    Source: Su, Srinath and Krishnamurthy (2020) for SLOPE; Tucker and Lee (2021) for SLOPE++.
    """
    if num_rows < 2:
        return 0
    widths = stats.t.ppf(1.0 - delta, num_rows - 1) * np.sqrt(np.maximum(variances, 0.0) / (num_rows - 1))
    # Candidates that do the same differ by rounding only; of these the one that reduces most comes last.
    size = np.round(widths / max(float(widths.max()), 1e-300), 12)
    order = np.argsort(size, kind="stable")[::-1]
    accepted = [int(order[0])]
    for index in order[1:]:
        apart = np.abs(values[index] - values[accepted])
        if (apart > widths[index] + (math.sqrt(6.0) - 1.0) * widths[accepted]).any():
            break
        accepted.append(int(index))
    return accepted[-1]


def choose_by_error(
    variances: Floats,
    biases: Floats,
    *,
    num_rows: int,
    mean_square_weight: float,
    largest: float,
    delta: float,
) -> int:
    """The candidate with the least estimated squared error, ``var / n + b^2``.

    .. math:: b = |\\hat b| + \\sqrt{2\\,\\overline{w^2} \\ln(2/\\delta) / n} + 2 w_{max} \\ln(2/\\delta) /
    (3n)

    Args:
        variances: of the rows' terms, with divisor N, ``[J]``.
        biases: mean of ``(w - w') (r - q)``, ``[J]``.
        num_rows: N.
        mean_square_weight: mean of ``w^2``.
        largest: largest weight.
        delta: chance that the bound on the bias fails.

    Returns:
        Position of the choice; the first of equals.

    Source: Su, Dimakopoulou, Krishnamurthy and Dudik (2020).
    """
    log_term = math.log(2.0 / delta)
    slack = math.sqrt(2.0 * mean_square_weight * log_term / num_rows) + 2.0 * largest * log_term / (
        3.0 * num_rows
    )
    return int(np.argmin(variances / num_rows + (np.abs(biases) + slack) ** 2))


def describe_setting(estimator: Estimator) -> str:
    """The settings of an estimator in words, ``max_weight=10``; empty where it has none."""
    fields: Sequence[str] = tuple(getattr(type(estimator), "__dataclass_fields__", ()))
    parts = []
    for name in fields:
        value = getattr(estimator, name)
        if name.startswith("needs") or value is None or not isinstance(value, int | float):
            continue
        if (name == "max_weight" and value == math.inf) or (name == "smallest_weight" and value == 0.0):
            continue
        parts.append(f"{name}={value:g}")
    return ", ".join(parts)
