"""Variance of losses over environments."""

from __future__ import annotations

import math

import pytest
import torch

from holdfast.objectives.robustness.vrex import VREx

COUNTS = torch.tensor([[9, 9, 9]])


def totals_of(*pairs: tuple[float, float]) -> torch.Tensor:
    return torch.tensor([pairs], dtype=torch.float64)


def test_mean_and_variance_by_hand() -> None:
    method = VREx(penalty=0.5).build(COUNTS)
    totals = totals_of((2.0, 2.0), (0.0, 0.0), (12.0, 4.0))  # risks 1 and 3
    method.learn(totals)
    assert method.losses(totals).item() == pytest.approx(2.0 + 0.5 * 1.0)
    assert method.figures(totals).item() == pytest.approx(1.0)


def test_above_one_all_is_divided_by_the_penalty() -> None:
    method = VREx(penalty=10.0).build(COUNTS)
    totals = totals_of((2.0, 2.0), (5.0, 1.0), (12.0, 4.0))  # 1, 5, 3
    method.learn(totals)
    assert method.losses(totals).item() == pytest.approx((3.0 + 10.0 * 8.0 / 3.0) / 10.0)


def test_one_environment_or_none_has_no_variance() -> None:
    method = VREx().build(COUNTS)
    one, none = totals_of((6.0, 2.0), (0.0, 0.0), (0.0, 0.0)), torch.zeros(1, 3, 2, dtype=torch.float64)
    method.learn(one)
    assert method.losses(one).item() == 3.0
    assert method.losses(none).item() == 0.0


def test_the_penalty_waits() -> None:
    method = VREx(penalty=100.0, warmup_steps=2).build(COUNTS)
    totals = totals_of((1.0, 1.0), (3.0, 1.0), (5.0, 1.0))
    found = []
    for _ in range(3):
        method.learn(totals)
        found.append(method.losses(totals).item())
    assert found == [3.0, 3.0, pytest.approx((3.0 + 100.0 * 8.0 / 3.0) / 100.0)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"penalty": -1.0}, "penalty is -1.0"),
        ({"penalty": math.nan}, "penalty is nan"),
        ({"warmup_steps": -1}, "warmup_steps is -1"),
    ],
)
def test_bad_settings(wrong: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        VREx(**wrong)  # type: ignore[arg-type]
