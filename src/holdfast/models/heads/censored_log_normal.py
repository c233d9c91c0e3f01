"""How long somebody stays, when the content may end first.

B rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.core.batch import Outcome


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
        z = (seconds.clamp(min=self.min_seconds).log() - mean) / scale
        of_event = scale.log() + 0.5 * z.square() + 0.5 * math.log(2.0 * math.pi)
        of_censored = -torch.special.log_ndtr(-z)
        losses = torch.where(outcome.event, of_event, of_censored)
        return losses.masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        r"""Expected stay and the two parameters, ``[B]`` each.

        ``dwell_seconds`` is the mean of :math:`\min(T, c)` with c the content's length or ``max_seconds``,
        whichever is shorter:

        .. math:: e^{\mu + s^2 / 2} \, \Phi\!\left(\frac{\log c - \mu - s^2}{s}\right)
                  + c \, \Phi\!\left(\frac{\mu - \log c}{s}\right)
        """
        mean, scale = self.mean_and_scale(parameters)
        cap = content_seconds.to(mean.dtype).clamp(self.min_seconds, self.max_seconds)
        log_cap = cap.log()
        z = (log_cap - mean) / scale
        # In logarithms: a huge mean times a tiny probability would lose the digits of both in float32.
        lower = log_cap - 0.5 * z.square() + _log_scaled_tail(scale - z)
        upper = mean + 0.5 * scale.square() + _log_normal_cdf(z - scale)
        before_cap = torch.where(z < scale, lower, upper).clamp(max=80.0).exp()
        at_cap = cap * _log_normal_cdf(-z).exp()
        return {
            "dwell_seconds": torch.minimum(before_cap + at_cap, cap),
            "dwell_log_mean": mean,
            "dwell_log_scale": scale,
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, without any cap, ``[B]``."""
        mean, scale = self.mean_and_scale(parameters)
        z = torch.special.ndtri(torch.tensor(level, dtype=mean.dtype, device=mean.device))
        return torch.exp(mean + scale * z)


def _log_normal_cdf(z: Tensor) -> Tensor:
    r""":math:`\log \Phi(z)` to float32's precision in both tails, out of operations that ONNX has."""
    tail = _log_scaled_tail(z.abs()) - 0.5 * z.square()
    return torch.where(z < 0.0, tail, torch.log1p(-tail.exp()))


def _log_scaled_tail(z: Tensor) -> Tensor:
    r""":math:`\log(e^{z^2 / 2} \, \Phi(-|z|))`, with a relative error below 1.2e-7 of the exponential.

    Source: the rational Chebyshev approximation of erfc in Press et al., Numerical Recipes (1992), 6.2.
    """
    t = 1.0 / (1.0 + 0.5 * math.sqrt(0.5) * z.abs())
    polynomial = torch.full_like(t, _ERFC_COEFFICIENTS[-1])
    for coefficient in reversed(_ERFC_COEFFICIENTS[:-1]):
        polynomial = polynomial * t + coefficient
    return t.log() + polynomial - math.log(2.0)


_ERFC_COEFFICIENTS = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)
