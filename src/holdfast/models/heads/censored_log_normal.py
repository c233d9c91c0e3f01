"""How long somebody stays, when the content may end first.

B rows, G moments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population
from holdfast.models import log_normal


@dataclass(frozen=True, kw_only=True)
class CensoredLogNormal:
    r"""Seconds whose logarithm is normal, some of them only known as 'at least so many'.

    With :math:`z = (\log t - \mu) / s`, the loss of an event is minus the log-density of :math:`\log T`,
    and of a censored row minus the log-survival:

    .. math:: \log s + \tfrac12 z^2 + \tfrac12 \log 2\pi \quad \text{or} \quad -\log \Phi(-z)

    The density is that of the logarithm: it has no unit, so the loss does not change when seconds become
    minutes, and it differs from the density of ``T`` by a term without parameters.

    Attributes:
        min_seconds: shorter stays are taken as this long, because the logarithm of 0 is not a number; > 0.
        max_seconds: no expectation counts time beyond this, whatever the content's length; > ``min_seconds``.
        typical_seconds: median of a model that has learned nothing yet; > 0. A starting point, not a bound.
        min_scale: smallest standard deviation of the logarithm, > 0; keeps one row from owning the loss.
        max_scale: largest one, > ``min_scale``.

    Source: Tobin (1958) for a likelihood of densities and tail probabilities.
    """

    min_seconds: float = 0.5
    max_seconds: float = 3600.0
    typical_seconds: float = 30.0
    min_scale: float = 0.1
    max_scale: float = 3.0

    def __post_init__(self) -> None:
        if not 0.0 < self.min_seconds < self.max_seconds < math.inf:
            raise ValueError(
                f"min_seconds is {self.min_seconds} and max_seconds is {self.max_seconds}; "
                "they must be finite with 0 < min_seconds < max_seconds"
            )
        if not 0.0 < self.typical_seconds < math.inf:
            raise ValueError(f"typical_seconds is {self.typical_seconds}; it must be above 0 and finite")
        if not 0.0 < self.min_scale < self.max_scale < math.inf:
            raise ValueError(
                f"min_scale is {self.min_scale} and max_scale is {self.max_scale}; "
                "they must be finite with 0 < min_scale < max_scale"
            )

    @property
    def num_parameters(self) -> int:
        """Two numbers a row, one for the mean and one for the scale."""
        return 2

    @property
    def score(self) -> str:
        """The expected stay ranks."""
        return "dwell_seconds"

    @property
    def population(self) -> Population:
        """Defined where something was opened."""
        return "opened"

    def mean_and_scale(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the logarithm of the seconds, ``[B]`` each."""
        mean = parameters[:, 0] + math.log(self.typical_seconds)
        scale = self.min_scale + (self.max_scale - self.min_scale) * torch.sigmoid(parameters[:, 1])
        return mean, scale

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known."""
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        mean, scale = self.mean_and_scale(parameters.masked_fill(~outcome.known[:, None], 0.0))
        seconds = outcome.value.masked_fill(~outcome.known, 1.0).to(mean.dtype)
        log_seconds = seconds.clamp(min=self.min_seconds).log()
        of_event = -log_normal.log_density_of_logarithm(log_seconds, mean=mean, scale=scale)
        of_censored = -log_normal.log_survival(log_seconds, mean=mean, scale=scale)
        losses = torch.where(outcome.event, of_event, of_censored)
        return losses.masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        r"""Expected stay and the two parameters, ``[B]`` each.

        ``dwell_seconds`` is the mean of :math:`\min(T, c)` with c the content's length or ``max_seconds``,
        whichever is shorter; see ``log_normal.capped_mean``.
        """
        mean, scale = self.mean_and_scale(parameters)
        cap = content_seconds.to(mean.dtype).clamp(self.min_seconds, self.max_seconds)
        return {
            # The cap's floor is the model's, not the content's: nobody stays longer than there is to see.
            "dwell_seconds": torch.minimum(log_normal.capped_mean(mean, scale, cap), content_seconds),
            "dwell_log_mean": mean,
            "dwell_log_scale": scale,
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, without any cap, ``[B]``."""
        mean, scale = self.mean_and_scale(parameters)
        z = torch.special.ndtri(torch.tensor(level, dtype=mean.dtype, device=mean.device))
        return torch.exp(mean + scale * z)

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds``, ``[B, G]``; the content's length plays no part."""
        mean, scale = (each[:, None] for each in self.mean_and_scale(parameters))
        return log_normal.log_survival(seconds.log(), mean=mean, scale=scale).exp()

    def log_density(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Log-density of the logarithm at ``seconds``, which are taken as at least ``min_seconds``."""
        mean, scale = (each[:, None] for each in self.mean_and_scale(parameters))
        log_seconds = seconds.clamp(min=self.min_seconds).log()
        return log_normal.log_density_of_logarithm(log_seconds, mean=mean, scale=scale)
