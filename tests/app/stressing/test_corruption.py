"""When a reference's loss is too small to divide by: less than a point, or no more than chance."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from holdfast.app.stressing.corruption import corruption_errors

CLEAN = {"model": np.full(5, 60.0), "reference": np.full(5, 40.0)}
LOST = np.array([0.0, 0.1, -0.1, 0.2, -0.2])


def evidence(**ladders):
    """Ladders of one rung each: what model and reference lose; the reference's with resamples."""

    def skill_of(_output, *, reference=False):
        side = "reference" if reference else "model"
        return lambda found: found[side]

    def at(name, _severity, reading):
        model, reference = ladders[name]
        if model is None:
            return None
        return reading({"model": CLEAN["model"] - model, "reference": CLEAN["reference"] - reference})

    suite = SimpleNamespace(settings=SimpleNamespace(severities=[5]))
    return SimpleNamespace(skill_of=skill_of, at=at, results=SimpleNamespace(clean=CLEAN, suite=suite))


def test_ratios_by_hand_and_none_over_nothing():
    made = evidence(
        clear=(10.0, 5.0 + LOST),
        small=(10.0, 0.9 + LOST),
        by_chance=(10.0, 5.0 + 30.0 * LOST),
        gains=(10.0, -5.0 + LOST),
        undefined=(None, None),
    )
    names = ["clear", "small", "by_chance", "gains", "undefined"]
    found = corruption_errors(made, "click", names=names, level=0.95)
    assert found.relative_by_corruption == {"clear": pytest.approx(2.0)}
    assert found.relative_undefined == ("small", "by_chance", "gains")
    assert found.by_corruption["clear"] == pytest.approx((40.0 + 10.0) / (60.0 + 5.0))
    assert list(found.by_corruption) == names[:-1]


def test_without_resamples_a_point_alone_decides(monkeypatch):
    monkeypatch.setitem(CLEAN, "model", np.array([60.0]))
    monkeypatch.setitem(CLEAN, "reference", np.array([40.0]))
    made = evidence(enough=(3.0, np.array([1.5])), small=(3.0, np.array([0.5])))
    found = corruption_errors(made, "click", names=["enough", "small"], level=0.95)
    assert found.relative_by_corruption == {"enough": pytest.approx(2.0)}
