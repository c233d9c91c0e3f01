"""On which day somebody is back, when people differ in how readily they come back.

B rows, H days of the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from holdfast.core.batch import Outcome
from holdfast.core.return_head import ReturnTarget
from holdfast.models.heads.return_days import check_horizon, first_day_reaching, risk_days


@dataclass(frozen=True, kw_only=True)
class BetaGeometric:
    r"""A daily chance of return that is each user's own, and Beta(a, b) among users who look alike.

    Each one's hazard is constant, and yet that of a crowd falls, because those who come back readily are gone
    from it. With the mean :math:`\mu = a / (a + b) = \sigma(x_1)` and the spread
    :math:`\theta = 1 / (a + b) = e^{x_2}`, the hazard on day d and the share not back within d days are

    .. math:: h_d = \frac{\mu}{1 + (d - 1) \theta} = \frac{a}{a + b + d - 1}, \qquad
              S_d = \prod_{j \le d} (1 - h_j) = \frac{B(a, b + d)}{B(a, b)}

    and the loss is that of a discrete hazard: back on day v, or not back within v days (censored),

    .. math:: -\log S_{v-1} - \log h_v \quad \text{or} \quad -\log S_v

    As theta goes to 0 this is the geometric law, one constant hazard for all; data decide. Two numbers a row
    carry any horizon, also one that few rows were watched for, if the form is right.

    Attributes:
        horizon_days: H, at least 1; days beyond it are not looked at.

    Source: Weinberg and Gladen (1986) for the hazard in terms of mu and theta; Fader and Hardie (2007) for
    the survival of customers.
    """

    horizon_days: int = 7

    def __post_init__(self) -> None:
        check_horizon(self.horizon_days)

    @property
    def num_parameters(self) -> int:
        """Two numbers a row: the log odds of the mean, the logarithm of the spread."""
        return 2

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
        """Two: a second day tells whether the hazard falls; the others follow from the form."""
        return min(2, self.horizon_days)

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known, or where no day was watched."""
        at_risk_BH, back_BH = risk_days(outcome, horizon_days=self.horizon_days)
        # Mask first: a NaN in a masked row would otherwise reach the gradient.
        back, not_back = self._log_hazard(parameters.masked_fill(~at_risk_BH.any(1, keepdim=True), 0.0))
        losses_BH = -torch.where(back_BH, back, not_back)
        return losses_BH.masked_fill(~at_risk_BH, 0.0).sum(1)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        r"""``return_probability`` within H days ``[B]``, ``return_by_day`` and ``return_hazard``, ``[B, H]``.

        Column d - 1 of ``return_by_day`` is the chance to be back within d days. ``return_correlation``
        ``[B]``, :math:`\theta / (1 + \theta)`, says how unlike people who look alike are: 0 for not at all,
        1 where some always come back at once and the others never.
        """
        back_BH, not_back_BH = self._log_hazard(parameters)
        by_day_BH = -torch.expm1(torch.cumsum(not_back_BH, dim=1))
        return {
            "return_probability": by_day_BH[:, -1],
            "return_by_day": by_day_BH,
            "return_hazard": back_BH.exp(),
            "return_correlation": torch.sigmoid(parameters[:, 1]),
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """First day by which the chance to be back is at least ``level``, ``[B]``; ``inf`` beyond H."""
        _, not_back_BH = self._log_hazard(parameters)
        return first_day_reaching(-torch.expm1(torch.cumsum(not_back_BH, dim=1)), level)

    def _log_hazard(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        r""":math:`\log h_d` and :math:`\log(1 - h_d)`, ``[B, H]`` each.

        In logarithms throughout, where neither a mean near 1 nor a spread near 0 loses its digits:
        :math:`1 - h_d = (1 - \mu + (d - 1) \theta) / (1 + (d - 1) \theta)`.
        """
        mean_B1, spread_B1 = parameters[:, :1], parameters[:, 1:]
        # The first day is apart: the logarithm of d - 1 = 0 is not a number to calculate with.
        earlier_1 = [math.log(day - 1) for day in range(2, self.horizon_days + 1)]
        later = spread_B1 + torch.tensor(earlier_1, dtype=parameters.dtype, device=parameters.device)
        below = softplus(later)
        # log(u + v) = log u + softplus(log v - log u)
        not_back = -softplus(mean_B1) + softplus(later + softplus(mean_B1)) - below
        return (
            torch.cat([-softplus(-mean_B1), -softplus(-mean_B1) - below], dim=1),
            torch.cat([-softplus(mean_B1), not_back], dim=1),
        )
