from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report.content import LearningSection
from holdfast.app.report.gates import gate_figure, gates_view

ONE_LEVEL = pd.DataFrame(
    {
        "epoch": [0, 1, 2],
        "train/loss": [3.0, 2.0, 1.0],
        "gates/click/shared_0": [0.6, 0.5, 0.4],
        "gates/click/click_0": [0.4, 0.5, 0.6],
        "gates/click/entropy": [0.9, 1.0, 0.8],
        "gates/dwell/shared_0": [0.1, 0.2, 0.3],
        "gates/dwell/dwell_0": [0.9, 0.8, 0.7],
        "gates/dwell/entropy": [0.5, 0.6, 0.7],
    }
)
TWO_LEVELS = ONE_LEVEL.rename(columns=lambda name: name.replace("gates/click", "gates/level_1/click")).rename(
    columns=lambda name: name.replace("gates/dwell", "gates/level_2/dwell")
)


def test_entropy_by_epoch_and_the_weights_of_the_epoch_that_was_kept() -> None:
    entropies, weights = gate_figure(ONE_LEVEL, best_epoch=1).axes
    click, dwell, best = entropies.lines
    np.testing.assert_array_equal(click.get_ydata(), ONE_LEVEL["gates/click/entropy"])
    np.testing.assert_array_equal(dwell.get_ydata(), ONE_LEVEL["gates/dwell/entropy"])
    assert set(best.get_xdata()) == {1}
    assert [tick.get_text() for tick in weights.get_xticklabels()] == ["click\n0", "dwell\n0", "shared\n0"]
    assert [tick.get_text() for tick in weights.get_yticklabels()] == ["click", "dwell"]
    written = [[""] * 3 for _ in range(2)]
    for text in weights.texts:
        column, row = text.get_position()
        written[int(row)][int(column)] = text.get_text()
    assert written == [["0.50", "·", "0.50"], ["·", "0.80", "0.20"]]
    assert [patch.get_alpha() for patch in weights.patches] == pytest.approx([0.3, 0.3, 0.48, 0.12])


def test_each_level_has_its_own_row() -> None:
    figure = gate_figure(TWO_LEVELS, best_epoch=None)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == [
        "Level 1: evenness of the gates",
        "Level 1: mean weight of experts, epoch 2",
        "Level 2: evenness of the gates",
        "Level 2: mean weight of experts, epoch 2",
    ]
    assert len(figure.axes[0].lines) == 1


def test_the_view_stands_in_the_page_where_there_are_gates_and_is_empty_elsewhere() -> None:
    drawn = gates_view(LearningSection(curves=ONE_LEVEL, best_epoch=1))
    assert "<svg" in drawn
    assert "Who uses which expert" in drawn
    assert "var(--series-1)" in drawn
    assert gates_view(LearningSection(curves=ONE_LEVEL[["epoch", "train/loss"]])) == ""
    assert gates_view(LearningSection(curves=ONE_LEVEL.iloc[:0])) == ""


def test_weights_that_were_not_measured_are_left_blank() -> None:
    curves = ONE_LEVEL.assign(**{"gates/click/click_0": math.nan})
    weights = gate_figure(curves, best_epoch=2).axes[1]
    assert sum(text.get_text() == "·" for text in weights.texts) == 3
