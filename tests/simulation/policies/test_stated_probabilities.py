from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.stated_probabilities import StatedProbabilities
from holdfast.simulation.policy import Requests

Make = Callable[..., Requests]


@dataclass(frozen=True)
class Says:
    values: Floats

    def probabilities(self, requests: Requests) -> Floats:
        return self.values


def test_the_first_slot_has_the_stated_chances(requests_for: Make):
    stated = np.array([0.5, 0.3, 0.0, 0.2])
    requests = requests_for(2000, candidates=(3, 9, 4, 7))
    slates = StatedProbabilities(chooser=Says(np.tile(stated, (2000, 1)))).choose(requests)
    np.testing.assert_allclose(slates.propensity[:, 0], stated[slates.position[:, 0]])
    assert not (slates.position == 2).any()
    one, other = stated[slates.position].T
    np.testing.assert_allclose(slates.slate_propensity, one * other / (1.0 - one))


def test_as_good_as_zero_is_zero(requests_for: Make):
    chooser = Says(np.array([[0.5, 0.5, 1e-320]]))
    slates = StatedProbabilities(chooser=chooser).choose(requests_for(1, candidates=(3, 9, 4)))
    assert 2 not in slates.position


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0.5, 0.4, 0.2]], "the probabilities of 1 of 1 requests do not sum to 1, the first to 1.1"),
        ([[0.5, 0.5, np.nan]], "1 of 3 probabilities are NaN or outside 0 to 1"),
        ([[1.2, -0.1, -0.1]], "3 of 3 probabilities are NaN or outside 0 to 1"),
        ([[1.0, 0.0, 0.0]], "1 of 1 requests have fewer candidates with a probability above 0 than the 2"),
        ([[0.5, 0.5]], r"probabilities have shape \(1, 2\), and the candidates \(1, 3\)"),
    ],
)
def test_what_is_no_probability_names_the_policy_and_the_day(
    values: list[list[float]], message: str, requests_for: Make
):
    policy = StatedProbabilities(chooser=Says(np.array(values)), ranker="mine", version=2)
    with pytest.raises(ValueError, match=rf"policy 'mine/probabilities@2' \(Says\) on day 4: {message}"):
        policy.choose(requests_for(1, candidates=(3, 9, 4)))
