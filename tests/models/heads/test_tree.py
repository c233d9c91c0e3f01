from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from holdfast.core.batch import Outcome
from holdfast.models.fitted import with_state
from holdfast.models.heads.tree import Tree

EDGES = (0.0, 5.0, 12.0, 30.0, 80.0)
HEAD = with_state(Tree(depth=2), edges=EDGES, notes=())
# Above 12 with chance 1/4; below it, above 5 with 1/2; above it, above 30 with 2/3.
PARAMETERS = torch.tensor([[-math.log(3.0), 0.0, math.log(2.0)]], dtype=torch.float64)
PROBABILITY = [0.375, 0.375, 1.0 / 12.0, 1.0 / 6.0]


def outcome_of(seconds: list[float], event: list[bool]) -> Outcome:
    known = torch.ones(len(seconds), dtype=torch.bool)
    return Outcome(torch.tensor(seconds, dtype=torch.float64), torch.tensor(event), known)


def test_a_bins_probability_is_the_product_on_its_way() -> None:
    assert HEAD.log_probabilities(PARAMETERS).exp()[0].tolist() == pytest.approx(PROBABILITY)
    deep = with_state(Tree(depth=4), edges=tuple(range(17)), notes=())
    total = deep.log_probabilities(torch.randn(5, 15, dtype=torch.float64)).exp().sum(1)
    assert total.tolist() == pytest.approx([1.0] * 5)


def test_loss_by_hand() -> None:
    seconds, event = [3.0, 20.0, 200.0, 8.5, 40.0, 0.0], [True, True, True, False, False, False]
    losses = HEAD.negative_log_likelihood(PARAMETERS.expand(6, 3), outcome_of(seconds, event))
    # Cut at 8.5, the middle of the second bin: half of it, and all later. Cut in the last bin: that bin.
    chances = [0.375, 1.0 / 12.0, 1.0 / 6.0, 0.375 / 2 + 0.25, 1.0 / 6.0, 1.0]
    assert losses.tolist() == pytest.approx([-math.log(chance) for chance in chances], abs=1e-12)


def test_expected_stay_by_hand() -> None:
    outputs = HEAD.predict(PARAMETERS.expand(2, 3), torch.tensor([math.inf, 12.0], dtype=torch.float64))
    middles = (2.5, 8.5, 21.0, 55.0)
    whole = sum(chance * middle for chance, middle in zip(PROBABILITY, middles, strict=True))
    capped = 0.375 * 2.5 + 0.375 * 8.5 + 0.25 * 12.0
    assert outputs["dwell_seconds"].tolist() == pytest.approx([whole, capped])
    assert outputs["dwell_bin_probability"][0].tolist() == pytest.approx(PROBABILITY)
    assert HEAD.quantile(PARAMETERS, 0.375 + 0.375 / 2).item() == pytest.approx(8.5)


def test_bins_hold_equal_shares_of_the_train_window() -> None:
    rng = np.random.default_rng(2)
    stay = rng.lognormal(3.0, 1.0, 5000)
    head = Tree(depth=3).fitted(
        stay,
        event=np.ones(5000, dtype=bool),
        known=np.ones(5000, dtype=bool),
        content_seconds=np.full(5000, np.inf),
        weight=np.ones(5000),
    )
    assert head.edges is not None
    counts, _ = np.histogram(stay, bins=[*head.edges[:-1], np.inf])
    assert counts.tolist() == pytest.approx([625] * 8, abs=2)
    last = stay[stay > head.edges[-2]]
    assert (head.edges[-1] + head.edges[-2]) / 2.0 == pytest.approx(last.mean())
    # A model that has learned nothing predicts the train window's distribution, and nearly its mean.
    fresh = head.predict(torch.zeros(1, 7, dtype=torch.float64), torch.tensor([math.inf]))
    assert fresh["dwell_bin_probability"][0].tolist() == pytest.approx([0.125] * 8)
    assert fresh["dwell_seconds"].item() == pytest.approx(stay.mean(), rel=0.03)


@pytest.mark.parametrize("censored", [False, True], ids=["all seen", "half cut off"])
def test_parameters_are_recovered_and_not_when_censoring_is_ignored(
    censored, recover, cut, naive, half_cut
) -> None:
    generator = torch.Generator().manual_seed(6)
    bins = torch.multinomial(torch.tensor(PROBABILITY), 4000, replacement=True, generator=generator)
    edges = torch.tensor(EDGES, dtype=torch.float64)
    place = torch.rand(4000, generator=generator, dtype=torch.float64)
    stay = edges[bins] + place * (edges[bins + 1] - edges[bins])
    content = half_cut(stay, generator) if censored else torch.full_like(stay, math.inf)
    if censored:  # some content is long enough to show the upper bins
        content = torch.where(torch.rand(4000, generator=generator) < 0.2, 100.0, content)
    outcome = cut(stay, content)
    assert outcome.event.double().mean().item() == pytest.approx(0.6 if censored else 1.0, abs=0.06)
    assert recover(HEAD, outcome).finds(PARAMETERS[0])
    assert recover(HEAD, naive(outcome)).finds(PARAMETERS[0]) == (not censored)


@pytest.mark.parametrize("depth", [0, 9])
def test_settings_out_of_range_are_named(depth: int) -> None:
    with pytest.raises(ValueError, match="depth"):
        Tree(depth=depth)
