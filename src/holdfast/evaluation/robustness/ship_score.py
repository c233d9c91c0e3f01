"""One number for 'worth serving when production moves', and its parts.

Argued in docs/decisions/0013-monotone-ship-score.md, and in 0012 what still holds of that.
S severities, T days, R resamples. Arrays end in ``1 + R``: first the value, then the resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Floats
from holdfast.evaluation.robustness.curves import normalised_area
from holdfast.evaluation.robustness.decay import last_days_mean

SCORE_VERSION = 2
"""Scores of different versions say different things. 1: decision record 0012; 2: record 0013."""
WORST_WEIGHT = 0.25
DECAY_WEIGHT = 0.25
POINTS_PER_FACTOR_TWO = 10.0
PARTS = ("clean_lift", "loss_under_stress", "worst_case", "decay", "miscalibration")
"""The first adds points, the others take them away."""


def skill(quality: ArrayLike, chance: ArrayLike) -> Floats:
    r"""Points on the way from chance to perfection: :math:`100 (Q - Q_0) / (1 - Q_0)`.

    Args:
        quality: at most 1, of any shape.
        chance: what a random order gets, below 1, of the same shape or one that broadcasts.

    >>> float(skill(0.75, 0.5))
    50.0
    """
    by_chance = np.asarray(chance, dtype=np.float64)
    return np.asarray(100.0 * (np.asarray(quality, dtype=np.float64) - by_chance) / (1.0 - by_chance))


@dataclass(frozen=True)
class Ladder:
    """Values along the severities of one injector, severity 0 first.

    Attributes:
        severities: rising from 0, ``[S]``; those at which the value is undefined are not among them.
        values: ``[S, 1 + R]``.
    """

    severities: Sequence[float]
    values: Floats

    def __post_init__(self) -> None:
        if len(self.severities) < 2 or self.severities[0] != 0:
            raise ValueError(f"severities are {list(self.severities)}; give 0 and at least one more, rising")

    @property
    def area(self) -> Floats:
        """Mean height, ``[1 + R]``."""
        return normalised_area(self.severities, self.values)


@dataclass(frozen=True)
class OutputEvidence:
    """All that the score needs of one output (click, dwell, retention, ranking).

    Attributes:
        clean_lift: skill less the reference's, in points, ``[1 + R]``.
        lifts: a ladder of lifts for each injector in which the output is defined.
        log2_ratio: a ladder of log2(predicted / observed) for each; empty where the output has no scale.
        days: days since training, ``[T]``; with fewer than two of them decay is not judged.
        day_lift: ``[T, 1 + R]``.
        day_weight: rows of the days, ``[T]``; a day without rows does not count.
    """

    clean_lift: Floats
    lifts: Mapping[str, Ladder]
    log2_ratio: Mapping[str, Ladder] = field(default_factory=dict)
    days: Floats = field(default_factory=lambda: np.zeros(0))
    day_lift: Floats = field(default_factory=lambda: np.zeros((0, 1)))
    day_weight: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def judges_decay(self) -> bool:
        """Whether there are two days with rows, so that the last can be held against the whole window."""
        return bool(np.unique(self.days[self.day_weight > 0]).size > 1)


@dataclass(frozen=True)
class ShipScore:
    """The score and what it is made of, in points, ``[1 + R]`` each.

    Attributes:
        clean_lift: how much better than the reference in clean conditions.
        loss_under_stress: what the ladders take on average, by its weight, >= 0.
        worst_case: what the worst scenario takes, by its weight, >= 0.
        decay: what the last days take, by their weight, >= 0; 0 where it is not judged.
        miscalibration: what wrong levels take, >= 0.
    """

    clean_lift: Floats
    loss_under_stress: Floats
    worst_case: Floats
    decay: Floats
    miscalibration: Floats

    @property
    def value(self) -> Floats:
        """The clean lift less everything else, ``[1 + R]``."""
        return np.asarray(
            self.clean_lift - self.loss_under_stress - self.worst_case - self.decay - self.miscalibration
        )

    def part(self, name: str) -> Floats:
        """One of ``PARTS``."""
        part: Floats = getattr(self, name)
        return part


def ship_score_of_output(evidence: OutputEvidence, *, worst_weight: float = WORST_WEIGHT) -> ShipScore:
    r"""The score of one output: a weighted mean of three cautious lifts, less what wrong levels cost.

    .. math:: \Big(\tfrac{3}{4} - w\Big) \, \overline{\min(C, A_i)} + w \min(C, \min_{i,s} V_{i,s})
        + \tfrac{1}{4} \min(C, T) - K

    with C the clean lift, :math:`V_{i,s}` the lift at severity s of injector i, :math:`A_i` the mean height
    of its ladder, T the mean lift of the last third of the days, weighted by rows, and w = 1/4. Every term
    rises with every lift, so a model that is nowhere worse never scores lower.

    Args:
        evidence: with at least one ladder of lifts. Where decay is not judged, its quarter goes to the first
            term.
        worst_weight: w, what the worst scenario counts, in [0, 3/4]; the average under stress gives or takes
            the difference. Other values than the default are for asking whether a conclusion depends on it.

    Raises:
        ValueError: there is no ladder, or the weight is out of range.
    """
    if not evidence.lifts:
        raise ValueError("no injector has a defined value for this output; there is no stress to score")
    if not 0.0 <= worst_weight <= 1.0 - DECAY_WEIGHT:
        raise ValueError(f"worst_weight is {worst_weight}; it must be from 0 to {1.0 - DECAY_WEIGHT:g}")
    clean = np.asarray(evidence.clean_lift, dtype=np.float64)
    decay_weight = DECAY_WEIGHT if evidence.judges_decay else 0.0
    decay: Floats = np.zeros_like(clean)
    if evidence.judges_decay:
        last = last_days_mean(evidence.days, evidence.day_lift, weight=evidence.day_weight)
        decay = np.asarray(decay_weight * _below(clean, last))
    losses = [_below(clean, each.area) for each in evidence.lifts.values()]
    loss = (1.0 - worst_weight - decay_weight) * np.mean(losses, axis=0)
    lowest = np.min([each.values[1:].min(axis=0) for each in evidence.lifts.values()], axis=0)
    worst = worst_weight * _below(clean, lowest)
    return ShipScore(clean, loss, worst, decay, _miscalibration(evidence.log2_ratio, like=clean))


def _below(clean: Floats, lift: Floats) -> Floats:
    """How far a lift lies below the clean one; 0 where it does not."""
    return np.asarray(np.maximum(clean - lift, 0.0))


def _miscalibration(ratios: Mapping[str, Ladder], *, like: Floats) -> Floats:
    """Ten points a factor of two, and more than that not more; 0 where an output has no scale."""
    if not ratios:
        return np.zeros_like(like)
    areas = [
        normalised_area(each.severities, np.minimum(np.abs(each.values), 1.0)) for each in ratios.values()
    ]
    return np.asarray(POINTS_PER_FACTOR_TWO * np.mean(areas, axis=0))


def ship_score(
    outputs: Mapping[str, OutputEvidence], *, worst_weight: float = WORST_WEIGHT
) -> tuple[ShipScore, dict[str, ShipScore]]:
    """The score over all outputs, each counting the same, and that of each.

    Args:
        outputs: by name; those without a clean value or a ladder are left out beforehand, and said so.
        worst_weight: see ``ship_score_of_output``.

    Raises:
        ValueError: there are no outputs.
    """
    if not outputs:
        raise ValueError("no output is defined in clean conditions and under any stress; nothing to score")
    by_output = {
        name: ship_score_of_output(each, worst_weight=worst_weight) for name, each in outputs.items()
    }
    means = {part: np.mean([each.part(part) for each in by_output.values()], axis=0) for part in PARTS}
    return ShipScore(**means), by_output
