"""The log-normal distribution out of operations that ONNX has, precise in single precision.

B rows; all tensors broadcast.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_density_of_logarithm(log_seconds: Tensor, *, mean: Tensor, scale: Tensor) -> Tensor:
    """Log-density of the logarithm of the seconds, which is normal."""
    z = (log_seconds - mean) / scale
    return -scale.log() - 0.5 * z.square() - 0.5 * math.log(2.0 * math.pi)


def log_survival(log_seconds: Tensor, *, mean: Tensor, scale: Tensor) -> Tensor:
    """Logarithm of the chance of more than so many seconds; for losses, not for ONNX."""
    log_chance: Tensor = torch.special.log_ndtr((mean - log_seconds) / scale)
    return log_chance


def capped_mean(mean: Tensor, scale: Tensor, cap: Tensor) -> Tensor:
    r"""Mean of :math:`\min(T, c)`, between 0 and c.

    .. math:: e^{\mu + s^2 / 2} \, \Phi\!\left(\frac{\log c - \mu - s^2}{s}\right)
              + c \, \Phi\!\left(\frac{\mu - \log c}{s}\right)
    """
    log_cap = cap.log()
    z = (log_cap - mean) / scale
    # In logarithms: a huge mean times a tiny probability would lose the digits of both in float32.
    lower = log_cap - 0.5 * z.square() + _log_scaled_tail(scale - z)
    upper = mean + 0.5 * scale.square() + log_normal_cdf(z - scale)
    before_cap = torch.where(z < scale, lower, upper).clamp(max=80.0).exp()
    at_cap = cap * log_normal_cdf(-z).exp()
    return torch.minimum(before_cap + at_cap, cap)


def log_normal_cdf(z: Tensor) -> Tensor:
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
