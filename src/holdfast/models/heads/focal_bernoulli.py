"""Whether something happens, learned mostly from the rows that are hard.

B rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from holdfast.core.batch import Outcome


@dataclass(frozen=True, kw_only=True)
class FocalBernoulli:
    r"""A yes or no whose easy rows count less: cross-entropy times a power of the chance of the other answer.

    .. math:: -y (1 - q)^\gamma \log q - (1 - y) q^\gamma \log(1 - q), \quad q = \sigma(x)

    With gamma 0 it is the cross-entropy. With gamma above 0 it is **not a proper score**: its expectation is
    not least at the true probability but at a q nearer to 1/2, so q is no probability. The order of rows is
    kept, and q determines the probability for which it is the best answer,

    .. math:: \frac{\eta}{1 - \eta} = \frac{q^\gamma / (1 - q) - \gamma q^{\gamma - 1} \log(1 - q)}
              {(1 - q)^\gamma / q - \gamma (1 - q)^{\gamma - 1} \log q}

    which is what ``corrected`` predicts. As any probability it is as good as the model behind it. Losses of
    this head are comparable with each other, not with those of other heads; log loss and Brier score are.
    The authors' weight of positives is left out: it shifts the base rate, which no order gains from.

    Attributes:
        gamma: focusing, >= 0 and finite; the authors use 2.
        corrected: whether ``predict`` gives eta; else q, for comparison.
        output: name of the predicted probability.

    Source: Lin et al. (2017) for the loss; Charoenphakdee et al. (2021) for what it does to probabilities and
    for eta.
    """

    gamma: float = 2.0
    corrected: bool = True
    output: str = "click_probability"

    def __post_init__(self) -> None:
        if not 0.0 <= self.gamma < math.inf:
            raise ValueError(f"gamma is {self.gamma}; it must be finite and at least 0")

    @property
    def num_parameters(self) -> int:
        """One number a row, the log odds of q."""
        return 1

    @property
    def score(self) -> str:
        """The probability ranks."""
        return self.output

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Focal loss of each row ``[B]``; 0 where not known, which a censored row is."""
        known = outcome.known & outcome.event
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        logits = parameters[:, 0].masked_fill(~known, 0.0)
        label = outcome.value.masked_fill(~known, 0.0).to(logits.dtype)
        losses = label * self._of_yes(logits) + (1.0 - label) * self._of_yes(-logits)
        return losses.masked_fill(~known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """The probability, ``[B]``."""
        return {self.output: self._probability(parameters)}

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """0 where 'no' alone has a probability of at least ``level``, else 1, ``[B]``."""
        return (1.0 - self._probability(parameters) < level).to(parameters.dtype)

    def _of_yes(self, logits: Tensor) -> Tensor:
        return torch.exp(-self.gamma * softplus(logits)) * softplus(-logits)

    def _probability(self, parameters: Tensor) -> Tensor:
        logits = parameters[:, 0]
        if not self.corrected:
            return torch.sigmoid(logits)
        # The odds above, in logarithms of x: (1 + gamma) x + log(1 + gamma r(x)) - log(1 + gamma r(-x)).
        gained = torch.log(1.0 + self.gamma * _ratio(logits)) - torch.log(1.0 + self.gamma * _ratio(-logits))
        return torch.sigmoid((1.0 + self.gamma) * logits + gained)


def _ratio(logits: Tensor) -> Tensor:
    r""":math:`r(x) = \log(1 + e^x) / e^x`: 1 far below 0, and 0 far above."""
    # Beyond 30 r has reached its limits, and e^x would overflow. ONNX has no log1p, hence the series.
    odds = torch.exp(logits.clamp(-30.0, 30.0))
    series = 1.0 - odds / 2.0 + odds.square() / 3.0 - odds.square() * odds / 4.0
    return torch.where(odds < 1e-2, series, torch.log(1.0 + odds) / odds)
