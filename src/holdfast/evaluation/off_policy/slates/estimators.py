"""Estimators for slates; each is a dataclass whose one method is its formula.

Q slates, K slots. Each needs one kind of probability of both policies, and makes one assumption on how slots
act on each other; without it, it is biased.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.formulas import Terms, mean_of, ratio_of
from holdfast.evaluation.off_policy.rounds import WeightRange
from holdfast.evaluation.off_policy.slates.slate_rounds import SlateRounds

LOGGINGS = ("independent_slots", "uniform_rankings")


class SlateEstimator(Protocol):
    """A dataclass that holds the settings of one estimator of slates."""

    @property
    def name(self) -> str:
        """Stable, in lower case: ``iips``."""
        ...

    @property
    def family(self) -> str:
        """Which weights it takes: ``slate``, ``head``, ``marginal``, or one of ``LOGGINGS``."""
        ...

    @property
    def needs(self) -> str:
        """``weights`` or ``model``."""
        ...

    @property
    def reference(self) -> str:
        """Empty: no estimator of slates reduces weights."""
        ...

    @property
    def reduced_above(self) -> float:
        """Infinite: no weight is reduced."""
        ...

    def terms(self, rounds: SlateRounds) -> Terms:
        """Columns, and the estimate as a function of their means."""
        ...


@dataclass(frozen=True)
class _UnreducedWeights:
    """What all estimators of slates say of their weights: that none is reduced."""

    needs: ClassVar[str] = "weights"
    reference: ClassVar[str] = ""

    @property
    def reduced_above(self) -> float:
        """No weight is reduced."""
        return math.inf


@dataclass(frozen=True)
class SlateInversePropensity(_UnreducedWeights):
    """SIPS, ``mean(w sum_k r_k)`` with the weight of the whole slate: no assumption, and the most variance.

    Needs: ``slate``.

    Source: Horvitz and Thompson (1952), with a slate as the action.
    """

    name: ClassVar[str] = "sips"
    family: ClassVar[str] = "slate"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``mean(sum_k w r_k)``."""
        return mean_of(rounds.weighted_reward)


@dataclass(frozen=True)
class IndependentInversePropensity(_UnreducedWeights):
    """IIPS, ``mean(sum_k w_k r_k)`` with the weight of each item in its slot.

    Assumes that what a slot brings in does not depend on the items in the other slots (independence).
    Needs: ``marginal``.

    Source: Li, Abbasi-Yadkori, Kveton, Muthukrishnan, Vinay and Wen (2018), item-position estimator.
    """

    name: ClassVar[str] = "iips"
    family: ClassVar[str] = "marginal"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``mean(sum_k w_k r_k)``."""
        return mean_of(rounds.weighted_reward)


@dataclass(frozen=True)
class RewardInteractionInversePropensity(_UnreducedWeights):
    """RIPS, ``mean(sum_k w_{1:k} r_k)`` with the weight of the slots so far.

    Assumes that what a slot brings in does not depend on the items below it (cascade). Needs: ``head`` or
    ``given_earlier``.

    Source: McInerney, Brost, Chandar, Mehrotra and Carterette (2020).
    """

    name: ClassVar[str] = "rips"
    family: ClassVar[str] = "head"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``mean(sum_k w_{1:k} r_k)``."""
        return mean_of(rounds.weighted_reward)


@dataclass(frozen=True)
class PseudoInverse(_UnreducedWeights):
    """PI, ``mean(w sum_k r_k)`` with the weight ``E_e[1_s]^T (E_b[1_s 1_s^T])^+ 1_s``.

    Assumes that what the slate brings in is a sum of parts, one for each item in its slot (linearity); only
    the total has to be known, not what each slot brought in. Needs: ``marginal``; with uniform rankings of
    more candidates than slots, ``anywhere`` of the evaluation policy too.

    Attributes:
        logging: how the behavior policy filled slots, on which the weight depends and which probabilities
            alone do not tell: ``independent_slots``, or ``uniform_rankings`` (without replacement).

    Source: Swaminathan, Krishnamurthy, Agarwal, Dudik, Langford, Jose and Zitouni (2017).
    """

    logging: str
    name: ClassVar[str] = "pi"

    def __post_init__(self) -> None:
        _check_logging(self.logging)

    @property
    def family(self) -> str:
        """The weights follow from how the log was made."""
        return self.logging

    def terms(self, rounds: SlateRounds) -> Terms:
        """``mean(w sum_k r_k)``."""
        return mean_of(rounds.weighted_reward)


