"""Whether somebody is back within a horizon, learned also from rows whose horizon is not over yet.

B rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from holdfast.core.batch import Outcome
from holdfast.core.return_head import ReturnTarget


@dataclass(frozen=True, kw_only=True)
class SurrogateReturn:
    r"""'Back within H days?', answered by a surrogate index where the answer has not matured.

    In two stages. On training rows whose whole horizon was observed, training fits the index
    :math:`g(s, x) = E[Y \mid S = s, X = x]` of the long-term outcome Y (back within H days) given short-term
    outcomes S (clicks and dwell of the user's day, back within the first ``surrogate_days``) and what was
    known before (recency, frequency). Then this head learns from

    .. math:: \tilde y = Y \text{ where matured, else } g(S, X), \qquad
              -\tilde y \log p - (1 - \tilde y) \log(1 - p), \quad p = \sigma(x)

    S is not known when items are ranked, so the head itself sees only the model's inputs; the index brings
    the news of the latest days into its labels.

    The index is right if (1) *surrogacy*: given S and X, Y does not depend on what was done to the user; (2)
    *comparability*: Y given S and X is distributed among recent rows as among matured ones. Where the log
    allows, training tests both (``evaluation.surrogacy``) and warns; (1) cannot be tested where everybody was
    treated alike, and is then only an assumption.

    Attributes:
        horizon_days: H, at least 2.
        surrogate_days: days after which a row has its short-term outcomes, from 1 to H - 1.
        ridge: penalty on the index's coefficients of scaled columns, >= 0; keeps it finite where a column
            separates the classes.

    Source: Athey, Chetty, Imbens and Kang (2019).
    """

    horizon_days: int = 7
    surrogate_days: int = 1
    ridge: float = 1.0

    def __post_init__(self) -> None:
        if self.horizon_days < 2:
            raise ValueError(
                f"horizon_days is {self.horizon_days}; it must be at least 2, or there is nothing that a "
                "short-term outcome could stand for"
            )
        if not 1 <= self.surrogate_days < self.horizon_days:
            raise ValueError(
                f"surrogate_days is {self.surrogate_days}; with horizon_days={self.horizon_days} it must lie "
                f"between 1 and {self.horizon_days - 1}"
            )
        if not 0.0 <= self.ridge < math.inf:
            raise ValueError(f"ridge is {self.ridge}; it must be finite and at least 0")

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
        """What happened, or what the index lets expect."""
        return "surrogate_index"

    @property
    def predicted_days(self) -> tuple[int, ...]:
        """The horizon alone."""
        return (self.horizon_days,)

    @property
    def days_needed(self) -> int:
        """The whole horizon: without a matured row there is no index."""
        return self.horizon_days

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Cross-entropy of each row with its target in [0, 1], ``[B]``; 0 where not known."""
        known = outcome.known & outcome.event
        # Mask first: a NaN label in a masked row would otherwise reach the gradient.
        logits = parameters[:, 0].masked_fill(~known, 0.0)
        label = outcome.value.masked_fill(~known, 0.0).to(logits.dtype)
        losses = binary_cross_entropy_with_logits(logits, label, reduction="none")
        return losses.masked_fill(~known, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """``return_probability`` within H days, ``[B]``."""
        return {"return_probability": torch.sigmoid(parameters[:, 0])}

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """H where the chance to be back within H days is at least ``level``, else ``inf``, ``[B]``."""
        reached = torch.sigmoid(parameters[:, 0]) >= level
        return torch.full_like(parameters[:, 0], float(self.horizon_days)).masked_fill(~reached, torch.inf)
