"""The gradient methods on a case solved by hand, against an independent implementation, at their edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from holdfast.objectives.balancing.aligned_mtl import aligned_mtl_weights
from holdfast.objectives.balancing.cagrad import cagrad_weights
from holdfast.objectives.balancing.imtl_g import imtl_g_weights
from holdfast.objectives.balancing.mgda import mgda_weights
from holdfast.objectives.balancing.nash_mtl import nash_mtl_weights
from holdfast.objectives.balancing.pcgrad import pcgrad_weights, random_orders
from holdfast.objectives.balancing.upgrad import upgrad_weights

JACOBIAN = torch.tensor([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]], dtype=torch.float64)


def pcgrad(gramian: Tensor, *, preference: Tensor | None = None) -> Tensor:
    orders = [list(range(len(gramian)))] * len(gramian)
    return pcgrad_weights(gramian, orders=orders, preference=preference)


def cagrad(gramian: Tensor, *, preference: Tensor | None = None) -> Tensor:
    return cagrad_weights(gramian, conflict_aversion=0.5, preference=preference)


def nash(gramian: Tensor, *, preference: Tensor | None = None) -> Tensor:
    return nash_mtl_weights(gramian, max_norm=1.0, preference=preference)


METHODS: dict[str, Callable[..., Tensor]] = {
    "mgda": mgda_weights,
    "pcgrad": pcgrad,
    "cagrad": cagrad,
    "nash_mtl": nash,
    "imtl_g": imtl_g_weights,
    "aligned_mtl": aligned_mtl_weights,
    "upgrad": upgrad_weights,
}
SCALE_FREE = [name for name in METHODS if name != "nash_mtl"]
methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def random_jacobian(seed: int, count: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    # Off the origin, so that some pairs oppose each other and some do not.
    return torch.randn(count, 8, dtype=torch.float64, generator=rng) - 0.2


def ridged(gramian: Tensor, *, share: float) -> Tensor:
    """As TorchJD prepares a Gramian for its projection."""
    return gramian / gramian.trace() + share * torch.eye(len(gramian), dtype=torch.float64)


def test_the_case_that_was_solved_by_hand() -> None:
    gramian = JACOBIAN @ JACOBIAN.T
    assert gramian.tolist() == [[18.0, -22.0], [-22.0, 38.0]]

    def combined(weights: Tensor) -> list[float]:
        return (weights @ JACOBIAN).tolist()

    # The nearest point to zero on a line: 60 / 100 of the way.
    assert combined(mgda_weights(gramian)) == pytest.approx([0.0, 1.0, 1.0], abs=1e-8)
    # Each half gradient gains as much of the other as makes them orthogonal: 22 / 38 and 22 / 18.
    first, second = 0.5 + 0.5 * 22 / 18, 0.5 + 0.5 * 22 / 38
    by_hand = [-4 * first + 6 * second, first + second, first + second]
    assert combined(upgrad_weights(gramian)) == pytest.approx(by_hand, abs=1e-8)
    assert combined(pcgrad(gramian)) == pytest.approx([2.0 * each for each in by_hand], abs=1e-8)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("mgda", (0.0, 1.0, 1.0)),
        ("imtl_g", (0.07670, 1.0, 1.0)),
        ("cagrad", (0.18350, 1.20412, 1.20412)),  # c = 0.5
        ("nash_mtl", (0.05415, 0.70607, 0.70607)),  # max_norm = 1
        ("pcgrad", (0.58479, 3.80117, 3.80117)),
        ("aligned_mtl", (0.21328, 0.96733, 0.96733)),  # scaled to the smallest singular value
    ],
)
def test_values_of_an_independent_implementation(name: str, stored: tuple[float, ...]) -> None:
    found = METHODS[name](JACOBIAN @ JACOBIAN.T) @ JACOBIAN
    np.testing.assert_allclose(found, stored, atol=1e-5)


def test_the_stored_upgrad_has_a_ridge() -> None:
    # TorchJD divides by the trace and adds 1e-4 to the diagonal before it projects.
    found = upgrad_weights(ridged(JACOBIAN @ JACOBIAN.T, share=1e-4)) @ JACOBIAN
    np.testing.assert_allclose(found, (0.29290, 1.90035, 1.90035), atol=1e-5)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_random_gradients_against_torchjd(count: int, seed: int) -> None:
    oracle = pytest.importorskip("torchjd.aggregation", reason="pip install 'torchjd[full]'")
    jacobian = random_jacobian(10 * count + seed, count)
    gramian = jacobian @ jacobian.T
    preference = torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 0.1
    share = preference / preference.sum()

    def assert_close(ours: Tensor, theirs: Tensor, tolerance: float) -> None:
        np.testing.assert_allclose(ours @ jacobian, theirs @ jacobian, atol=tolerance)

    theirs = oracle.UPGradWeighting(pref_vector=share)(gramian)
    assert_close(upgrad_weights(ridged(gramian, share=1e-4), preference=preference), theirs, 1e-6)
    theirs = oracle.AlignedMTLWeighting(pref_vector=share)(gramian)
    assert_close(aligned_mtl_weights(gramian, preference=preference), theirs, 1e-9)
    # It walks with steps that shorten slowly; 1e-3 of the gradients' length of about 3.
    assert_close(mgda_weights(gramian), oracle.MGDAWeighting(1e-9, 20_000)(gramian), 5e-3)
    # A solver of cones, which adds nothing to a diagonal here but stops at about 1e-5.
    assert_close(cagrad(gramian), oracle.CAGradWeighting(0.5, norm_eps=0.0)(gramian), 5e-4)
    # Theirs turns round where the sum of weights is negative: see the test below.
    theirs = oracle.IMTLGWeighting()(gramian)
    assert_close(imtl_g_weights(gramian), theirs * (gramian @ theirs)[0].sign(), 1e-9)
    with pytest.warns(UserWarning, match="DPP"):
        bargain = oracle.NashMTL(n_tasks=count).weighting(jacobian)
    shares = bargain * (gramian @ bargain)
    # Its solver gives up on one of these nine: then its weights do not solve the equation, and ours do.
    gave_up = bool((shares - shares.mean()).abs().max() > 1e-3)
    assert gave_up == ((count, seed) == (2, 2))
    if not gave_up:
        assert_close(nash(gramian), bargain, 1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_pcgrad_is_the_algorithm_on_the_gradients_themselves(seed: int) -> None:
    jacobian, orders = random_jacobian(seed, 4), random_orders(4, seed=seed)
    preference = torch.tensor([1.0, 3.0, 0.5, 1.5], dtype=torch.float64)
    total = torch.zeros(8, dtype=torch.float64)
    for which, order in enumerate(orders):
        gradient = jacobian[which].clone()
        for other in order:
            opposing = gradient @ jacobian[other]
            if other != which and opposing < 0.0:
                gradient -= opposing / jacobian[other].square().sum() * jacobian[other]
        total += preference[which] / preference.mean() * gradient
    found = pcgrad_weights(jacobian @ jacobian.T, orders=orders, preference=preference)
    torch.testing.assert_close(found @ jacobian, total)


@pytest.mark.parametrize("seed", range(5))
def test_what_each_method_promises(seed: int) -> None:
    jacobian = random_jacobian(seed, 3)
    gramian = jacobian @ jacobian.T
    preference = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
    # MGDA: losses fall in proportion to the preference, or faster.
    step = mgda_weights(gramian, preference=preference) @ jacobian
    falls = jacobian @ step / step.square().sum()
    assert bool((falls >= preference / preference.mean() - 1e-6).all())
    # UPGrad: no loss rises.
    assert bool((jacobian @ (upgrad_weights(gramian, preference=preference) @ jacobian) >= -1e-6).all())
    # IMTL-G: projections are as the preferences.
    step = imtl_g_weights(gramian, preference=preference) @ jacobian
    projections = jacobian @ step / gramian.diagonal().sqrt() / preference
    torch.testing.assert_close(projections, projections.mean().expand(3))
    assert float(projections[0]) > 0.0
    # Nash-MTL: the bargaining equation.
    weights = nash_mtl_weights(gramian, preference=preference)
    torch.testing.assert_close(
        weights * (gramian @ weights), preference / preference.mean(), rtol=1e-6, atol=0
    )
    # CAGrad: nothing else in the ball does more for the worst-off.
    mean = preference / preference.sum() @ jacobian
    step = cagrad(gramian, preference=preference) @ jacobian
    assert float((step - mean).norm()) <= 0.5 * float(mean.norm()) * (1.0 + 1e-6)
    rng = torch.Generator().manual_seed(seed)
    moves = torch.randn(2000, 8, dtype=torch.float64, generator=rng)
    others = mean + 0.5 * mean.norm() * moves / moves.norm(dim=1, keepdim=True)
    assert float((jacobian @ step).min()) >= float((others @ jacobian.T).min(1).values.max()) - 1e-9


def test_a_step_of_imtl_g_never_raises_every_loss() -> None:
    # Two short gradients have to be subtracted: the sum of the published weights is negative.
    cosines = torch.tensor([[1.0, 0.9, 0.9], [0.9, 1.0, 0.2], [0.9, 0.2, 1.0]], dtype=torch.float64)
    cosines = cosines + 0.05 * torch.eye(3, dtype=torch.float64)
    lengths = torch.tensor([1.0, 0.01, 0.01], dtype=torch.float64)
    gramian = cosines * lengths[:, None] * lengths[None, :]
    published = torch.linalg.pinv(gramian) @ gramian.diagonal().sqrt()
    assert float(published.sum()) < 0.0
    assert bool((gramian @ imtl_g_weights(gramian) > 0.0).all())


@methods
@pytest.mark.parametrize("scale", [1e-24, 1e-12, 1e12, 1e24])
def test_the_scale_of_the_gradients(method: Callable[..., Tensor], scale: float) -> None:
    gramian = random_jacobian(3, 3) @ random_jacobian(3, 3).T
    found, plain = method(scale * gramian), method(gramian)
    # Nash-MTL gives the combined gradient a length of its own; all others do not look at a common scale.
    expected = plain / math.sqrt(scale) if method is nash else plain
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0.0)


@methods
def test_gradients_whose_lengths_differ_by_24_orders_of_magnitude(method: Callable[..., Tensor]) -> None:
    jacobian = random_jacobian(4, 3)
    jacobian = jacobian * torch.tensor([[1e-12], [1.0], [1e12]], dtype=torch.float64)
    assert bool(method(jacobian @ jacobian.T).isfinite().all())


EDGES = {
    "the same": [[1.0, 1.0, 1.0]] * 3,
    "opposite": [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    "one against two": [[4.0, -2.0, -2.0], [-2.0, 1.0, 1.0], [-2.0, 1.0, 1.0]],
    "a balanced star": [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]],
    "orthogonal": [[1.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 9.0]],
    "nothing": [[0.0] * 3] * 3,
}


@methods
@pytest.mark.parametrize("edge", EDGES)
def test_edges_give_finite_weights(method: Callable[..., Tensor], edge: str) -> None:
    for dtype in (torch.float32, torch.float64):
        weights = method(torch.tensor(EDGES[edge], dtype=dtype))
        assert weights.dtype == torch.float64
        assert bool(weights.isfinite().all())
        assert float(weights.abs().max()) <= 1e5
    if edge == "nothing":
        assert weights.tolist() == [1.0, 1.0, 1.0]


@methods
def test_an_objective_without_a_gradient_changes_nothing_for_the_others(
    method: Callable[..., Tensor],
) -> None:
    jacobian = random_jacobian(5, 3)
    jacobian[1] = 0.0
    weights = method(jacobian @ jacobian.T)
    assert float(weights[1]) == 1.0
    two = jacobian[[0, 2]]
    alone = method(two @ two.T)
    # But for the scale: preferences are shares of all three.
    torch.testing.assert_close(weights[[0, 2]] / weights[0], alone / alone[0])


@methods
def test_a_preference_of_zero_leaves_an_objective_out(method: Callable[..., Tensor]) -> None:
    jacobian = random_jacobian(6, 3)
    preference = torch.tensor([1.0, 0.0, 2.0], dtype=torch.float64)
    weights = method(jacobian @ jacobian.T, preference=preference)
    assert float(weights[1]) == 0.0
    two = jacobian[[0, 2]]
    torch.testing.assert_close(
        weights[[0, 2]] / weights[0],
        (alone := method(two @ two.T, preference=preference[[0, 2]])) / alone[0],
    )
    # Only ratios of preferences count.
    torch.testing.assert_close(method(jacobian @ jacobian.T, preference=7.0 * preference), weights)


@methods
def test_a_single_objective_has_weight_one(method: Callable[..., Tensor]) -> None:
    for length in (0.0, 1e-9, 4.0):
        assert method(torch.tensor([[length]])).tolist() == [1.0]


@methods
def test_bad_arguments_are_refused(method: Callable[..., Tensor]) -> None:
    gramian = torch.eye(2)
    with pytest.raises(ValueError, match="one number each"):
        method(gramian, preference=torch.ones(3))
    with pytest.raises(ValueError, match="finite and at least 0"):
        method(gramian, preference=torch.tensor([1.0, -1.0]))
    with pytest.raises(ValueError, match="0 for all objectives"):
        method(gramian, preference=torch.zeros(2))
    with pytest.raises(ValueError, match="the gradients are not finite"):
        method(torch.tensor([[1.0, math.nan], [math.nan, 1.0]]))
    with pytest.raises(ValueError, match=r"\[T, T\]"):
        mgda_weights(torch.ones(2, 3))


def test_orders_of_pcgrad_must_be_permutations() -> None:
    with pytest.raises(ValueError, match="2 permutations of 0 to 1"):
        pcgrad_weights(torch.eye(2), orders=[[0, 1], [0, 0]])
    assert random_orders(5, seed=1) == random_orders(5, seed=1)
    assert random_orders(5, seed=1) != random_orders(5, seed=2)