@dataclass(frozen=True)
class SelfNormalizedSlateInversePropensity(_UnreducedWeights):
    """SNSIPS, ``sum(w sum_k r_k) / sum(w)``; as SIPS otherwise."""

    name: ClassVar[str] = "snsips"
    family: ClassVar[str] = "slate"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``sum(w sum_k r_k) / sum(w)``."""
        return ratio_of(rounds.weighted_reward, rounds.weight)


@dataclass(frozen=True)
class SelfNormalizedIndependentInversePropensity(_UnreducedWeights):
    """SNIIPS, ``sum_k sum(w_k r_k) / sum(w_k)``, normalised slot by slot; as IIPS otherwise."""

    name: ClassVar[str] = "sniips"
    family: ClassVar[str] = "marginal"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``sum_k sum(w_k r_k) / sum(w_k)``."""
        return sum_of_ratios(rounds.slot_weighted_rewards, rounds.slot_weights)


@dataclass(frozen=True)
class SelfNormalizedRewardInteraction(_UnreducedWeights):
    """SNRIPS, ``sum_k sum(w_{1:k} r_k) / sum(w_{1:k})``, normalised slot by slot; as RIPS otherwise."""

    name: ClassVar[str] = "snrips"
    family: ClassVar[str] = "head"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``sum_k sum(w_{1:k} r_k) / sum(w_{1:k})``."""
        return sum_of_ratios(rounds.slot_weighted_rewards, rounds.slot_weights)


@dataclass(frozen=True)
class SelfNormalizedPseudoInverse(_UnreducedWeights):
    """SNPI, ``sum(w sum_k r_k) / sum(w)``; as PI otherwise.

    Source: Swaminathan et al. (2017), weighted variant.
    """

    logging: str
    name: ClassVar[str] = "snpi"

    def __post_init__(self) -> None:
        _check_logging(self.logging)

    @property
    def family(self) -> str:
        """As for PI."""
        return self.logging

    def terms(self, rounds: SlateRounds) -> Terms:
        """``sum(w sum_k r_k) / sum(w)``."""
        return ratio_of(rounds.weighted_reward, rounds.weight)


@dataclass(frozen=True)
class CascadeDoublyRobust(_UnreducedWeights):
    """``mean(sum_k w_{1:k} (r_k - q_k) + w_{1:k-1} E_e[q_k])``, with ``w_{1:0} = 1``.

    Unbiased with any model where RIPS is; best with one that predicts what this slot *and the later ones*
    bring in. Needs: ``head`` or ``given_earlier``, and a model.

    Source: Kiyohara, Saito, Matsuhiro, Narita, Shimizu and Yamamoto (2022).
    """

    name: ClassVar[str] = "cascade_dr"
    family: ClassVar[str] = "head"
    needs: ClassVar[str] = "model"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``mean(sum_k w_{1:k} (r_k - q_k) + w_{1:k-1} E_e[q_k])``."""
        correction = rounds.weights * (rounds.rewards - rounds.model_predictions)
        return mean_of((correction + _shifted(rounds.weights) * rounds.model_values).sum(axis=0))


@dataclass(frozen=True)
class SelfNormalizedCascadeDoublyRobust(_UnreducedWeights):
    """Cascade-DR whose weights are divided by their mean, slot by slot."""

    name: ClassVar[str] = "sn_cascade_dr"
    family: ClassVar[str] = "head"
    needs: ClassVar[str] = "model"

    def terms(self, rounds: SlateRounds) -> Terms:
        """``sum_k mean(w_k (r_k - q_k)) / mean(w_k) + mean(w_{k-1} E_e[q_k]) / mean(w_{k-1})``."""
        weights = rounds.slot_weights
        earlier = (np.ones_like(weights[0]), *weights[:-1])
        corrections = rounds.weights * (rounds.rewards - rounds.model_predictions)
        values = tuple(weight * value for weight, value in zip(earlier, rounds.model_values, strict=True))
        return sum_of_ratios((*corrections, *values), (*weights, *earlier))


def sum_of_ratios(numerators: Sequence[Floats], denominators: Sequence[Floats]) -> Terms:
    """``sum_k sum(x_k) / sum(y_k)``."""
    return Terms((*numerators, *denominators), _sum_of_ratios)


def _sum_of_ratios(means: Floats, _: WeightRange) -> Floats:
    half = means.shape[-1] // 2
    return np.asarray((means[..., :half] / means[..., half:]).sum(axis=-1))


def _shifted(weights: Floats) -> Floats:
    """The weight of the slots before, 1 before the first, ``[K, Q]``."""
    return np.concatenate([np.ones_like(weights[:1]), weights[:-1]])


def _check_logging(logging: str) -> None:
    if logging not in LOGGINGS:
        raise ValueError(
            f"logging is {logging!r}; say how the behavior policy filled its slots: one of "
            f"{', '.join(LOGGINGS)}. "
            "For other policies no closed form is known; take rips or sips"
        )
