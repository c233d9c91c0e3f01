"""How long somebody stays, when the chance to leave changes steadily with the time spent.

B rows, G moments, J nodes of a quadrature.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(48)
_STEEPEST = 20.0
"""Where the loss goes on as a straight line: exp(20) is large enough to learn from, exp(90) is no number."""


@dataclass(frozen=True, kw_only=True)
class Weibull:
    r"""Seconds with the survival :math:`S(t) = \exp(-(t / \lambda)^k)`, some known only as 'at least v'.

    The chance to leave in the next moment grows with the time spent where :math:`k > 1`, falls where
    :math:`k < 1`, and is constant where :math:`k = 1`. With :math:`w = k (\log t - \log \lambda)`, the loss
    of an event is minus the log-density of :math:`\log T`, and of a censored row minus the log-survival:

    .. math:: e^w - w - \log k \quad \text{or} \quad e^w

    Attributes:
        min_seconds: shorter stays are taken as this long, because the logarithm of 0 is not a number; > 0.
        max_seconds: no expectation counts time beyond this, whatever the content's length; > ``min_seconds``.
        typical_seconds: :math:`\lambda` of a model that has learned nothing yet, which 63 % of its stays do
            not exceed; > 0. A starting point, not a bound.
        min_shape: smallest k, > 0.
        max_shape: largest k, > ``min_shape``. A model that has learned nothing has the middle, on a
            logarithmic scale: 1 as it stands.

    Source: Weibull (1951); Kalbfleisch and Prentice (2002) for its likelihood under censoring.
    """

    min_seconds: float = 0.5
    max_seconds: float = 3600.0
    typical_seconds: float = 30.0
    min_shape: float = 0.2
    max_shape: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 < self.min_seconds < self.max_seconds < math.inf:
            raise ValueError(
                f"min_seconds is {self.min_seconds} and max_seconds is {self.max_seconds}; "
                "they must be finite with 0 < min_seconds < max_seconds"
            )
        if not 0.0 < self.typical_seconds < math.inf:
            raise ValueError(f"typical_seconds is {self.typical_seconds}; it must be above 0 and finite")
        if not 0.0 < self.min_shape < self.max_shape < math.inf:
            raise ValueError(
                f"min_shape is {self.min_shape} and max_shape is {self.max_shape}; "
                "they must be finite with 0 < min_shape < max_shape"
            )

    @property
    def num_parameters(self) -> int:
        """Two numbers a row, one for the scale and one for the shape."""
        return 2

    @property
    def score(self) -> str:
        """The expected stay ranks."""
        return "dwell_seconds"

    @property
    def population(self) -> Population:
        """Defined where something was opened."""
        return "opened"

    def log_scale_and_shape(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        r""":math:`\log \lambda` and k, ``[B]`` each."""
        span = math.log(self.max_shape / self.min_shape)
        shape = self.min_shape * torch.exp(span * torch.sigmoid(parameters[:, 1]))
        return parameters[:, 0] + math.log(self.typical_seconds), shape

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known."""
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        log_scale, shape = self.log_scale_and_shape(parameters.masked_fill(~outcome.known[:, None], 0.0))
        seconds = outcome.value.masked_fill(~outcome.known, 1.0).to(shape.dtype)
        w = shape * (seconds.clamp(min=self.min_seconds).log() - log_scale)
        passed = _exp_then_straight(w)
        losses = torch.where(outcome.event, passed - w - shape.log(), passed)
        return losses.masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        r"""Expected stay and the two parameters, ``[B]`` each.

        ``dwell_seconds`` is the mean of :math:`\min(T, c)` with c the content's length or ``max_seconds``,
        whichever is shorter: :math:`\int_0^c S(t) \, dt`, an incomplete gamma function, which ONNX has not,
        by a quadrature that agrees with it to 1e-6.
        """
        log_scale, shape = self.log_scale_and_shape(parameters)
        cap = content_seconds.to(shape.dtype).clamp(self.min_seconds, self.max_seconds)
        return {
            # The cap's floor is the model's, not the content's: nobody stays longer than there is to see.
            "dwell_seconds": torch.minimum(
                _capped_mean(log_scale, shape, cap), torch.minimum(cap, content_seconds)
            ),
            "dwell_log_lifetime": log_scale,
            "dwell_shape": shape,
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, without any cap, ``[B]``."""
        log_scale, shape = self.log_scale_and_shape(parameters)
        return torch.exp(log_scale + math.log(-math.log1p(-level)) / shape)

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds``, ``[B, G]``; the content's length plays no part."""
        log_scale, shape = (each[:, None] for each in self.log_scale_and_shape(parameters))
        return torch.exp(-torch.exp(shape * (seconds.log() - log_scale)))

    def log_density(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Log-density of the logarithm at ``seconds``, which are taken as at least ``min_seconds``."""
        log_scale, shape = (each[:, None] for each in self.log_scale_and_shape(parameters))
        w = shape * (seconds.clamp(min=self.min_seconds).log() - log_scale)
        return shape.log() + w - _exp_then_straight(w)


def _exp_then_straight(w: Tensor) -> Tensor:
    """The exponential, with its own tangent beyond ``_STEEPEST``: it neither overflows nor turns flat."""
    # One or the other: in a sum of both, the large slope would swallow the small one in single precision.
    return torch.where(
        w < _STEEPEST, w.clamp(max=_STEEPEST).exp(), math.exp(_STEEPEST) * (1.0 + w - _STEEPEST)
    )


def _capped_mean(log_scale: Tensor, shape: Tensor, cap: Tensor) -> Tensor:
    r"""Area under the survival curve up to the cap, or to where survival is :math:`e^{-30}`, ``[B]``.

    With :math:`t = t_1 v^q` the integrand is :math:`t_1 q v^{q-1} \exp(-W v^{q k})`, which is smooth in v for
    :math:`q = 3 \max(1, 1/k)`, so that Gauss-Legendre nodes converge fast.
    """
    log_end = torch.minimum(cap.log(), log_scale + math.log(30.0) / shape)
    passed_B1 = torch.exp((shape * (log_end - log_scale)).clamp(max=math.log(30.0)))[:, None]
    power_B1 = (3.0 * torch.maximum(torch.ones_like(shape), 1.0 / shape))[:, None]
    log_node_J = torch.tensor(np.log((_NODES + 1.0) / 2.0), dtype=shape.dtype, device=shape.device)
    weight_J = torch.tensor(_NODE_WEIGHTS / 2.0, dtype=shape.dtype, device=shape.device)
    survival_BJ = torch.exp(-passed_B1 * torch.exp(power_B1 * shape[:, None] * log_node_J))
    steps_BJ = power_B1 * torch.exp((power_B1 - 1.0) * log_node_J)
    return log_end.exp() * (weight_J * steps_BJ * survival_BJ).sum(1)
