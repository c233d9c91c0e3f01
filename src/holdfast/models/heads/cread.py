"""Seconds as a row of questions: is it longer than this, and than this?

B rows, M thresholds, G moments, N rows of the train window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, huber_loss, softplus

from holdfast.core.arrays import Bools, Floats
from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population
from holdfast.models import binned
from holdfast.models.fitted import checked_training_rows, required, with_state
from holdfast.models.kaplan_meier import kaplan_meier

_AT_REST = math.log(math.e - 1.0)
"""Where softplus is 1."""


@dataclass(frozen=True, kw_only=True)
class Cread:
    r"""Classification and restoration: :math:`\phi_m = P(T > t_m)` at M thresholds, summed up to seconds.

    .. math:: \frac{1}{M} \sum_m a_m \left(-[t > t_m] \log \phi_m - [t \le t_m] \log(1 - \phi_m)\right),
              \quad E[T] = \sum_m \phi_m (t_m - t_{m-1})

    *Censored rows*, which the authors have not: a question is asked (:math:`a_m = 1`) only where its answer
    could be seen, that is of thresholds below the content's length, and below v where time itself cut the
    dwell off at v. Asking every event about every threshold would count 'left before' where 'stayed longer'
    could not have been seen, and so promise too little. Where no content's length is given, only the row's
    own cut is known.

    The log odds fall with m by construction, so chances cannot cross; the authors penalise crossings. Between
    thresholds survival is straight, so the sum is the area under it (a trapezoid, where the authors take the
    upper step), up to the content's length.

    Thresholds are quantiles of the train window's dwells at :math:`\gamma(m / M)`, with
    :math:`\gamma(z) = (1 - e^{-\alpha z}) / (1 - e^{-\alpha})`: equal shares of the rows for
    :math:`\alpha = 0`, and the larger it is, the more of the thresholds lie in the tail, where rows are few
    and bins of equal share wide. That balances the error of learning against that of restoring.

    Attributes:
        num_thresholds: M, at least 2.
        adaptation: :math:`\alpha`, >= 0.
        restoration_weight: what the Huber distance of the expected from the seen seconds adds to the loss,
            >= 0, relative to the mean dwell; 0 leaves it out. It is no proper score of a skewed outcome.
        edges: fitted: 0, the thresholds and the end of the last bin, in seconds, ``M + 2``.
        base_logits: fitted: log odds of each threshold in the train window, ``M``.
        mean_seconds: fitted: mean of the dwells as seen.
        notes: fitted: what to know of the fit.

    Source: Sun et al. (2024) for the classifiers, the sum and discretisation between equal share and equal
    width.
    """

    num_thresholds: int = 31
    adaptation: float = 1.0
    restoration_weight: float = 0.0
    edges: tuple[float, ...] | None = field(default=None, init=False)
    base_logits: tuple[float, ...] | None = field(default=None, init=False)
    mean_seconds: float | None = field(default=None, init=False)
    notes: tuple[str, ...] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.num_thresholds < 2:
            raise ValueError(f"num_thresholds is {self.num_thresholds}; it must be at least 2")
        if not 0.0 <= self.adaptation <= 50.0:
            raise ValueError(f"adaptation is {self.adaptation}; it must be from 0 to 50")
        if not 0.0 <= self.restoration_weight < math.inf:
            raise ValueError(f"restoration_weight is {self.restoration_weight}; it must be 0 or more")

    @property
    def num_parameters(self) -> int:
        """One number a row and threshold."""
        return self.num_thresholds

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
    ) -> Cread:
        """The head with its thresholds; see ``core.protocols.FittedHead``."""
        seconds, ends, _, counts = checked_training_rows(self, value, event, known, content_seconds, weight)
        share = np.arange(1, self.num_thresholds + 1) / (self.num_thresholds + 1)
        edges, moved = binned.edges_at(seconds, calibrated_levels(share, self.adaptation), weight=counts)
        moments, distribution = kaplan_meier(seconds, ends, weight=counts)
        passed = np.searchsorted(moments, np.array(edges[1:-1]), side="right")
        stayed = 1.0 - np.concatenate([[0.0], distribution])[passed]
        stayed = np.clip(stayed, 1e-4, 1.0 - 1e-4)
        said = f"{moved} of {self.num_thresholds} thresholds fell together and were set apart by a sliver"
        return with_state(
            self,
            edges=edges,
            base_logits=tuple(float(each) for each in np.log(stayed) - np.log1p(-stayed)),
            mean_seconds=float(np.average(seconds, weights=counts)),
            notes=(said,) if moved else (),
        )

    def logits(self, parameters: Tensor) -> Tensor:
        """Log odds of a longer stay at each threshold, falling, ``[B, M]``; the train window's where 0."""
        base = torch.tensor(required(self, self.base_logits), dtype=parameters.dtype)
        base = base.to(parameters.device)
        # As a product, because the cumulative sum of a scaled softplus is one, and a fall has to be positive.
        falls_BM = (base[:-1] - base[1:]).clamp(min=1e-3) * softplus(parameters[:, 1:] + _AT_REST)
        first_B1 = parameters[:, :1] + base[0]
        return torch.cat([first_B1, first_B1 - torch.cumsum(falls_BM, dim=1)], dim=1)

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known, or where no question could be answered."""
        edges = self._edges(parameters)
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        logits_BM = self.logits(parameters.masked_fill(~outcome.known[:, None], 0.0))
        seconds = outcome.value.masked_fill(~outcome.known, 0.0).to(logits_BM.dtype)
        watched = seconds.masked_fill(outcome.event, math.inf)
        if outcome.content_seconds is not None:
            # At its end the row was seen to be longer than every threshold before; no other is asked.
            watched = torch.minimum(watched, outcome.content_seconds.to(watched.dtype))
        asked_BM = (edges[1:-1] < watched[:, None]) & outcome.known[:, None]
        longer_BM = (seconds[:, None] > edges[1:-1]).to(logits_BM.dtype)
        losses_BM = binary_cross_entropy_with_logits(logits_BM, longer_BM, reduction="none")
        losses = losses_BM.masked_fill(~asked_BM, 0.0).sum(1) / self.num_thresholds
        if self.restoration_weight > 0.0:
            losses = losses + self.restoration_weight * self._restoration(logits_BM, outcome, seconds)
        return losses

    def _restoration(self, logits_BM: Tensor, outcome: Outcome, seconds: Tensor) -> Tensor:
        """Huber distance in mean dwells of the expected from the seen seconds, as far as was watched."""
        cap = seconds.masked_fill(outcome.event, math.inf)
        if outcome.content_seconds is not None:
            cap = torch.minimum(cap, outcome.content_seconds.to(cap.dtype))
        unit = required(self, self.mean_seconds)
        expected = binned.capped_mean(self._survival_at_edges(logits_BM), self._edges(logits_BM), cap)
        return huber_loss(expected / unit, seconds / unit, reduction="none").masked_fill(~outcome.known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """``dwell_seconds``, the mean up to the content's length, ``[B]``; ``dwell_longer_probability``."""
        survival = self._survival_at_edges(self.logits(parameters))
        cap = content_seconds.to(parameters.dtype).clamp(min=0.0)
        return {
            "dwell_seconds": binned.capped_mean(survival, self._edges(parameters), cap),
            "dwell_longer_probability": survival[:, 1:-1],
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the stays does not exceed, without any cap, ``[B]``."""
        survival = self._survival_at_edges(self.logits(parameters))
        return binned.quantile(survival, self._edges(parameters), level)

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds``, ``[B, G]``; the content's length plays no part."""
        survival = self._survival_at_edges(self.logits(parameters))
        return binned.survival_at(survival, self._edges(parameters), seconds)

    def _edges(self, like: Tensor) -> Tensor:
        return torch.tensor(required(self, self.edges), dtype=like.dtype, device=like.device)

    def _survival_at_edges(self, logits_BM: Tensor) -> Tensor:
        inner = torch.sigmoid(logits_BM)
        one = torch.ones_like(inner[:, :1])
        return torch.cat([one, inner, torch.zeros_like(one)], dim=1)


def calibrated_levels(share: Floats, adaptation: float) -> Floats:
    """Levels in (0, 1) of the quantiles that become thresholds; ``share`` itself where adaptation is 0."""
    if adaptation < 1e-6:
        return share
    return np.asarray(np.expm1(-adaptation * share) / np.expm1(-adaptation))
