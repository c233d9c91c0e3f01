from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from holdfast.app.report import plots
from holdfast.app.report.content import Calibration
from holdfast.app.report.svg import inline_svg


def drawn(figure: object) -> str:
    return str(inline_svg(figure, name="test", description=""))  # type: ignore[arg-type]


def test_a_panel_for_each_quantity_with_both_curves_and_the_best_epoch(made_content: ModuleType) -> None:
    section = made_content.learning()
    figure = plots.learning_curves(section.curves, best_epoch=5)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles == ["All together", "Click", "Dwell", "Retention"]
    train, validation, best, dot = figure.axes[1].lines
    np.testing.assert_array_equal(train.get_ydata(), section.curves["train/click"])
    np.testing.assert_array_equal(validation.get_ydata(), section.curves["validation/click"])
    assert set(best.get_xdata()) == {5}
    assert dot.get_ydata()[0] == section.curves["validation/click"][4]


def test_a_curve_that_was_never_known_is_left_out() -> None:
    curves = pd.DataFrame({"epoch": [0, 1], "train/click": [0.5, 0.4]})
    figure = plots.learning_curves(curves, best_epoch=None)
    assert len(figure.axes) == 1
    assert len(figure.axes[0].lines) == 1


def test_probabilities_are_drawn_against_a_diagonal_on_equal_axes(made_content: ModuleType) -> None:
    content = made_content.calibration()["click"]
    (panel,) = plots.calibration(content).axes
    diagonal, observed = panel.lines
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    np.testing.assert_array_equal(observed.get_ydata(), content.table["observed"])
    assert panel.get_xlim() == panel.get_ylim()
    assert panel.get_xlabel() == "predicted click rate"
    (whiskers,) = panel.collections
    assert len(whiskers.get_segments()) == 10


def test_seconds_of_several_magnitudes_are_drawn_on_logarithmic_axes(made_content: ModuleType) -> None:
    content = made_content.calibration()["dwell"]
    (panel,) = plots.calibration(content).axes
    assert panel.get_xscale() == panel.get_yscale() == "log"
    assert panel.get_ylabel() == "observed dwell, seconds"

    narrow = Calibration(table=content.table.assign(low=-1.0), kind="seconds", outcome="dwell")
    (panel,) = plots.calibration(narrow).axes
    assert panel.get_xscale() == "linear"


def test_returns_are_drawn_over_days(made_content: ModuleType) -> None:
    (panel,) = plots.calibration(made_content.calibration()["retention"]).axes
    assert panel.get_xlabel() == "days after the visit"
    assert [line.get_label() for line in panel.lines] == ["observed, interval", "predicted"]


@pytest.mark.parametrize("kind", ["probability", "seconds", "by_day"])
@pytest.mark.parametrize("rows", [0, 1])
def test_little_or_nothing_can_be_drawn(kind: str, rows: int) -> None:
    table = pd.DataFrame(
        {"day": [1], "predicted": [0.0], "observed": [0.0], "low": [np.nan], "high": [np.nan]}
    )
    content = Calibration(table=table.head(rows), kind=kind, outcome="outcome")  # type: ignore[arg-type]
    assert "<svg" in drawn(plots.calibration(content))


def test_days_have_a_panel_for_each_metric_that_is_ever_defined(made_content: ModuleType) -> None:
    table = made_content.daily()
    table.loc[table["metric"] == "click/calibration", "value"] = np.nan
    figure = plots.daily(table)
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "Click: AUC",
        "Retention: AUC, within 1 day",
    ]
    np.testing.assert_array_equal(
        figure.axes[0].lines[0].get_ydata(), table.loc[table["metric"] == "click/auc", "value"]
    )


def test_one_day_is_drawn() -> None:
    table = pd.DataFrame({"day": [pd.Timestamp("2024-03-01")], "metric": ["click/auc"], "value": [0.7]})
    assert "<svg" in drawn(plots.daily(table))


def test_windows_stand_in_their_order_on_the_time_axis(made_content: ModuleType) -> None:
    windows = made_content.data().windows
    figure = plots.timeline(windows)
    (panel,) = figure.axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["train", "validation", "test"]
    lengths = [bar.get_width() for bar in panel.patches]
    assert lengths == [20, 3, 6]
