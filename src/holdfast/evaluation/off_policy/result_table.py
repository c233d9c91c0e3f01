"""The table of results: values, intervals, diagnostics, and whether they are an answer.

C cells, E estimates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.bookkeeping import PlainMean
from holdfast.evaluation.off_policy.bounded_intervals import bounded_interval
from holdfast.evaluation.off_policy.columns import Cell
from holdfast.evaluation.off_policy.intervals import (
    BOUNDED_METHODS,
    GUARANTEED_METHODS,
    SELF_NORMALIZED,
)
from holdfast.evaluation.off_policy.joint_estimate import JointEstimate
from holdfast.evaluation.off_policy.overlap import Overlap
from holdfast.evaluation.off_policy.question import Question
from holdfast.evaluation.off_policy.reduced_weights import CountingSource
from holdfast.evaluation.off_policy.rounds import WeightRange
from holdfast.evaluation.off_policy.trust import OK, Evidence, advice, reasons_to_abstain, status_of

NUMBERS = (
    "value",
    "standard_error",
    "low",
    "high",
    "effective_sample_size",
    "largest_weight",
    "clipped_share",
    "mean_weight",
    "support_violation",
    "informative_units",
)
COLUMNS = ("policy", "objective", "estimator", *NUMBERS, "num_units", "setting", "status")
MIN_DEFINED_RESAMPLES = 0.9


@dataclass(frozen=True)
class Asked:
    """One row of the table, before it is filled in.

    Attributes:
        policy: name.
        objective: name of an objective or a utility.
        label: of the estimator.
        setting: of the estimator, in words.
        cells: that it is made of, apart from the behavior policy's.
        came_back_to: the estimator with full weights that tuning came back to; empty if it did not.
        objectives: that it is made of, with their weights.
        coefficients: of all cells, ``[C]``.
        bias_coefficients: estimate minus its counterpart without bias, ``[C]``.
    """

    policy: str
    objective: str
    label: str
    setting: str
    cells: tuple[Cell, ...]
    came_back_to: str
    objectives: Mapping[str, float]
    coefficients: Floats
    bias_coefficients: Floats


@dataclass(frozen=True)
class Gathered:
    """What the two readings found.

    Attributes:
        joint: the rows asked for, their biases, then the plain means.
        num_asked: rows of the table.
        num_rows: N.
        plain: where in ``joint`` each plain mean is.
        weights: by policy, the ends of the weights.
        overlaps: by policy.
        clustered: whether units are users.
        source: the log, which has counted reduced weights, and has the order that some intervals need.
    """

    joint: JointEstimate
    num_asked: int
    num_rows: int
    plain: Mapping[Cell, int]
    weights: Mapping[str, WeightRange]
    overlaps: Mapping[str, Overlap]
    clustered: bool
    source: CountingSource

    def mean(self, policy: str, objective: str, quantity: str) -> float:
        """A plain mean."""
        return float(self.joint.values[self.plain[Cell(policy, objective, PlainMean(quantity))]])

    def spread(self, policy: str, objective: str) -> float:
        """Standard deviation of an objective's rewards."""
        square = self.mean(policy, objective, "squared_reward")
        return math.sqrt(max(square - self.mean(policy, objective, "reward") ** 2, 0.0))

    def mean_error(self, policy: str, objective: str, quantity: str) -> float:
        """Its standard error."""
        place = self.plain[Cell(policy, objective, PlainMean(quantity))]
        return math.sqrt(max(float(self.joint.covariance[place, place]), 0.0))


def result_table(asked: Sequence[Asked], gathered: Gathered, question: Question) -> pd.DataFrame:
    """Fills in the table; an undefined number is ``<NA>``, never NaN."""
    rows = [_row(index, each, gathered, question) for index, each in enumerate(asked)]
    table: dict[str, Any] = {name: [row[name] for row in rows] for name in COLUMNS}
    for name in NUMBERS:
        table[name] = pd.array(table[name], dtype="Float64")
    table["num_units"] = pd.array(table["num_units"], dtype="Int64")
    return pd.DataFrame(table)


