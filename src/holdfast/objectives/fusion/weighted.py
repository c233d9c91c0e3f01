"""One ranking score out of the heads' scores, by weights that are given.

B rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from holdfast.core.batch import Inputs


@dataclass(frozen=True, kw_only=True)
class WeightedProduct:
    r"""A product of powers, as its logarithm: :math:`\sum_k w_k \log \max(s_k, \epsilon)`.

    It gives the same order as the product :math:`\prod_k s_k^{w_k}`, and can neither overflow nor underflow,
    which would tie everything. Units do not matter: seconds or minutes of dwell give the same order. An
    exponent of 0 leaves an objective out; a negative one makes its score count against a row.

    Attributes:
        weights: exponent of each objective; those that a model does not predict are passed over.
        floor: smallest score that counts, > 0, so that one zero does not silence the others.
    """

    weights: dict[str, float] = field(default_factory=lambda: {"click": 1.0, "dwell": 0.5, "retention": 1.0})
    floor: float = 1e-6

    def __post_init__(self) -> None:
        _check_weights(self.weights)
        check_floor(self.floor)

    def fuse(self, scores: Mapping[str, Tensor], inputs: Inputs | None = None) -> Tensor:
        """The logarithm of the product for each row, ``[B]``; it does not depend on ``inputs``.

        Raises:
            ValueError: a score has no weight, or no score has one other than 0.
        """
        return weighted_product(scores, self.weights, floor=self.floor)


@dataclass(frozen=True, kw_only=True)
class WeightedSum:
    r"""A sum: :math:`\sum_k w_k s_k`. Weights carry units: what a second of dwell is worth in clicks.

    Attributes:
        weights: weight of each objective; those that a model does not predict are passed over.
    """

    weights: dict[str, float] = field(
        default_factory=lambda: {"click": 1.0, "dwell": 0.002, "retention": 1.0}
    )

    def __post_init__(self) -> None:
        _check_weights(self.weights)

    def fuse(self, scores: Mapping[str, Tensor], inputs: Inputs | None = None) -> Tensor:
        """The sum for each row, ``[B]``; it does not depend on ``inputs``.

        Raises:
            ValueError: a score has no weight, or no score has one other than 0.
        """
        return weighted_sum(scores, self.weights)


def weighted_product(scores: Mapping[str, Tensor], weights: Mapping[str, float], *, floor: float) -> Tensor:
    """``WeightedProduct`` as a function of the scores ``[B]`` and one weight an objective, ``[B]``."""
    terms = [weight * score.clamp(min=floor).log() for weight, score in _weighted(weights, scores)]
    return torch.stack(terms).sum(0)


def weighted_sum(scores: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """``WeightedSum`` as a function of the scores ``[B]`` and one weight an objective, ``[B]``."""
    terms = [weight * score for weight, score in _weighted(weights, scores)]
    return torch.stack(terms).sum(0)


def check_floor(floor: float) -> None:
    """Refuse a smallest score that is no positive number."""
    if not 0.0 < floor < math.inf:
        raise ValueError(f"floor is {floor}; it must be above 0 and finite")


def _check_weights(weights: Mapping[str, float]) -> None:
    for objective, weight in weights.items():
        if not math.isfinite(weight):
            raise ValueError(f"weights.{objective} is {weight}; it must be finite")


def _weighted(weights: Mapping[str, float], scores: Mapping[str, Tensor]) -> list[tuple[float, Tensor]]:
    missing = [objective for objective in scores if objective not in weights]
    if missing:
        raise ValueError(f"fusion.weights has no entry for {missing}; give each a weight, 0 to leave it out")
    used = [(weights[objective], score) for objective, score in scores.items() if weights[objective] != 0.0]
    if not used:
        raise ValueError(f"fusion.weights are 0 for all of {list(scores)}; nothing would rank")
    return used
