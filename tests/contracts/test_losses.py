"""What the way from rows' losses to a batch's loss must keep, for any head and any weights."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from holdfast.core.batch import Outcome
from holdfast.core.propensity import Propensity
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.objectives.estimators.rows import Processes
from holdfast.objectives.losses import weighted_mean_terms
from holdfast.objectives.weighting import PropensityWeighting


def logged(values: np.ndarray) -> Propensity:
    return Propensity(values=values, meaning="item_in_slot", source="logged")


def rows_of(seed: int, rows: int) -> tuple[Tensor, Outcome]:
    generator = torch.Generator().manual_seed(seed)
    known = torch.rand(rows, generator=generator) < 0.7
    label = (torch.rand(rows, generator=generator) < 0.5).double().masked_fill(~known, math.nan)
    logits = torch.randn(rows, 1, generator=generator, dtype=torch.float64)
    return logits, Outcome(label, torch.ones(rows, dtype=torch.bool), known)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40))
def test_sure_choices_count_as_without_weights(seed: int, rows: int) -> None:
    logits, outcome = rows_of(seed, rows)
    losses = Bernoulli().negative_log_likelihood(logits, outcome)
    known = outcome.known.numpy()[:, None]
    ones = np.ones((rows, 1), dtype=np.float32)
    for kind in ("inverse_propensity", "none", "auto"):
        weights, _ = PropensityWeighting(kind=kind).weights(logged(np.ones(rows)), known, ones)
        weighted = weighted_mean_terms(
            losses, weight=torch.from_numpy(weights[:, 0]), where=outcome.known
        ).mean()
        expected = losses[outcome.known].mean() if outcome.known.any() else torch.zeros(())
        torch.testing.assert_close(weighted, expected.to(weighted.dtype))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(1, 40), scale=st.floats(0.1, 10.0))
def test_a_common_factor_of_all_propensities_does_not_matter(seed: int, rows: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    propensity = generator.uniform(0.02, 0.1, rows)
    known, ones = np.ones((rows, 1), dtype=bool), np.ones((rows, 1), dtype=np.float32)
    weighting = PropensityWeighting(kind="inverse_propensity", max_weight=1e6)
    once, _ = weighting.weights(logged(propensity), known, ones)
    scaled, _ = weighting.weights(logged(propensity * min(scale, 10.0)), known, ones)
    np.testing.assert_allclose(once, scaled, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(2, 40), cut=st.integers(1, 39))
def test_two_processes_average_to_one(seed: int, rows: int, cut: int) -> None:
    cut = min(cut, rows - 1)
    logits, outcome = rows_of(seed, rows)
    weight = torch.rand(rows, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def gradient(parts: list[slice]) -> Tensor:
        leaf = logits.clone().requires_grad_()
        losses = Bernoulli().negative_log_likelihood(leaf, outcome)
        total = outcome.known.sum().to(torch.float64)
        means = [
            weighted_mean_terms(losses[part], weight=weight[part], where=outcome.known[part]).mean(
                Processes(lambda _: total, len(parts))
            )
            for part in parts
        ]
        torch.stack(means).mean().backward()
        assert leaf.grad is not None
        return leaf.grad

    torch.testing.assert_close(gradient([slice(None)]), gradient([slice(cut), slice(cut, None)]))
