"""Exponentiated weights of environments."""

from __future__ import annotations

import math

import pytest
import torch

from holdfast.objectives.robustness.group_dro import GroupDRO, moved_log_weights


def test_a_step_by_hand() -> None:
    weights = GroupDRO(step_size=0.5, size_adjustment=2.0).build(torch.tensor([[4, 16]]))
    totals = torch.tensor([[[3.0, 3.0], [8.0, 4.0]]], dtype=torch.float64)  # risks 1 and 2
    weights.learn(totals)
    # 1 + 2 / sqrt(4) = 2 and 2 + 2 / sqrt(16) = 2.5
    first, second = math.exp(0.5 * 2.0), math.exp(0.5 * 2.5)
    expected = (first * 1.0 + second * 2.0) / (first + second)
    assert weights.losses(totals).item() == pytest.approx(expected)
    assert weights.figures(totals).item() == pytest.approx(second / (first + second))


def test_who_is_absent_keeps_its_weight_and_adds_nothing() -> None:
    weights = GroupDRO(step_size=1.0).build(torch.tensor([[5, 5, 5]]))
    totals = torch.tensor([[[1.0, 1.0], [0.0, 0.0], [9.0, 3.0]]], dtype=torch.float64)
    weights.learn(totals)
    q = weights.log_weights.exp()[0]
    assert q[1].item() == pytest.approx(1.0 / 3.0)
    assert q.sum().item() == pytest.approx(1.0)
    assert weights.losses(totals).item() == pytest.approx((q[0] * 1.0 + q[2] * 3.0).item())
    nobody = torch.zeros(1, 3, 2, dtype=torch.float64)
    weights.learn(nobody)
    torch.testing.assert_close(weights.log_weights.exp()[0], q)
    assert weights.losses(nobody).item() == 0.0


def test_environments_where_an_objective_is_never_known_have_no_weight() -> None:
    weights = GroupDRO().build(torch.tensor([[5, 0], [3, 3], [0, 0]]))
    assert weights.log_weights.exp()[:2].tolist() == [[1.0, 0.0], [0.5, 0.5]]
    totals = torch.zeros(3, 2, 2, dtype=torch.float64)
    totals[0, 0] = 1.0
    weights.learn(totals)
    assert weights.losses(totals).tolist() == [1.0, 0.0, 0.0]


def test_a_constant_added_to_the_losses_moves_no_weight() -> None:
    before = torch.tensor([[0.2, 0.3, 0.5]]).log()
    risks = torch.tensor([[0.1, 0.9, 0.4]])
    present = torch.tensor([[True, True, False]])
    one = moved_log_weights(before, risks, present=present, step_size=0.7)
    other = moved_log_weights(before, risks - 50.0, present=present, step_size=0.7)
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_after_many_steps_nothing_is_lost() -> None:
    weights = GroupDRO(step_size=1.0).build(torch.tensor([[5, 5]]))
    worse = torch.tensor([[[5.0, 1.0], [0.0, 1.0]]], dtype=torch.float64)
    for _ in range(2000):
        weights.learn(worse)
    for _ in range(2010):
        weights.learn(worse.flip(1))
    assert weights.log_weights.exp()[0, 1].item() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"step_size": 0.0}, "step_size is 0.0"),
        ({"size_adjustment": -1.0}, "size_adjustment is -1.0"),
        ({"environments": "month"}, "environments is 'month'"),
        ({"environments": "feature:"}, "environments is 'feature:'"),
        ({"min_rows": 0}, "min_rows is 0"),
    ],
)
def test_bad_settings(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        GroupDRO(**wrong)  # type: ignore[arg-type]
