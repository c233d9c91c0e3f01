"""On which day somebody is back, when we stop watching before we know.

B rows, H days of the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from holdfast.core.batch import Outcome
from holdfast.core.return_head import ReturnTarget
from holdfast.models.heads.return_days import check_horizon, first_day_reaching, risk_days


@dataclass(frozen=True, kw_only=True)
class DiscreteHazard:
    r"""The chance :math:`h_d = \sigma(x_d)` to be back on day d, given not back before, for d from 1 to H.

    Back on day v, or not back within v days (censored):

    .. math:: -\sum_{d < v} \log(1 - h_d) - \log h_v \quad \text{or} \quad -\sum_{d \le v} \log(1 - h_d)

    So a row says what it knows and no more: a user who was watched for two days speaks about two days. A
    return after day H says 'not back within H days'.

    Attributes:
        horizon_days: H, at least 1.

    Source: Singer and Willett (1993) for the likelihood.
    """

    horizon_days: int = 7

    def __post_init__(self) -> None:
        check_horizon(self.horizon_days)

    @property
    def num_parameters(self) -> int:
        """One number a row and day, the log odds of the hazard."""
        return self.horizon_days

    @property
    def score(self) -> str:
        """The chance to be back within the horizon ranks."""
        return "return_probability"

    @property
    def target(self) -> ReturnTarget:
        """Gaps, censored where nobody watched longer."""
        return "gap"

    @property
    def predicted_days(self) -> tuple[int, ...]:
        """Every day of the horizon."""
        return tuple(range(1, self.horizon_days + 1))

    @property
    def days_needed(self) -> int:
        """All of them: a day that nobody watched leaves its hazard as it was drawn at the start."""
        return self.horizon_days

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known, or where no day was watched."""
        at_risk_BH, back_BH = risk_days(outcome, horizon_days=self.horizon_days)
        # Mask first; log h = -softplus(-x) and log(1 - h) = -softplus(x).
        logits_BH = parameters.masked_fill(~at_risk_BH, 0.0)
        losses_BH = softplus(torch.where(back_BH, -logits_BH, logits_BH))
        return losses_BH.masked_fill(~at_risk_BH, 0.0).sum(1)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        """``return_probability`` within H days ``[B]``, ``return_by_day`` and ``return_hazard``, ``[B, H]``.

        Column d - 1 of ``return_by_day`` is the chance to be back within d days; it never falls with d.
        """
        by_day_BH = self._by_day(parameters)
        return {
            "return_probability": by_day_BH[:, -1],
            "return_by_day": by_day_BH,
            "return_hazard": torch.sigmoid(parameters),
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """First day by which the chance to be back is at least ``level``, ``[B]``; ``inf`` beyond H."""
        return first_day_reaching(self._by_day(parameters), level)

    def _by_day(self, parameters: Tensor) -> Tensor:
        # A sum of logarithms: ONNX has a cumulative sum and no cumulative product.
        # Not 1 - exp, which leaves a chance of one in a million no digits, and a product takes its logarithm.
        return -torch.expm1(-torch.cumsum(softplus(parameters), dim=1))
