"""Whether something happens.

B rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from holdfast.core.batch import Outcome


@dataclass(frozen=True, kw_only=True)
class Bernoulli:
    r"""A yes or no, by its log odds.

    .. math:: -y \log p - (1 - y) \log(1 - p), \quad p = \sigma(x)

    Attributes:
        output: name of the predicted probability.
    """

    output: str = "click_probability"

    @property
    def num_parameters(self) -> int:
        """One number a row, the log odds."""
        return 1

    @property
    def score(self) -> str:
        """The probability ranks."""
        return self.output

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Cross-entropy of each row ``[B]``; 0 where not known, which a censored row is."""
        known = outcome.known & outcome.event
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        logits = parameters[:, 0].masked_fill(~known, 0.0)
        label = outcome.value.masked_fill(~known, 0.0).to(logits.dtype)
        losses = binary_cross_entropy_with_logits(logits, label, reduction="none")
        return losses.masked_fill(~known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """The probability, ``[B]``."""
        return {self.output: torch.sigmoid(parameters[:, 0])}

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """0 where 'no' alone has a probability of at least ``level``, else 1, ``[B]``."""
        return (torch.sigmoid(-parameters[:, 0]) < level).to(parameters.dtype)
