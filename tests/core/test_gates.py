from __future__ import annotations

import pytest

from holdfast.core.gates import gate_use, unused_experts


def test_logged_values_by_gate() -> None:
    values = {"epoch": 2.0, "train/loss": 1.0, "gates/click/a": 0.25, "gates/level_1/click/b": 0.5}
    assert gate_use(values) == {"click": {"a": 0.25}, "level_1/click": {"b": 0.5}}
    assert gate_use({"validation/click/loss": 1.0}) == {}


def test_one_gate_that_uses_an_expert_is_enough() -> None:
    values = {
        "epoch": 3.0,
        "train/loss": 1.0,
        "gates/level_1/click/shared_0": 0.001,
        "gates/level_1/click/click_0": 0.999,
        "gates/level_1/click/entropy": 0.001,
        "gates/level_1/dwell/shared_0": 0.3,
        "gates/level_1/dwell/dwell_0": 0.7,
        "gates/level_1/dwell/entropy": 0.9,
        "gates/level_2/click/shared_0": 0.009,
        "gates/level_2/click/click_0": 0.991,
        "gates/level_2/click/entropy": 0.05,
        "gates/level_2/dwell/shared_0": 0.0,
        "gates/level_2/dwell/dwell_0": 1.0,
        "gates/level_2/dwell/entropy": 0.0,
    }
    assert unused_experts(values) == ("level_2/shared_0",)
    assert unused_experts({"epoch": 1.0}) == ()


def test_what_was_not_measured_is_not_called_unused() -> None:
    assert unused_experts({"gates/click/a": float("nan"), "gates/click/b": 0.001}) == ("b",)


@pytest.mark.parametrize("weight", [0.01, 0.5])
def test_one_per_cent_is_use(weight: float) -> None:
    assert unused_experts({"gates/click/a": weight}) == ()
