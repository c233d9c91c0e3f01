from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from holdfast.core.batch import Outcome
from holdfast.models.fitted import with_state
from holdfast.models.heads.d2q import D2Q

# Short content: even over 10 seconds; long content: even over 100.
SHORT, LONG = (tuple(seconds * level / 100.0 for level in range(101)) for seconds in (10.0, 100.0))
HEAD = with_state(
    D2Q(num_buckets=2, residual_scale=0.2), duration_edges=(20.0,), tables=(SHORT, LONG), notes=()
)
ONE = with_state(D2Q(num_buckets=1, residual_scale=0.12), duration_edges=(), tables=(LONG,), notes=())
ZERO = torch.zeros(1, 1, dtype=torch.float64)


def test_loss_by_hand() -> None:
    # The quantile of 3 seconds is .3 on short content and .03 on long content; the head says .5.
    outcome = Outcome(
        torch.tensor([3.0, 3.0, 3.0], dtype=torch.float64),
        torch.tensor([True, True, False]),
        torch.tensor([True, True, True]),
        torch.tensor([20.0, 20.5, 10.0], dtype=torch.float64),
    )
    losses = HEAD.negative_log_likelihood(ZERO.expand(3, 1), outcome)
    normal = stats.norm(0.5, 0.2)
    assert losses.tolist() == pytest.approx([-normal.logpdf(0.3), -normal.logpdf(0.03), -normal.logsf(0.3)])


def test_the_median_is_the_authors_prediction() -> None:
    logit = torch.full((3, 1), math.log(0.3 / 0.7), dtype=torch.float64)
    content = torch.tensor([15.0, 60.0, 25.0], dtype=torch.float64)
    outputs = HEAD.predict(logit, content)
    assert outputs["dwell_median_seconds"].tolist() == pytest.approx([3.0, 30.0, 25.0])
    assert outputs["dwell_quantile_in_bucket"].tolist() == pytest.approx([0.3] * 3)


def test_the_expected_stay_is_the_mean_of_the_distribution() -> None:
    outputs = HEAD.predict(ZERO.expand(2, 1), torch.tensor([200.0, 40.0], dtype=torch.float64))
    for found, cap in zip(outputs["dwell_seconds"].tolist(), (100.0, 40.0), strict=True):
        expected, _ = integrate.quad(lambda t: stats.norm.cdf((0.5 - t / 100.0) / 0.2), 0.0, cap)
        assert found == pytest.approx(expected, rel=1e-4)


def test_quantiles_are_those_of_the_bucket() -> None:
    content = torch.tensor([15.0, 60.0], dtype=torch.float64)
    level = float(stats.norm.cdf((0.7 - 0.5) / 0.2))
    assert HEAD.quantile(ZERO.expand(2, 1), level, content).tolist() == pytest.approx([7.0, 70.0])
    # Content that nobody gives a length is the longest.
    assert HEAD.quantile(ZERO, level).item() == pytest.approx(70.0)


def test_buckets_take_the_length_out_of_the_quantile() -> None:
    """Dwell is a share of the content; a head without buckets would see the length in every quantile."""
    rng = np.random.default_rng(3)
    content = rng.choice([20.0, 60.0, 180.0], 6000)
    stay = content * rng.beta(2.0, 3.0, 6000)
    columns = {
        "event": np.ones(6000, dtype=bool),
        "known": np.ones(6000, dtype=bool),
        "weight": np.ones(6000),
    }
    head = D2Q(num_buckets=3).fitted(stay, content_seconds=content, **columns)
    assert head.duration_edges == (20.0, 60.0)
    assert head.notes == ()
    medians = head.predict(torch.zeros(3, 1), torch.tensor([20.0, 60.0, 180.0]))["dwell_median_seconds"]
    expected = [np.median(stay[content == each]) for each in (20.0, 60.0, 180.0)]
    assert medians.tolist() == pytest.approx(expected, rel=0.02)


def test_small_buckets_join_and_notes_say_so() -> None:
    rng = np.random.default_rng(3)
    content = np.r_[np.full(300, 20.0), np.full(10, 60.0)]
    stay = np.minimum(rng.exponential(30.0, 310), content)
    head = D2Q(num_buckets=5, min_bucket_rows=50).fitted(
        stay,
        event=stay < content,
        known=np.ones(310, dtype=bool),
        content_seconds=content,
        weight=np.ones(310),
    )
    assert head.duration_edges == ()
    assert head.notes is not None
    assert len(head.notes) == 1 or "cut off" in head.notes[1]
    assert "1 buckets of duration instead of 5" in head.notes[0]


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_the_quantile_is_recovered_and_not_when_censoring_is_ignored(
    censored, recover, cut, naive, half_cut
) -> None:
    generator = torch.Generator().manual_seed(2)
    true = torch.tensor([math.log(0.45 / 0.55)], dtype=torch.float64)
    level = 0.45 + 0.12 * torch.randn(4000, generator=generator, dtype=torch.float64)
    stay = 100.0 * level.clamp(0.0, 1.0)
    content = half_cut(stay, generator) if censored else torch.full_like(stay, math.inf)
    outcome = cut(stay, content)
    assert outcome.event.double().mean().item() == pytest.approx(0.5 if censored else 1.0, abs=0.05)
    assert recover(ONE, outcome).finds(true)
    assert recover(ONE, naive(outcome)).finds(true) == (not censored)


@pytest.mark.parametrize("settings", [{"num_buckets": 0}, {"min_bucket_rows": 1}, {"residual_scale": 0.0}])
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        D2Q(**settings)
