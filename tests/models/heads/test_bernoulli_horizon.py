from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from holdfast.core.batch import Outcome
from holdfast.models.heads.bernoulli_horizon import BernoulliHorizon

HEAD = BernoulliHorizon(horizon_days=3)


@pytest.mark.parametrize(
    ("value", "event", "loss"),
    [
        (1.0, True, -math.log(0.6)),
        (3.0, True, -math.log(0.6)),
        (4.0, True, -math.log(0.4)),
        (3.0, False, -math.log(0.4)),
        (5.0, False, -math.log(0.4)),
        # Watched for two days of three and not back: no answer yet.
        (2.0, False, 0.0),
    ],
)
def test_loss_by_hand(value: float, event: bool, loss: float) -> None:
    parameters = torch.logit(torch.tensor([[0.6]], dtype=torch.float64))
    outcome = Outcome(torch.tensor([value]), torch.tensor([event]), torch.tensor([True]))
    assert HEAD.negative_log_likelihood(parameters, outcome).item() == pytest.approx(loss, abs=1e-12)


def test_predictions_and_quantile_by_hand() -> None:
    parameters = torch.logit(torch.tensor([[0.6], [0.2]], dtype=torch.float64))
    outputs = HEAD.predict(parameters, torch.ones(2))
    np.testing.assert_allclose(outputs["return_probability"].numpy(), [0.6, 0.2], rtol=1e-12)
    assert HEAD.quantile(parameters, 0.5).tolist() == [3.0, math.inf]
    assert (HEAD.target, HEAD.predicted_days, HEAD.days_needed) == ("matured", (3,), 3)


def test_the_chance_is_recovered_from_matured_rows_and_by_neither_shortcut(maximum_likelihood) -> None:
    rng = np.random.default_rng(11)
    gap, watched = rng.geometric(0.25, 20_000), rng.integers(1, 6, 20_000)
    matured, event = watched >= 3, gap <= watched
    value = np.where(event, gap, watched)
    assert (~matured).mean() == pytest.approx(0.4, abs=0.02)
    true = math.log((1 - 0.75**3) / 0.75**3)
    found, error, _ = maximum_likelihood(HEAD, value, event, known=matured)
    assert abs(found[0] - true) < 3 * error[0]
    # Early returns among the rows and early absences not: everybody looks loyal.
    early, early_error, _ = maximum_likelihood(HEAD, value, event)
    assert early[0] - true > 3 * early_error[0]
    # Not yet taken for not: nobody does.
    never, never_error, _ = maximum_likelihood(HEAD, np.where(event, value, 3), event)
    assert true - never[0] > 3 * never_error[0]


def test_a_horizon_of_no_days_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon_days is 0"):
        BernoulliHorizon(horizon_days=0)
