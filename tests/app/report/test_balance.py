from __future__ import annotations

import math

import pandas as pd

from holdfast.app.balance_table import balance_table
from holdfast.app.report.balance import balance_figure, balance_view
from holdfast.app.report.content import LearningSection
from holdfast.app.report.plots import learning_curves

CURVES = pd.DataFrame(
    {
        "epoch": [0, 1, 2],
        "train/loss": [2.0, 1.0, 0.9],
        "validation/loss": [2.1, 1.2, 1.3],
        "balance/weight/click": [0.5, 0.6, 0.7],
        "balance/weight/dwell": [0.5, math.nan, 0.3],
        "balance/cosine/click_dwell": [-0.1, 0.2, 0.3],
        "balance/conflict_share": [0.75, 0.25, 0.0],
    }
)


def test_weights_and_cosines_are_drawn_as_they_are() -> None:
    figure = balance_figure(balance_table(CURVES), best_epoch=1)
    weights, cosines = figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in (*weights.lines, *cosines.lines)}
    assert drawn["click"] == [0.5, 0.6, 0.7]
    assert drawn["click and dwell"] == [-0.1, 0.2, 0.3]


def test_the_words_tell_of_the_epoch_that_was_kept() -> None:
    view = balance_view(LearningSection(curves=CURVES, best_epoch=1))
    assert "In 25.0 % of the batches of the epoch that was kept" in view
    assert view.count("<svg") == 1
    without = CURVES.drop(columns=["balance/cosine/click_dwell", "balance/conflict_share"])
    assert "opposed" not in balance_view(LearningSection(curves=without, best_epoch=1))


def test_weights_that_never_change_are_not_drawn() -> None:
    assert balance_view(LearningSection(curves=CURVES[["epoch", "train/loss"]])) == ""


def test_losses_have_panels_and_weights_do_not() -> None:
    assert len(learning_curves(CURVES, best_epoch=1).axes) == 1
