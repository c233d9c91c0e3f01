"""Seconds by several of their quantiles at once.

B rows, K levels, G moments, N rows of the train window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from holdfast.core.arrays import Bools, Floats
from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population
from holdfast.models import binned
from holdfast.models.fitted import checked_training_rows, required, with_state
from holdfast.models.kaplan_meier import kaplan_meier_quantiles

_AT_REST = math.log(math.e - 1.0)
"""Where softplus is 1."""
_LONGEST = 20.0
"""exp(20) seconds are fifteen years: no quantile needs to lie beyond."""


@dataclass(frozen=True, kw_only=True)
class MultiQuantile:
    r"""Quantile regression at K levels, whose quantiles cannot cross.

    With :math:`y = \log(1 + t)` and :math:`\rho_\tau(r) = \max(\tau r, (\tau - 1) r)`, the pinball loss

    .. math:: \frac{2}{K} \sum_k \rho_{\tau_k}\!\left(y - \min(q_k, y_c)\right)

    *Censored rows*: a quantile of :math:`\min(T, c)` is :math:`\min(q, c)`, so each is held against what was
    seen only up to :math:`y_c`, the content's length, which is known in every row whether or not it cut the
    dwell off (Powell's censored quantiles). Where time cut the dwell off, its end is :math:`y_c`. The authors
    treat no censoring. The logarithm changes no quantile, and keeps a few long stays from owning the loss.

    The lowest quantile and the steps between them are those of the train window, multiplied by a softplus, so
    that a model that has learned nothing predicts its distribution. Between levels the distribution is
    straight in seconds, from 0 below the lowest level; above the highest it goes on for as long, in
    logarithms, as its last step. Expected seconds are the area under its survival up to the content's length.

    Attributes:
        levels: rising, in (0, 1), at least 2.
        base: fitted: the lowest quantile and the steps to the next, in ``log(1 + seconds)``, ``K``.
        notes: fitted: what to know of the fit.

    Source: Lin et al. (2024) for dwell by conditional quantiles; Powell (1986) for censored ones.
    """

    levels: list[float] = field(
        default_factory=lambda: [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    )
    base: tuple[float, ...] | None = field(default=None, init=False)
    notes: tuple[str, ...] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        inside = all(0.0 < level < 1.0 for level in self.levels)
        if len(self.levels) < 2 or not inside or any(low >= high for low, high in pairwise(self.levels)):
            raise ValueError(f"levels are {list(self.levels)}; give at least 2, rising, each in (0, 1)")

    @property
    def num_parameters(self) -> int:
        """One number a row and level."""
        return len(self.levels)

    @property
    def score(self) -> str:
        """The expected stay ranks."""
        return "dwell_seconds"

    @property
    def population(self) -> Population:
        """Defined where something was opened."""
        return "opened"

    def fitted(
        self, value: Floats, *, event: Bools, known: Bools, content_seconds: Floats, weight: Floats
    ) -> MultiQuantile:
        """The head with the train window's quantiles; see ``core.protocols.FittedHead``."""
        seconds, ends, _, counts = checked_training_rows(self, value, event, known, content_seconds, weight)
        quantiles, beyond = kaplan_meier_quantiles(seconds, ends, np.array(self.levels), weight=counts)
        steps = np.diff(np.log1p(quantiles), prepend=0.0)
        said = (
            f"{beyond} of {len(self.levels)} quantiles of the train window lie beyond what was seen: a fresh "
            "model takes them as the longest seen"
        )
        # A step of 0 could never grow.
        return with_state(
            self,
            base=tuple(float(each) for each in np.maximum(steps, 0.01)),
            notes=(said,) if beyond else (),
        )

    def log_quantiles(self, parameters: Tensor) -> Tensor:
        """``log(1 + seconds)`` at each level, rising, ``[B, K]``; the train window's where 0."""
        base = torch.tensor(required(self, self.base), dtype=parameters.dtype, device=parameters.device)
        return torch.cumsum(base * softplus(parameters + _AT_REST), dim=1).clamp(max=_LONGEST)

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Pinball loss of each row ``[B]``; 0 where not known."""
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        quantiles_BK = self.log_quantiles(parameters.masked_fill(~outcome.known[:, None], 0.0))
        seconds = outcome.value.masked_fill(~outcome.known, 0.0).to(quantiles_BK.dtype)
        cap = seconds.masked_fill(outcome.event, math.inf)
        if outcome.content_seconds is not None:
            cap = torch.minimum(cap, outcome.content_seconds.to(cap.dtype))
        levels = torch.tensor(list(self.levels), dtype=quantiles_BK.dtype, device=quantiles_BK.device)
        gap_BK = seconds.log1p()[:, None] - torch.minimum(quantiles_BK, cap.log1p()[:, None])
        losses = 2.0 * torch.maximum(levels * gap_BK, (levels - 1.0) * gap_BK).mean(1)
        return losses.masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """``dwell_seconds``, the mean up to the content's length, ``[B]``; ``dwell_quantile_seconds``."""
        edges, survival = self._distribution(parameters)
        cap = content_seconds.to(parameters.dtype).clamp(min=0.0)
        return {
            "dwell_seconds": binned.capped_mean(survival, edges, cap),
            "dwell_quantile_seconds": edges[:, 1:-1],
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, without any cap, ``[B]``."""
        edges, survival = self._distribution(parameters)
        return binned.quantile(survival, edges, level)

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds``, ``[B, G]``; the content's length plays no part."""
        edges, survival = self._distribution(parameters)
        return binned.survival_at(survival, edges, seconds)

    def _distribution(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Edges from 0 to the end of the tail, and survival at them, ``[B, K + 2]`` each."""
        log_BK = self.log_quantiles(parameters)
        end_B1 = 2.0 * log_BK[:, -1:] - log_BK[:, -2:-1]
        inner_BK = torch.exp(torch.cat([log_BK, end_B1], dim=1)) - 1.0
        edges = torch.cat([torch.zeros_like(inner_BK[:, :1]), inner_BK], dim=1)
        # Quantiles that fall together in single precision are a sliver apart: nothing divides by 0.
        sliver = binned.SMALLEST_BIN * torch.arange(edges.shape[1], dtype=edges.dtype, device=edges.device)
        edges = edges + torch.maximum(sliver, edges * 1e-6 * sliver / binned.SMALLEST_BIN)
        stays = torch.tensor([1.0, *(1.0 - level for level in self.levels), 0.0], dtype=edges.dtype)
        return edges, stays.to(edges.device).expand(edges.shape[0], -1)
