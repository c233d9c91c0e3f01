"""Expected seconds as odds: a logistic regression in which a row is positive once for each second.

B rows, G moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population


@dataclass(frozen=True, kw_only=True)
class WeightedLogistic:
    r"""Weighted logistic regression, whose odds :math:`e^x` are the expected seconds.

    Each opened row is a positive of weight t, in units of ``unit_seconds``, and a negative of weight 1:

    .. math:: -t \log \sigma(x) - \log(1 - \sigma(x)) \quad \text{or, cut off:} \quad -t \log \sigma(x)

    Its minimum is at :math:`e^x = \sum t / \text{number of events}`: the mean where nothing is cut off, and
    under censoring the mean of an exponential stay. A cut row has its seconds and no negative, because it was
    not seen to end. As a distribution it is the exponential one, :math:`S(t) = \exp(-t / e^x)`: the only one
    that follows from a mean alone and has its maximum likelihood where this loss has its minimum.

    Covington et al. take impressions: those clicked are positives of weight t, the others negatives of weight
    1, so the odds are :math:`\sum t / (N - k)` with k clicks among N rows, close to seconds an impression
    where clicks are rare. Here the rows are those opened, and the odds are the mean exactly; seconds an
    impression follow through the click head.

    Attributes:
        unit_seconds: the unit of t, > 0. Any gives the same optimum and expected seconds; one near a typical
            stay keeps the loss of the size of the other heads'. A fresh model predicts one unit.
        max_seconds: no expectation counts time beyond this, whatever the content's length; > 0.

    Source: Covington, Adams and Sargin (2016).
    """

    unit_seconds: float = 30.0
    max_seconds: float = 3600.0

    def __post_init__(self) -> None:
        for name in ("unit_seconds", "max_seconds"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0 and finite")

    @property
    def num_parameters(self) -> int:
        """One number a row, the log odds."""
        return 1

    @property
    def score(self) -> str:
        """The expected stay ranks."""
        return "dwell_seconds"

    @property
    def population(self) -> Population:
        """Defined where something was opened."""
        return "opened"

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known."""
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        logits = parameters[:, 0].masked_fill(~outcome.known, 0.0)
        units = outcome.value.masked_fill(~outcome.known, 0.0).to(logits.dtype) / self.unit_seconds
        losses = units * softplus(-logits) + outcome.event * softplus(logits)
        return losses.masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        r"""Expected stay and the logarithm of its mean without a cap, ``[B]`` each.

        ``dwell_seconds`` is the mean of :math:`\min(T, c)`, :math:`m (1 - e^{-c / m})`, with c the content's
        length or ``max_seconds``, whichever is shorter.
        """
        log_mean = self._log_mean(parameters)
        cap = content_seconds.to(log_mean.dtype).clamp(0.0, self.max_seconds)
        passed = cap * torch.exp((-log_mean).clamp(max=60.0))
        # 1 - exp(-r) loses the digits of a small r.
        small = passed.clamp(max=0.03)
        series = 1.0 - small / 2.0 + small.square() / 6.0 - small.square() * small / 24.0
        share = torch.where(passed < 0.03, series, (1.0 - torch.exp(-passed)) / passed.clamp(min=0.03))
        return {"dwell_seconds": cap * share, "dwell_log_mean": log_mean}

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, without any cap, ``[B]``."""
        return -math.log1p(-level) * self._log_mean(parameters).exp()

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds``, ``[B, G]``; the content's length plays no part."""
        # Clamped, because 0 seconds of an infinite rate would be NaN in single precision.
        rate = (-self._log_mean(parameters)).clamp(max=80.0).exp()
        return torch.exp(-seconds * rate[:, None])

    def log_density(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Log-density of the logarithm of an exponential stay at ``seconds`` > 0, ``[B, G]``."""
        w = seconds.clamp(min=1e-3).log() - self._log_mean(parameters)[:, None]
        return w - w.exp()

    def _log_mean(self, parameters: Tensor) -> Tensor:
        return parameters[:, 0] + math.log(self.unit_seconds)
