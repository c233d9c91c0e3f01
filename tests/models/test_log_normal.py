from __future__ import annotations

import numpy as np
import torch
from scipy import stats

from holdfast.models.log_normal import capped_mean, log_normal_cdf


def test_the_normal_distribution_is_precise_in_both_tails() -> None:
    z = np.array([-30.0, -8.0, -1.0, 0.0, 0.5, 5.0, 30.0])
    np.testing.assert_allclose(
        log_normal_cdf(torch.tensor(z)).numpy(), stats.norm.logcdf(z), rtol=1e-6, atol=1e-7
    )


def test_a_cap_that_is_never_reached_leaves_the_mean() -> None:
    mean, scale = torch.tensor([1.0], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    found = capped_mean(mean, scale, torch.tensor([1e6], dtype=torch.float64))
    np.testing.assert_allclose(found.numpy(), np.exp(1.0 + 0.125), rtol=1e-6)
