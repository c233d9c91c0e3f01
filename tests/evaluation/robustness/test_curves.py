"""Areas, breakdown and corruption errors by hand."""

from __future__ import annotations

import numpy as np
import pytest

from holdfast.evaluation.robustness.curves import (
    breakdown_severity,
    corruption_error,
    normalised_area,
    worst,
)


def test_area_by_hand_whatever_the_severities_are_spaced_like() -> None:
    assert float(normalised_area([0, 1, 2], np.array([1.0, 0.5, 0.0]))) == 0.5
    assert float(normalised_area([0, 3, 5], np.array([1.0, 0.4, 0.2]))) == pytest.approx(
        (3 * 0.7 + 2 * 0.3) / 5
    )
    assert normalised_area([0, 2], np.array([[1.0, 0.0], [0.0, 4.0]])).tolist() == [0.5, 2.0]


def test_an_area_needs_rising_severities() -> None:
    for severities in ([0], [0, 0], [2, 1]):
        with pytest.raises(ValueError, match="at least two, rising"):
            normalised_area(severities, np.ones(len(severities)))
    with pytest.raises(ValueError, match="2 severities and 3 values"):
        normalised_area([0, 1], np.ones(3))


def test_breakdown_is_interpolated_and_none_if_never() -> None:
    assert breakdown_severity([0, 1, 2, 3], [0.8, 0.7, 0.5, 0.4], [0.6, 0.6, 0.6, 0.6]) == pytest.approx(1.5)
    assert breakdown_severity([0, 5], [0.8, 0.6], [0.6, 0.6]) is None
    assert breakdown_severity([0, 5], [0.5, 0.9], [0.6, 0.6]) == 0.0


def test_corruption_errors_by_hand() -> None:
    found = corruption_error(
        {"noise": [0.2, 0.4], "stuck": [0.1, 0.1]},
        {"noise": [0.4, 0.8], "stuck": [0.2, 0.2]},
        clean_error=0.1,
        reference_clean_error=0.2,
    )
    assert found.by_corruption == {"noise": pytest.approx(0.5), "stuck": pytest.approx(0.5)}
    assert found.mean == pytest.approx(0.5)
    # The reference loses nothing when stuck: no ratio there.
    assert found.relative_by_corruption == {"noise": pytest.approx(0.4 / 0.8)}
    assert found.relative_mean == pytest.approx(0.5)
    assert (found.undefined, found.relative_undefined) == ((), ("stuck",))


def test_the_mean_is_of_the_ratios_and_not_the_ratio_of_the_sums() -> None:
    found = corruption_error(
        {"a": [0.2], "b": [0.9]}, {"a": [0.1], "b": [0.9]}, clean_error=0.1, reference_clean_error=0.0
    )
    assert found.mean == pytest.approx((2.0 + 1.0) / 2)
    assert found.relative_mean == pytest.approx((1.0 + 0.8 / 0.9) / 2)


def test_a_reference_that_loses_next_to_nothing_has_no_ratio_instead_of_a_huge_one() -> None:
    errors = {"noise": [30.0, 40.0], "tiny": [35.0, 35.0], "by_chance": [35.0, 35.0]}
    others = {"noise": [50.0, 60.0], "tiny": [40.1, 40.3], "by_chance": [43.0, 43.0]}
    found = corruption_error(
        errors,
        others,
        clean_error=20.0,
        reference_clean_error=40.0,
        least=1.0,
        noise={"noise": 5.0, "by_chance": 3.5},
    )
    assert found.relative_undefined == ("tiny", "by_chance")
    assert found.relative_mean == pytest.approx(15.0 / 15.0)
    assert set(found.by_corruption) == set(errors)
    perfect = corruption_error({"a": [1.0]}, {"a": [0.0]}, clean_error=0.0, reference_clean_error=0.0)
    assert (perfect.mean, perfect.undefined, perfect.relative_undefined) == (None, ("a",), ("a",))
    with pytest.raises(ValueError, match="a has 2 errors and the reference 1"):
        corruption_error({"a": [1.0, 1.0]}, {"a": [1.0]}, clean_error=0.0, reference_clean_error=0.0)


def test_no_corruption_has_no_mean() -> None:
    found = corruption_error({}, {}, clean_error=0.1, reference_clean_error=0.1)
    assert (found.mean, found.relative_mean) == (None, None)


def test_worst_passes_over_what_is_undefined() -> None:
    assert worst({"a": None, "b": 0.2, "c": 0.1}) == ("c", 0.1)
    assert worst({"a": None}) is None
