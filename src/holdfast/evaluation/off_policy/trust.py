"""When an interval may be trusted, and when the log cannot say."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.evaluation.off_policy.overlap import Overlap

OK = "ok"
ABSTAINS = "the log cannot say: "
MOST_ROWS = 4.0
"""A log that says too little has not yet shown its largest weights, so that sizes grow more slowly than rows:
what proportion asks for was enough in 14 % of tries, four times as much in 74 % (docs/off_policy.md)."""
MARGIN_OF_EXPLORATION = 2.0
"""For the same reason exploration aims at twice the effective sample size that is needed."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Thresholds below which an estimate is not an answer.

    The first two and ``max_bias`` come from the coverage experiment of docs/off_policy.md.

    Attributes:
        min_effective_sample_size: of the weights.
        min_informative: units that must carry the variance of an estimate. A handful of heavy rows, or of
            clicks, makes a normal interval too short, whatever the number of rows.
        max_bias: how large the bias of reduced weights, plus its own standard error, may be, in standard
            errors of the estimate. At half a standard error, 95 % intervals cover 92 %.
        max_weight_error: how far the mean weight may be from 1, in its standard errors.
    """

    min_effective_sample_size: float = 100.0
    min_informative: float = 20.0
    max_bias: float = 0.5
    max_weight_error: float = 3.0

    def __post_init__(self) -> None:
        for name in ("min_effective_sample_size", "min_informative", "max_bias", "max_weight_error"):
            value = getattr(self, name)
            if not value >= 0.0:
                raise ValueError(f"{name} is {value}; it must be at least 0")


@dataclass(frozen=True)
class Evidence:
    """What the log holds for one estimate.

    Attributes:
        num_units: rows, or users.
        unit: what a unit is, in words.
        value: None where the estimate is undefined.
        standard_error: None where undefined.
        effective_sample_size: of the weights.
        informative: units that carry the variance; the smaller of the estimate's own and its reference's.
        mean_weight: should be 1.
        mean_weight_error: standard error of that.
        support_violation: share of the policy that the log never saw.
        reward_spread: standard deviation of the rewards.
        bias: estimated bias of reduced weights; 0 where there is none.
        bias_error: standard error of that.
        came_back_to: the estimator with full weights that tuning came back to; empty if it did not.
    """

    num_units: int
    unit: str
    value: float | None
    standard_error: float | None
    effective_sample_size: float
    informative: float
    mean_weight: float
    mean_weight_error: float
    support_violation: float
    reward_spread: float
    bias: float = 0.0
    bias_error: float = 0.0
    came_back_to: str = ""


def reasons_to_abstain(evidence: Evidence, trust: Trust, *, guaranteed: bool = False) -> list[str]:
    """Why an estimate is no answer, each with its number; empty where it is one.

    Args:
        evidence: what the log holds.
        trust: thresholds.
        guaranteed: whether the interval holds for every number of rows; it then takes wrong weights or
            missing support to abstain.
    """
    if evidence.num_units < 2:
        return [f"only one of the {evidence.unit}, so nothing tells how uncertain the value is"]
    if evidence.value is None or evidence.standard_error is None:
        return ["the evaluation policy would choose none of the logged actions (all weights are 0)"]
    error = evidence.standard_error
    if guaranteed:
        return _wrong_weights(evidence, trust, error)
    if error == 0.0:
        return [
            f"all {evidence.num_units} {evidence.unit} say the same, so there is no evidence of uncertainty"
        ]
    reasons = []
    if evidence.effective_sample_size < trust.min_effective_sample_size:
        reasons.append(
            f"effective sample size {evidence.effective_sample_size:.0f} is below "
            f"{trust.min_effective_sample_size:g}"
        )
    if evidence.informative < trust.min_informative:
        reasons.append(
            f"about {evidence.informative:.0f} of {evidence.num_units} {evidence.unit} decide the estimate, "
            f"and it takes {trust.min_informative:g}"
        )
    reasons += _wrong_weights(evidence, trust, error)
    if abs(evidence.bias) + evidence.bias_error > trust.max_bias * error:
        reasons.append(
            f"reducing the weights moves the value by {evidence.bias:.2g} +- {evidence.bias_error:.2g}, "
            f"against a standard error of {error:.2g}"
        )
    if evidence.came_back_to:
        # Chosen for lying apart from all others: such values are more often off than their intervals say.
        reasons.append(
            f"tuning left all weights alone, because every reduced form disagrees; the value is that of "
            f"{evidence.came_back_to!r}, whose own row tells whether it may be trusted"
        )
    return reasons


def _wrong_weights(evidence: Evidence, trust: Trust, error: float) -> list[str]:
    """Reasons that no number of rows would remove."""
    reasons = []
    # Rounding alone moves the mean of equal weights by less than this.
    slack = trust.max_weight_error * evidence.mean_weight_error + 1e-6
    if abs(evidence.mean_weight - 1.0) > slack:
        reasons.append(
            f"weights average {evidence.mean_weight:.3g} instead of 1, {slack:.2g} away at most if the "
            "propensities were right and every action could be logged"
        )
    if evidence.support_violation * evidence.reward_spread > trust.max_bias * error:
        reasons.append(
            f"{100 * evidence.support_violation:.2g} % of the policy's choices are of actions never logged"
        )
    return reasons


def advice(overlap: Overlap, trust: Trust, evidence: Evidence) -> str:
    """What would make the log say: more rows, or exploration, and where; empty where neither is lacking."""
    parts = []
    missing = overlap.support_violation > 0.0
    effective_sample_size = evidence.effective_sample_size
    target = trust.min_effective_sample_size
    times = max(
        target / max(effective_sample_size, 1.0), trust.min_informative / max(evidence.informative, 1.0)
    )
    if not missing and times > 1.0:
        parts.append(f"about {times:.1f} to {MOST_ROWS * times:.0f} times as many rows of this kind")
    aim = MARGIN_OF_EXPLORATION * target
    enough = [share for share, size in overlap.size_with_exploration.items() if size >= aim]
    if enough and (missing or effective_sample_size < target):
        parts.append(f"{100 * min(enough):g} % uniform exploration in as many rows")
    if not parts:
        return ""
    return "it would with " + " or ".join(parts) + _where(overlap)


def _where(overlap: Overlap) -> str:
    slots = overlap.by_slot
    if len(slots) < 2:
        return ""
    share = slots["effective_sample_size"] / slots["rows"]
    worst = slots[(share <= 0.5 * share.max()) | (slots["support_violation"] > 0.0)]["slot"].tolist()
    return f", above all in slot {', '.join(map(str, worst))}" if 0 < len(worst) < len(slots) else ""


def status_of(reasons: list[str], what_would: str) -> str:
    """``ok``, or the abstention in words."""
    if not reasons:
        return OK
    return ABSTAINS + "; ".join(reasons) + (f" ({what_would})" if what_would else "")
