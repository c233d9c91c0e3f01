from __future__ import annotations

from dataclasses import fields

from holdfast.app.report.closed_loop.quantities import DRAWN, KNOWN, quantity
from holdfast.simulation.day_figures import DayFigures


def test_every_figure_of_a_day_has_words_and_every_panel_a_column() -> None:
    columns = {field.name for field in fields(DayFigures)} - {"day", "policy"}
    assert columns <= set(KNOWN)
    assert set(DRAWN) <= columns | {"value", "value_so_far", "regret"}


def test_what_is_not_known_goes_by_its_name() -> None:
    assert quantity("calibration/click_rate").label == "Calibration, click rate"
    assert quantity("calibration/click_rate").group == "other"
    assert quantity("gini").title == "Gini of impressions over items"
    assert quantity("coverage").title == "Coverage"
