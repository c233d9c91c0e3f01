from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.models.fitted import with_state
from holdfast.models.heads.cread import Cread, calibrated_levels

EDGES = (0.0, 5.0, 12.0, 30.0, 80.0)
CHANCES = (0.8, 0.5, 0.2)
BASE = tuple(math.log(chance / (1.0 - chance)) for chance in CHANCES)


def head_with(**settings: float) -> Cread:
    return with_state(
        Cread(num_thresholds=3, **settings), edges=EDGES, base_logits=BASE, mean_seconds=20.0, notes=()
    )


HEAD = head_with()
ZERO = torch.zeros(1, 3, dtype=torch.float64)


def outcome_of(seconds: list[float], event: list[bool], content: list[float] | None = None) -> Outcome:
    known = torch.ones(len(seconds), dtype=torch.bool)
    lengths = None if content is None else torch.tensor(content, dtype=torch.float64)
    return Outcome(torch.tensor(seconds, dtype=torch.float64), torch.tensor(event), known, lengths)


def test_chances_fall_and_start_at_the_train_windows() -> None:
    assert torch.sigmoid(HEAD.logits(ZERO))[0].tolist() == pytest.approx(CHANCES)
    wild = HEAD.logits(5.0 * torch.randn(50, 3, dtype=torch.float64))
    assert bool((wild[:, 1:] < wild[:, :-1]).all())


def test_loss_by_hand() -> None:
    """Questions are asked of thresholds 5, 12 and 30, where their answer could be seen."""
    longer, shorter = [-math.log(each) for each in CHANCES], [-math.log(1.0 - each) for each in CHANCES]
    cases = [
        # (seconds, ended, content, answers)
        (8.0, True, 100.0, longer[0] + shorter[1] + shorter[2]),
        (8.0, True, 20.0, longer[0] + shorter[1]),  # beyond 20 seconds nothing could be seen
        (20.0, False, 20.0, longer[0] + longer[1]),  # cut off by the end
        (8.0, False, 100.0, longer[0]),  # cut off by time
        (4.0, False, 4.0, 0.0),  # nothing was asked
        (12.0, True, math.inf, longer[0] + shorter[1] + shorter[2]),  # at a threshold is not beyond it
    ]
    seconds, event, content, expected = (list(column) for column in zip(*cases, strict=True))
    losses = HEAD.negative_log_likelihood(ZERO.expand(6, 3), outcome_of(seconds, event, content))
    assert losses.tolist() == pytest.approx([each / 3.0 for each in expected], abs=1e-12)
    # Without lengths every end is an answer to every question.
    alone = HEAD.negative_log_likelihood(ZERO, outcome_of([8.0], [True]))
    assert alone.item() == pytest.approx((longer[0] + shorter[1] + shorter[2]) / 3.0)


def test_expected_stay_by_hand() -> None:
    outputs = HEAD.predict(ZERO.expand(2, 3), torch.tensor([math.inf, 12.0], dtype=torch.float64))
    # The mean height of each side of a bin, times its width.
    whole = 5 * 0.9 + 7 * 0.65 + 18 * 0.35 + 50 * 0.1
    assert outputs["dwell_seconds"].tolist() == pytest.approx([whole, 5 * 0.9 + 7 * 0.65])
    assert outputs["dwell_longer_probability"][0].tolist() == pytest.approx(CHANCES)


def test_restoration_adds_the_huber_distance_of_the_mean() -> None:
    head = head_with(restoration_weight=0.5)
    outcome = outcome_of([8.0, 12.0], [True, False], [100.0, 12.0])
    plain, more = (each.negative_log_likelihood(ZERO.expand(2, 3), outcome) for each in (HEAD, head))
    whole, capped = 5 * 0.9 + 7 * 0.65 + 18 * 0.35 + 50 * 0.1, 5 * 0.9 + 7 * 0.65
    expected = [0.25 * ((whole - 8.0) / 20.0) ** 2, 0.25 * ((capped - 12.0) / 20.0) ** 2]
    assert (more - plain).tolist() == pytest.approx(expected)


def test_thresholds_move_into_the_tail_with_adaptation() -> None:
    share = np.array([0.25, 0.5, 0.75])
    assert calibrated_levels(share, 0.0).tolist() == share.tolist()
    by_hand = [(1 - math.exp(-2 * each)) / (1 - math.exp(-2)) for each in share]
    assert calibrated_levels(share, 2.0).tolist() == pytest.approx(by_hand)
    rng = np.random.default_rng(2)
    stay = rng.lognormal(3.0, 1.0, 4000)
    columns = {
        "event": np.ones(4000, dtype=bool),
        "known": np.ones(4000, dtype=bool),
        "content_seconds": np.full(4000, np.inf),
        "weight": np.ones(4000),
    }
    even, tail = (Cread(num_thresholds=3, adaptation=each).fitted(stay, **columns) for each in (0.0, 3.0))
    assert even.edges is not None
    assert tail.edges is not None
    np.testing.assert_allclose(even.edges[1:-1], np.quantile(stay, [0.25, 0.5, 0.75]), rtol=0.01)
    assert all(low < high for low, high in zip(even.edges[1:-1], tail.edges[1:-1], strict=True))
    fresh = tail.predict(torch.zeros(1, 3, dtype=torch.float64), torch.tensor([math.inf]))
    shares = [(stay > edge).mean() for edge in tail.edges[1:-1]]
    assert fresh["dwell_longer_probability"][0].tolist() == pytest.approx(shares, abs=1e-3)


def made_stays(generator: torch.Generator) -> Tensor:
    """Drawn from the head's own distribution at parameters of 0."""
    drops = torch.tensor([0.2, 0.3, 0.3, 0.2])
    bins = torch.multinomial(drops, 4000, replacement=True, generator=generator)
    edges = torch.tensor(EDGES, dtype=torch.float64)
    place = torch.rand(4000, generator=generator, dtype=torch.float64)
    return edges[bins] + place * (edges[bins + 1] - edges[bins])


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_parameters_are_recovered_and_not_when_censoring_is_ignored(
    censored, recover, cut, naive, half_cut
) -> None:
    generator = torch.Generator().manual_seed(8)
    stay = made_stays(generator)
    content = half_cut(stay, generator) if censored else torch.full_like(stay, math.inf)
    if censored:  # some content is long enough to ask the last question
        content = torch.where(torch.rand(4000, generator=generator) < 0.2, 100.0, content)
    outcome = cut(stay, content)
    assert outcome.event.double().mean().item() == pytest.approx(0.6 if censored else 1.0, abs=0.06)
    assert recover(HEAD, outcome).finds(ZERO[0])
    assert recover(HEAD, naive(outcome)).finds(ZERO[0]) == (not censored)


@pytest.mark.parametrize(
    "settings", [{"num_thresholds": 1}, {"adaptation": -1.0}, {"restoration_weight": math.inf}]
)
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Cread(**settings)
