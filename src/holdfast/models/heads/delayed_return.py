"""Whether somebody ever comes back, and how long it takes: late labels corrected by the time elapsed.

B rows, H days of the horizon.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from holdfast.core.batch import Outcome
from holdfast.core.return_head import ReturnTarget
from holdfast.models.heads.return_days import check_horizon, first_day_reaching


@dataclass(frozen=True, kw_only=True)
class DelayedReturn:
    r"""Back at all with chance :math:`p = \sigma(x_1)`; if so, after an exponential delay in whole days.

    With the rate :math:`\lambda = \log(1 + e^{x_2})` the delay is d days with chance
    :math:`e^{-\lambda (d - 1)} - e^{-\lambda d}`. Back on day d, or not back e days later (censored):

    .. math:: -\log p + \lambda (d - 1) - \log(1 - e^{-\lambda})
              \quad \text{or} \quad -\log(1 - p + p \, e^{-\lambda e})

    So an absence of one day is weak evidence of leaving and one of a month is strong. Counting whoever is not
    back *yet* as one who never comes back would take p for far too small.

    p is about a time that the log does not reach: where hardly any delay is longer than what was watched, it
    is well told apart from a slow rate, and badly where most are. The chance to be back *within* what was
    watched is well told in any case.

    Attributes:
        horizon_days: H, at least 1: days of ``return_by_day``; the loss uses whatever was watched.

    Source: Chapelle (2014), whose delay is continuous; in whole days its law is geometric.
    """

    horizon_days: int = 7

    def __post_init__(self) -> None:
        check_horizon(self.horizon_days)

    @property
    def num_parameters(self) -> int:
        """Two numbers a row: the log odds to be back at all, and of the delay's daily hazard."""
        return 2

    @property
    def score(self) -> str:
        """The chance to be back within the horizon ranks, as for other heads."""
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
        """Two: a second day tells those who take longer from those who are gone."""
        return min(2, self.horizon_days)

    def negative_log_likelihood(self, parameters: Tensor, outcome: Outcome) -> Tensor:
        """Loss of each row ``[B]``; 0 where not known, or where no day was watched."""
        watched = outcome.known & (outcome.value.masked_fill(~outcome.known, 0.0) >= 1.0)
        # Mask first: a NaN in a masked row would otherwise reach the gradient.
        parameters = parameters.masked_fill(~watched[:, None], 0.0)
        ever, slow = parameters[:, 0], parameters[:, 1]
        days = outcome.value.masked_fill(~watched, 1.0).to(ever.dtype)
        rate = softplus(slow)
        # log(1 - e^-rate) = -softplus(-slow), and 1 - p + p s = (1 + e^(ever + log s)) / (1 + e^ever).
        of_event = softplus(-ever) + rate * (days - 1.0) + softplus(-slow)
        of_censored = softplus(ever) - softplus(ever - rate * days)
        losses = torch.where(outcome.event, of_event, of_censored)
        return losses.masked_fill(~watched, 0.0)

    def predict(self, parameters: Tensor, content_seconds: Tensor) -> dict[str, Tensor]:
        r"""``return_probability`` within H days ``[B]``, ``return_by_day`` ``[B, H]``, and their parts.

        ``ever_return_probability`` is p, ``[B]``, and ``return_delay_days`` the mean delay of those who come
        back, :math:`1 / (1 - e^{-\lambda})`, ``[B]``; at most a million days.
        """
        by_day_BH = self._by_day(parameters)
        return {
            "return_probability": by_day_BH[:, -1],
            "return_by_day": by_day_BH,
            "ever_return_probability": torch.sigmoid(parameters[:, 0]),
            "return_delay_days": 1.0 + torch.exp((-parameters[:, 1]).clamp(max=13.8)),
        }

    def quantile(self, parameters: Tensor, level: float) -> Tensor:
        """First day by which the chance to be back is at least ``level``, ``[B]``; ``inf`` beyond H."""
        return first_day_reaching(self._by_day(parameters), level)

    def _by_day(self, parameters: Tensor) -> Tensor:
        days_H = torch.arange(1, self.horizon_days + 1, dtype=parameters.dtype, device=parameters.device)
        return torch.sigmoid(parameters[:, :1]) * -torch.expm1(-softplus(parameters[:, 1:]) * days_H)
