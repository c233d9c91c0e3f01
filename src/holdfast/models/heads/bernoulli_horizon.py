"""Whether somebody is back within a horizon, learned from rows whose horizon is over.

B rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from holdfast.core.batch import Outcome
from holdfast.core.return_head import ReturnTarget
from holdfast.models.heads.return_days import check_horizon


@dataclass(frozen=True, kw_only=True)
class BernoulliHorizon:
    r"""'Back within H days?', yes or no: y is 1 where the gap is at most H.

    .. math:: -y \log p - (1 - y) \log(1 - p), \quad p = \sigma(x)

    A row counts once its *whole horizon* was observed, a return included. A return is seen at once and an
    absence only when the horizon is over: with recent returns among the rows and recent absences left out,
    everybody looks loyal; with recent absences counted as answers, nobody does. ``target`` asks training for
    such rows only; of a censored row that was watched for less than H days nothing is ever learned.

    Attributes:
        horizon_days: H, at least 1.
    """

    horizon_days: int = 7

    def __post_init__(self) -> None:
        check_horizon(self.horizon_days)

    @property
    def num_parameters(self) -> int:
        """One number a row, the log odds."""
        return 1

    @property
    def score(self) -> str:
        """The chance to be back within the horizon ranks."""
        return "return_probability"

    @property
    def target(self) -> ReturnTarget:
        """Only rows whose whole horizon was observed."""
        return "matured"

    @property
    def predicted_days(self) -> tuple[int, ...]:
        """The horizon alone."""
        return (self.horizon_days,)

    @property
    def days_needed(self) -> int:
        """The whole horizon."""
        return self.horizon_days

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Cross-entropy of each row ``[B]``; 0 where not known, or censored before H days."""
        value = outcome.value.masked_fill(~outcome.known, 0.0)
        known = outcome.known & (outcome.event | (value >= self.horizon_days))
        # Mask first: a NaN in a masked row would otherwise reach the gradient.
        logits = parameters[:, 0].masked_fill(~known, 0.0)
        label = (outcome.event & (value <= self.horizon_days)).to(logits.dtype)
        losses = binary_cross_entropy_with_logits(logits, label, reduction="none")
        return losses.masked_fill(~known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """``return_probability`` within H days, ``[B]``."""
        return {"return_probability": torch.sigmoid(parameters[:, 0])}

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """H where the chance to be back within H days is at least ``level``, else ``inf``, ``[B]``.

        The first day of which this head knows that enough are back: of the days before H it knows nothing.
        """
        reached = torch.sigmoid(parameters[:, 0]) >= level
        return torch.full_like(parameters[:, 0], float(self.horizon_days)).masked_fill(~reached, torch.inf)
