"""Differences by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from holdfast.serving.bundle import load_bundle
from holdfast.serving.scorer import Scorer
from holdfast.serving.verification import OutputDifference, compare, difference

if TYPE_CHECKING:
    from conftest import Exported


@pytest.mark.parametrize(
    ("expected", "actual", "absolute", "scaled"),
    [
        ([0.5, 0.25], [0.5, 0.5], 0.25, 0.25),
        ([200.0], [202.0], 2.0, 0.01),
        ([-200.0, 0.5], [-202.0, 0.75], 2.0, 0.25),
        ([np.inf, -np.inf], [np.inf, -np.inf], 0.0, 0.0),
        ([np.inf], [-np.inf], np.inf, np.inf),
        ([np.inf], [1e30], np.inf, np.inf),
        ([1.0], [np.inf], np.inf, np.inf),
        ([np.nan], [np.nan], np.inf, np.inf),
        ([0.0, np.nan], [0.0, 1.0], np.inf, np.inf),
        ([], [], 0.0, 0.0),
    ],
)
def test_difference(expected: list[float], actual: list[float], absolute: float, scaled: float) -> None:
    found = difference(np.array(expected, dtype=np.float32), np.array(actual, dtype=np.float32))
    assert found == OutputDifference(absolute=absolute, scaled=scaled)


def test_an_output_on_one_side_alone_never_agrees(exported: Exported) -> None:
    bundle = load_bundle(exported.folder)
    rows, expected = bundle.sample()
    renamed = expected.rename(columns={"score": "points"})
    report = compare(Scorer(bundle), rows, renamed, tolerance=1e-5, batch_sizes=[50])
    assert report.per_output["score"].scaled == report.per_output["points"].scaled == np.inf
    assert report.per_output["click_probability"].scaled <= 1e-5
    assert not report.passed


def test_nothing_to_compare_is_no_agreement(exported: Exported) -> None:
    bundle = load_bundle(exported.folder)
    rows, expected = bundle.sample()
    scorer = Scorer(bundle)
    for some, sizes in ((rows.iloc[:0], [7]), (rows, []), (rows, [7, 0])):
        with pytest.raises(ValueError, match="nothing to compare"):
            compare(scorer, some, expected, tolerance=1e-5, batch_sizes=sizes)
