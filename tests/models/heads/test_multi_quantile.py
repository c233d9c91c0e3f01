from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.models.fitted import with_state
from holdfast.models.heads.multi_quantile import MultiQuantile

QUANTILES = (5.0, 15.0, 40.0)
BASE = tuple(np.diff(np.log1p(QUANTILES), prepend=0.0).tolist())
HEAD = with_state(MultiQuantile(levels=[0.25, 0.5, 0.75]), base=BASE, notes=())
ZERO = torch.zeros(1, 3, dtype=torch.float64)


def test_a_fresh_model_predicts_the_train_windows_quantiles() -> None:
    outputs = HEAD.predict(ZERO, torch.tensor([math.inf], dtype=torch.float64))
    assert outputs["dwell_quantile_seconds"][0].tolist() == pytest.approx(QUANTILES, abs=0.01)
    assert HEAD.quantile(ZERO, 0.5).item() == pytest.approx(15.0, abs=0.01)


def test_quantiles_never_cross() -> None:
    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        wild = 30.0 * torch.randn(500, 3, generator=generator).to(dtype)
        outputs = HEAD.predict(wild, torch.full((500,), math.inf, dtype=dtype))["dwell_quantile_seconds"]
        assert bool((outputs[:, 1:] > outputs[:, :-1]).all())


def test_loss_by_hand() -> None:
    def pinball(seconds: float, cap: float = math.inf) -> float:
        total = 0.0
        for level, quantile in zip((0.25, 0.5, 0.75), QUANTILES, strict=True):
            gap = math.log1p(seconds) - math.log1p(min(quantile, cap))
            total += max(level * gap, (level - 1.0) * gap)
        return 2.0 * total / 3.0

    cases = [
        (20.0, True, math.inf, pinball(20.0)),
        (20.0, True, 30.0, pinball(20.0, cap=30.0)),  # a quantile beyond the end counts as the end
        (30.0, False, 30.0, pinball(30.0, cap=30.0)),  # those below it were surely passed
        (20.0, False, 100.0, pinball(20.0, cap=20.0)),  # cut off by time
    ]
    seconds, event, content, expected = (list(column) for column in zip(*cases, strict=True))
    outcome = Outcome(
        torch.tensor(seconds, dtype=torch.float64),
        torch.tensor(event),
        torch.ones(4, dtype=torch.bool),
        torch.tensor(content, dtype=torch.float64),
    )
    losses = HEAD.negative_log_likelihood(ZERO.expand(4, 3), outcome)
    assert losses.tolist() == pytest.approx(expected)
    assert expected[2] > 0.0


def test_expected_stay_by_hand() -> None:
    end = math.expm1(2 * math.log1p(40.0) - math.log1p(15.0))
    corners = [(0.0, 1.0), (5.0, 0.75), (15.0, 0.5), (40.0, 0.25), (end, 0.0)]
    whole = sum((t1 - t0) * (s0 + s1) / 2.0 for (t0, s0), (t1, s1) in pairwise(corners))
    capped = 5.0 * (1.0 + 0.75) / 2.0 + 10.0 * (0.75 + 0.5) / 2.0
    outputs = HEAD.predict(ZERO.expand(2, 3), torch.tensor([math.inf, 15.0], dtype=torch.float64))
    assert outputs["dwell_seconds"].tolist() == pytest.approx([whole, capped], abs=0.01)


def minimum(head: MultiQuantile, outcome: Outcome) -> Tensor:
    """Quantiles in log(1 + seconds) with the least loss; the loss has corners, so by many small steps."""
    parameters = torch.zeros(len(head.levels), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([parameters], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for _ in range(600):
        optimizer.zero_grad()
        expanded = parameters.expand(len(outcome.value), -1)
        head.negative_log_likelihood(expanded, outcome).mean().backward()
        optimizer.step()
        schedule.step()
    return head.log_quantiles(parameters.detach()[None])[0]


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_quantiles_are_recovered_and_not_when_censoring_is_ignored(censored, cut, naive) -> None:
    generator = torch.Generator().manual_seed(5)
    rows = 4000
    stay = torch.exp(3.0 + 0.8 * torch.randn(rows, generator=generator, dtype=torch.float64))
    content = torch.full_like(stay, math.inf)
    if censored:
        content = 6.0 + 32.0 * torch.rand(rows, generator=generator, dtype=torch.float64)
    outcome = cut(stay, content)
    assert outcome.event.double().mean().item() == pytest.approx(0.5 if censored else 1.0, abs=0.05)
    head = with_state(MultiQuantile(levels=[0.1, 0.3, 0.6]), base=BASE, notes=())
    law = stats.lognorm(0.8, scale=math.exp(3.0))
    levels = np.array(head.levels)
    seconds = law.ppf(levels)
    # Only rows whose content is longer than a quantile say on which side of it they are.
    telling = rows * (content.numpy()[:, None] > seconds).mean(0)
    density = law.pdf(seconds) * (1.0 + seconds)
    error = np.sqrt(levels * (1.0 - levels) / telling) / density
    found = minimum(head, outcome).numpy()
    assert (np.abs(found - np.log1p(seconds)) < 3.0 * error).all()
    ignored = minimum(head, naive(outcome)).numpy()
    assert (np.abs(ignored - np.log1p(seconds)) < 3.0 * error).all() == (not censored)


@pytest.mark.parametrize("levels", [[0.5], [0.5, 0.4], [0.0, 0.5], [0.5, 1.0]])
def test_levels_out_of_range_are_named(levels: list[float]) -> None:
    with pytest.raises(ValueError, match="levels"):
        MultiQuantile(levels=levels)
