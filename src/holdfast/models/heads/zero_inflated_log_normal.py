"""Whether something is opened and for how long, as one distribution over all rows.

B rows, G moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from holdfast.core.batch import Outcome
from holdfast.core.protocols import Population
from holdfast.models.heads.censored_log_normal import CensoredLogNormal


@dataclass(frozen=True, kw_only=True)
class ZeroInflatedLogNormal:
    r"""0 seconds with probability :math:`1 - p`, else a log-normal stay.

    The cross-entropy of opening, and where it was opened the loss of the stay, which may be cut off:

    .. math:: -[t = 0] \log(1 - p) - [t > 0] \left(\log p + \ell_{\text{log-normal}}(t; \mu, s)\right)

    It learns from all rows: 0 means not opened, and whatever was opened counts as more than 0 seconds
    (``data.outcomes`` sees to that). A censored row says that it was opened, and stayed at least so long; a
    row that was not opened is not censored. Attributes are those of ``CensoredLogNormal``, for the stay.

    Attributes:
        min_seconds: shorter stays are taken as this long; > 0.
        max_seconds: no expectation counts time beyond this; > ``min_seconds``.
        typical_seconds: median stay of a model that has learned nothing yet; > 0.
        min_scale: smallest standard deviation of the logarithm, > 0.
        max_scale: largest one, > ``min_scale``.

    Source: Wang, Liu and Miao (2019), without censoring.
    """

    min_seconds: float = 0.5
    max_seconds: float = 3600.0
    typical_seconds: float = 30.0
    min_scale: float = 0.1
    max_scale: float = 3.0

    def __post_init__(self) -> None:
        # The stay's own checks name the field and the value.
        _ = self.stay

    @property
    def stay(self) -> CensoredLogNormal:
        """The distribution of the seconds if opened."""
        return CensoredLogNormal(
            min_seconds=self.min_seconds,
            max_seconds=self.max_seconds,
            typical_seconds=self.typical_seconds,
            min_scale=self.min_scale,
            max_scale=self.max_scale,
        )

    @property
    def num_parameters(self) -> int:
        """Three numbers a row: the log odds of opening, the mean and the scale of the stay."""
        return 3

    @property
    def score(self) -> str:
        """The expected stay if opened ranks, as with every other dwell head."""
        return "dwell_seconds"

    @property
    def population(self) -> Population:
        """Defined on every row; not opened is 0 seconds."""
        return "all"

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known."""
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        logits = parameters[:, 0].masked_fill(~outcome.known, 0.0)
        opened = outcome.value.masked_fill(~outcome.known, 0.0) > 0.0
        of_opening = binary_cross_entropy_with_logits(logits, opened.to(logits.dtype), reduction="none")
        stays = Outcome(outcome.value, outcome.event, outcome.known & opened)
        of_stay = self.stay.negative_log_likelihood(parameters[:, 1:], stays)
        return of_opening.masked_fill(~outcome.known, 0.0) + of_stay

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """The stay's outputs if opened, the chance to open, and seconds an impression, ``[B]`` each."""
        outputs = self.stay.predict(parameters[:, 1:], content_seconds)
        opened = torch.sigmoid(parameters[:, 0])
        return {
            **outputs,
            "dwell_open_probability": opened,
            "dwell_impression_seconds": opened * outputs["dwell_seconds"],
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """Seconds that a share ``level`` of the *rows* does not exceed, without any cap, ``[B]``."""
        mean, scale = self.stay.mean_and_scale(parameters[:, 1:])
        closed = torch.sigmoid(-parameters[:, 0])
        within = ((level - closed) / (1.0 - closed).clamp(min=1e-12)).clamp(0.0, 1.0)
        seconds = torch.exp(mean + scale * torch.special.ndtri(within))
        return seconds.masked_fill(closed >= level, 0.0)

    def survival(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Chance of more than ``seconds`` if opened, ``[B, G]``."""
        return self.stay.survival(parameters[:, 1:], seconds, content_seconds)

    def log_density(self, parameters: Tensor, seconds: Tensor, content_seconds: Tensor) -> Tensor:
        """Log-density of the logarithm if opened, ``[B, G]``."""
        return self.stay.log_density(parameters[:, 1:], seconds, content_seconds)
