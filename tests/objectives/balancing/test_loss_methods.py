"""The methods that weigh by losses: formulas by hand and by autograd, state, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from holdfast.core.errors import UserError
from holdfast.objectives.balancing.balance import Step
from holdfast.objectives.balancing.by_loss import LossBalance
from holdfast.objectives.balancing.dynamic_weight_average import DynamicWeightAverage, dynamic_weights
from holdfast.objectives.balancing.famo import Famo, FamoBalancer, famo_slope, famo_weights
from holdfast.objectives.balancing.gradnorm import GradNorm, GradNormBalancer, gradnorm_slope
from holdfast.objectives.balancing.smooth_tchebycheff import SmoothTchebycheff, smooth_tchebycheff
from holdfast.objectives.balancing.uncertainty import (
    UncertaintyBalance,
    UncertaintyBalancer,
    uncertainty_loss,
)

OBJECTIVES = ("click", "dwell", "retention")
LOSSES = torch.tensor([0.5, 1.2, 2.0], dtype=torch.float64)
ALL = torch.ones(3, dtype=torch.bool)


def step_of(losses: Tensor = LOSSES, present: Tensor = ALL, gramian: Tensor | None = None) -> Step:
    return Step(losses, present, gramian, seed=0)


class TestUncertainty:
    def test_the_weights_and_the_slope_are_derivatives_of_the_loss(self) -> None:
        balancer = UncertaintyBalance().build(OBJECTIVES)
        assert isinstance(balancer, UncertaintyBalancer)
        balancer.log_variance.copy_(torch.tensor([0.3, -0.7, 0.0]))
        present = torch.tensor([True, True, False])
        losses = LOSSES.clone().requires_grad_()
        s = balancer.log_variance.clone().requires_grad_()
        loss = uncertainty_loss(losses, s, present=present)
        assert loss.item() == pytest.approx(0.5 * math.exp(-0.3) + 0.3 + 1.2 * math.exp(0.7) - 0.7)
        by_losses, by_s = torch.autograd.grad(loss, (losses, s))
        torch.testing.assert_close(balancer.weigh(step_of())[:2], by_losses[:2])
        balancer.learn(step_of(present=present))
        assert balancer.log_variance.grad is not None
        torch.testing.assert_close(balancer.log_variance.grad, by_s)

    def test_it_settles_where_the_variance_is_the_loss(self) -> None:
        balancer = UncertaintyBalance().build(OBJECTIVES)
        optimizer = torch.optim.Adam(balancer.learned(), lr=0.05)
        for _ in range(400):
            optimizer.zero_grad()
            balancer.learn(step_of())
            optimizer.step()
        # Of either sign: the first loss is below 1, the last above.
        torch.testing.assert_close(balancer.learned()[0], LOSSES.log(), atol=1e-3, rtol=0.0)

    def test_a_loss_that_stays_negative_is_refused_at_the_end_of_an_epoch(self) -> None:
        balancer = UncertaintyBalance().build(OBJECTIVES)
        balancer.end_epoch(torch.tensor([0.5, math.nan, 1.0]))
        with pytest.raises(UserError, match=r"loss of dwell is -0\.1.*lower_bound\.dwell"):
            balancer.end_epoch(torch.tensor([0.5, -0.1, 1.0]))
        UncertaintyBalance(lower_bound={"dwell": -2.0}).build(OBJECTIVES).end_epoch(
            torch.tensor([0.5, -0.1, 1.0])
        )


class TestDynamicWeightAverage:
    def test_by_hand(self) -> None:
        last, before = torch.tensor([1.0, 3.0]).double(), torch.tensor([2.0, 3.0]).double()
        high, low = math.exp(1.0 / 2.0), math.exp(0.5 / 2.0)
        found = dynamic_weights(last, before, temperature=2.0)
        assert found.tolist() == pytest.approx([2 * low / (low + high), 2 * high / (low + high)])

    def test_two_epochs_with_equal_weights_then_by_their_means(self) -> None:
        balancer = DynamicWeightAverage(lower_bound={"click": -1.0}).build(OBJECTIVES)
        assert balancer.weigh(step_of()).tolist() == [1.0, 1.0, 1.0]
        first = torch.tensor([1.0, 2.0, math.nan], dtype=torch.float64)
        balancer.end_epoch(first)
        assert balancer.weigh(step_of()).tolist() == pytest.approx([1.0, 1.0, 1.0])
        second = torch.tensor([0.0, 2.0, 5.0], dtype=torch.float64)
        balancer.end_epoch(second)
        # Half of click's distance to its bound is left; what was not known before counts as standing still.
        expected = 3.0 * torch.softmax(torch.tensor([0.5, 1.0, 1.0]).double() / 2.0, dim=0)
        torch.testing.assert_close(balancer.weigh(step_of()), expected)


class TestGradNorm:
    def test_the_slope_is_the_derivative_with_fixed_targets(self) -> None:
        weights = torch.tensor([1.2, 0.5, 1.3], dtype=torch.float64, requires_grad=True)
        lengths = torch.tensor([1.0, 4.0, 0.1], dtype=torch.float64)
        left = torch.tensor([0.9, 0.5, 1.0], dtype=torch.float64)
        target = (weights * lengths).mean().detach() * (left / left.mean()) ** 1.5
        (expected,) = torch.autograd.grad((weights * lengths - target).abs().sum(), weights)
        found = gradnorm_slope(weights.detach(), lengths, left, present=ALL, alpha=1.5)
        torch.testing.assert_close(found, expected)

    def test_lengths_become_alike_and_the_sum_stays(self) -> None:
        balancer = GradNorm(alpha=0.0, learning_rate=0.01).build(OBJECTIVES)
        assert isinstance(balancer, GradNormBalancer)
        lengths = torch.tensor([1.0, 4.0, 2.0], dtype=torch.float64)
        step = step_of(gramian=torch.diag(lengths.square()))
        optimizer = torch.optim.Adam(balancer.learned(), lr=balancer.learning_rate)
        for _ in range(600):
            optimizer.zero_grad()
            balancer.learn(step)
            optimizer.step()
            balancer.moved()
        found = balancer.weigh(step)
        assert float(found.sum()) == pytest.approx(3.0)
        expected = (1.0 / lengths) * 3.0 / (1.0 / lengths).sum()
        torch.testing.assert_close(found, expected, atol=0.03, rtol=0.0)

    def test_a_loss_is_measured_from_when_it_is_first_seen(self) -> None:
        balancer = GradNorm().build(OBJECTIVES)
        assert isinstance(balancer, GradNormBalancer)
        gramian = torch.eye(3, dtype=torch.float64)
        gramian[2, 2] = 0.0
        absent = step_of(torch.tensor([0.5, 1.2, 0.0]), torch.tensor([True, True, False]), gramian)
        balancer.learn(absent)
        assert balancer.weights.grad is not None
        assert float(balancer.weights.grad[2]) == 0.0
        assert bool(balancer.weights.grad.isfinite().all())
        balancer.learn(step_of(2.0 * LOSSES, gramian=torch.eye(3, dtype=torch.float64)))
        assert balancer.first_losses.tolist() == pytest.approx([0.5, 1.2, 4.0])


class TestFamo:
    def test_weights_by_hand(self) -> None:
        logits = torch.log(torch.tensor([0.2, 0.3, 0.5])).double()
        raw = torch.tensor([0.2 / 0.5, 0.3 / 1.2, 0.5 / 2.0]).double()
        torch.testing.assert_close(famo_weights(LOSSES, logits, present=ALL), raw / raw.sum())

    def test_weighted_losses_have_the_gradient_of_the_logarithms(self) -> None:
        losses = LOSSES.clone().requires_grad_()
        logits = torch.tensor([0.1, -0.5, 0.3], dtype=torch.float64)
        shares = torch.softmax(logits, 0)
        (gradient,) = torch.autograd.grad((shares * losses.log()).sum(), losses)
        found = famo_weights(LOSSES, logits, present=ALL)
        torch.testing.assert_close(found, gradient / gradient.sum())

    def test_the_slope_is_the_derivative_of_what_fell(self) -> None:
        logits = torch.tensor([0.1, -0.5, 0.3], dtype=torch.float64, requires_grad=True)
        after = LOSSES * torch.tensor([0.9, 1.0, 0.5], dtype=torch.float64)
        fallen = LOSSES.log() - after.log()
        (expected,) = torch.autograd.grad((torch.softmax(logits, 0) * fallen).sum(), logits)
        found = famo_slope(LOSSES, after, logits.detach(), present=ALL)
        torch.testing.assert_close(found, expected)

    def test_weight_moves_to_the_objective_that_fell_least(self) -> None:
        balancer = Famo().build(OBJECTIVES)
        assert isinstance(balancer, FamoBalancer)
        optimizer = torch.optim.Adam(balancer.learned(), lr=balancer.learning_rate)
        for _ in range(20):
            optimizer.zero_grad()
            balancer.look_back(step_of(), LOSSES * torch.tensor([0.9, 1.0, 0.5]))
            optimizer.step()
        assert balancer.logits.argmax() == 1
        assert balancer.logits.argmin() == 2

    def test_an_absent_objective_takes_no_part(self) -> None:
        present = torch.tensor([True, False, True])
        balancer = Famo().build(OBJECTIVES)
        weights = balancer.weigh(step_of(torch.tensor([0.5, 0.0, 2.0]), present))
        assert weights.tolist() == pytest.approx([0.8, 0.0, 0.2])
        nobody = balancer.weigh(step_of(torch.zeros(3), ~ALL))
        assert nobody.tolist() == [0.0, 0.0, 0.0]

    def test_a_loss_below_its_bound_is_refused_with_what_to_do(self) -> None:
        with pytest.raises(UserError, match=r"loss of click is -0\.1.*lower objective\.balance\.lower_bound"):
            Famo().build(OBJECTIVES).weigh(step_of(torch.tensor([-0.1, 1.0, 1.0])))
        weights = (
            Famo(lower_bound={"click": -1.0}).build(OBJECTIVES).weigh(step_of(torch.tensor([-0.1, 1.0, 1.0])))
        )
        assert float(weights[0]) == pytest.approx((1 / 0.9) / (1 / 0.9 + 2.0))


class TestSmoothTchebycheff:
    def test_the_weights_are_its_derivative(self) -> None:
        balance = SmoothTchebycheff(
            preference={"click": 1.0, "dwell": 2.0, "retention": 1.0}, reference={"dwell": 0.4}, mu=0.3
        )
        losses = LOSSES.clone().requires_grad_()
        value = smooth_tchebycheff(
            losses,
            preference=torch.tensor([0.25, 0.5, 0.25]).double(),
            reference=torch.tensor([0.0, 0.4, 0.0]).double(),
            mu=0.3,
            present=ALL,
        )
        by_hand = 0.3 * math.log(
            math.exp(0.25 * 0.5 / 0.3) + math.exp(0.5 * 0.8 / 0.3) + math.exp(0.25 * 2.0 / 0.3)
        )
        assert value.item() == pytest.approx(by_hand)
        (expected,) = torch.autograd.grad(value, losses)
        torch.testing.assert_close(balance.build(OBJECTIVES).weigh(step_of()), expected)

    @pytest.mark.parametrize(("mu", "expected"), [(1e-4, [0.0, 0.0, 1 / 3]), (1e6, [1 / 9, 1 / 9, 1 / 9])])
    def test_between_the_worst_alone_and_all_alike(self, mu: float, expected: list[float]) -> None:
        found = SmoothTchebycheff(mu=mu).build(OBJECTIVES).weigh(step_of())
        assert found.tolist() == pytest.approx(expected, abs=1e-6)

    def test_what_is_absent_or_not_preferred_is_left_out(self) -> None:
        balance = SmoothTchebycheff(preference={"click": 1.0, "dwell": 1.0, "retention": 0.0})
        found = balance.build(OBJECTIVES).weigh(step_of(present=torch.tensor([True, False, True])))
        assert found.tolist() == [0.5, 0.0, 0.0]
        nothing = smooth_tchebycheff(
            LOSSES, preference=torch.ones(3) / 3, reference=torch.zeros(3), mu=1.0, present=~ALL
        )
        assert float(nothing) == 0.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: UncertaintyBalance(learning_rate=0.0), r"learning_rate is 0\.0"),
        (lambda: DynamicWeightAverage(temperature=-1.0), r"temperature is -1\.0"),
        (lambda: GradNorm(alpha=-1.0), r"alpha is -1\.0"),
        (lambda: GradNorm(learning_rate=math.inf), "learning_rate is inf"),
        (lambda: Famo(weight_decay=-0.1), r"weight_decay is -0\.1"),
        (lambda: Famo(lower_bound={"click": math.nan}), r"lower_bound\.click is nan"),
        (lambda: SmoothTchebycheff(mu=0.0), r"mu is 0\.0"),
        (lambda: SmoothTchebycheff(reference={"click": math.inf}), r"reference\.click is inf"),
    ],
)
def test_settings_out_of_range_are_named(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=said):
        make()


def test_a_bound_of_something_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lower_bound names \['like'\]"):
        LossBalance(lower_bound={"like": 0.0}).check(OBJECTIVES)
    with pytest.raises(ValueError, match=r"reference names \['like'\]"):
        SmoothTchebycheff(reference={"like": 0.0}).check(OBJECTIVES)
    LossBalance(lower_bound={"dwell": -1.0}).check(("click",))