def _row(index: int, asked: Asked, gathered: Gathered, question: Question) -> dict[str, object]:
    evidences = [_evidence(index, asked, cell, gathered) for cell in asked.cells]
    weakest = min(evidences, key=lambda each: each.effective_sample_size)
    guaranteed = question.intervals.method in GUARANTEED_METHODS
    reasons = list(
        dict.fromkeys(
            reason
            for evidence in evidences
            for reason in reasons_to_abstain(evidence, question.trust, guaranteed=guaranteed)
        )
    )
    low, high, complaint = _interval(index, asked, gathered, question)
    if complaint and not reasons:
        reasons.append(complaint)
    what_would = ""
    if reasons and asked.policy in gathered.overlaps:
        what_would = advice(gathered.overlaps[asked.policy], question.trust, weakest)
    return {
        "policy": asked.policy,
        "objective": asked.objective,
        "estimator": asked.label,
        "value": weakest.value,
        "standard_error": weakest.standard_error,
        "low": low,
        "high": high,
        "effective_sample_size": weakest.effective_sample_size,
        "largest_weight": max(gathered.source.largest[cell] for cell in asked.cells),
        "clipped_share": max(gathered.source.reduced_share(cell) for cell in asked.cells),
        "mean_weight": weakest.mean_weight,
        "support_violation": max(each.support_violation for each in evidences),
        "informative_units": min(each.informative for each in evidences),
        "num_units": gathered.joint.num_units,
        "setting": asked.setting,
        "status": status_of(reasons, what_would),
    }


def _evidence(index: int, asked: Asked, cell: Cell, gathered: Gathered) -> Evidence:
    joint = gathered.joint
    place = gathered.num_asked + index
    reduced = bool(asked.bias_coefficients.any())
    balanced = "balanced_" if cell.estimator.needs == "balanced" else ""
    mean = gathered.mean(cell.policy, cell.objective, f"{balanced}weight")
    square = gathered.mean(cell.policy, cell.objective, f"squared_{balanced}weight")
    spread = sum(abs(part) * gathered.spread(cell.policy, name) for name, part in asked.objectives.items())
    value, error = float(joint.values[index]), float(joint.standard_errors[index])
    informative = float(joint.informative[index])
    overlap = gathered.overlaps.get(cell.policy)
    return Evidence(
        num_units=joint.num_units,
        unit="users" if gathered.clustered else "rows",
        value=value if math.isfinite(value) else None,
        standard_error=error if math.isfinite(value + error) and joint.num_units > 1 else None,
        effective_sample_size=gathered.num_rows * mean**2 / square if square > 0.0 else 0.0,
        informative=informative if math.isfinite(informative) else 0.0,
        mean_weight=mean,
        mean_weight_error=gathered.mean_error(cell.policy, cell.objective, f"{balanced}weight"),
        support_violation=0.0 if overlap is None else overlap.support_violation,
        reward_spread=spread,
        bias=float(joint.values[place]) if reduced else 0.0,
        bias_error=float(joint.standard_errors[place]) if reduced else 0.0,
        came_back_to=asked.came_back_to,
    )


def _interval(
    index: int, asked: Asked, gathered: Gathered, question: Question
) -> tuple[float | None, float | None, str]:
    """Both ends, and why there are none."""
    joint, settings = gathered.joint, question.intervals
    value, error = float(joint.values[index]), float(joint.standard_errors[index])
    if settings.method in BOUNDED_METHODS:
        cell = asked.cells[0]
        low, high = bounded_interval(
            gathered.source, cell, settings=settings, ratio=cell.estimator.name in SELF_NORMALIZED
        )
        if low > high:
            return None, None, "no value agrees with the log; the propensities must be wrong"
        return low, high, ""
    if not math.isfinite(value + error) or joint.num_units < 2:
        return None, None, ""
    if settings.method == "bootstrap":
        drawn = joint.replicates[:, index]
        drawn = drawn[np.isfinite(drawn)]
        if drawn.size < MIN_DEFINED_RESAMPLES * settings.num_resamples:
            return None, None, f"undefined in {settings.num_resamples - drawn.size} of the resamples"
        tail = (1.0 - settings.level) / 2.0
        # The rule by which 5 of 199 ordered resamples lie below the lower end: others are too narrow by one.
        low, high = np.quantile(drawn, [tail, 1.0 - tail], method="weibull")
        return float(low), float(high), ""
    half = float(stats.t.ppf(0.5 + settings.level / 2.0, joint.num_units - 1)) * error
    return value - half, value + half, ""


def is_answer(status: object) -> bool:
    """Whether a row's status says that it may be trusted."""
    return status == OK
