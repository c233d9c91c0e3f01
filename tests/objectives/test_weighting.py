from __future__ import annotations

import numpy as np
import pytest

from holdfast.core.errors import UserError
from holdfast.core.propensity import Propensity
from holdfast.objectives.weighting import PropensityWeighting


def logged(values: object) -> Propensity:
    return Propensity(values=np.asarray(values), meaning="item_in_slot", source="logged")


PROPENSITY = logged([0.5, 0.05, 1.0, 0.25])
KNOWN = np.array([[True, False], [True, True], [True, True], [True, True]])
SPREAD = np.array([[1.0, 1.0], [1.0, 0.5], [1.0, 0.5], [1.0, 1.0]], dtype=np.float32)


def test_by_hand() -> None:
    weights, diagnostics = PropensityWeighting(max_weight=10.0).weights(PROPENSITY, KNOWN, SPREAD)
    # 1 / p clipped at 10 is 2, 10, 1, 4, with mean 17 / 4.
    np.testing.assert_allclose(weights[:, 0], np.array([2, 10, 1, 4]) * 4 / 17, rtol=1e-6)
    # Times the spread: 5, 0.5, 4, with mean 9.5 / 3; the first row is not known.
    np.testing.assert_allclose(weights[:, 1], np.array([0, 5, 0.5, 4]) * 3 / 9.5, rtol=1e-6)
    assert weights.dtype == np.float32
    assert diagnostics[0].clipped_share == 0.25
    assert diagnostics[0].effective_sample_size == pytest.approx(17**2 / (4 + 100 + 1 + 16))
    assert diagnostics[1].num_rows == 3


@pytest.mark.parametrize("kind", ["auto", "inverse_propensity", "none"])
def test_known_rows_have_mean_one_and_the_rest_zero(kind: str) -> None:
    weights, _ = PropensityWeighting(kind=kind).weights(PROPENSITY, KNOWN, SPREAD)  # type: ignore[arg-type]
    for index in range(2):
        assert weights[KNOWN[:, index], index].mean() == pytest.approx(1.0)
        assert (weights[~KNOWN[:, index], index] == 0.0).all()


def test_none_keeps_only_the_spread() -> None:
    weights, diagnostics = PropensityWeighting(kind="none").weights(logged(np.full(4, np.nan)), KNOWN, SPREAD)
    np.testing.assert_allclose(weights[:, 0], 1.0)
    np.testing.assert_allclose(weights[:, 1], np.array([0, 0.5, 0.5, 1.0]) * 1.5)
    assert diagnostics[0].effective_sample_size == pytest.approx(4.0)


def test_auto_does_not_weight_where_nothing_was_logged() -> None:
    unlogged = logged(np.full(4, np.nan))
    auto, _ = PropensityWeighting().weights(unlogged, KNOWN, SPREAD)
    none, _ = PropensityWeighting(kind="none").weights(unlogged, KNOWN, SPREAD)
    np.testing.assert_array_equal(auto, none)


@pytest.mark.parametrize("kind", ["auto", "inverse_propensity"])
def test_some_missing_propensities_are_counted_and_a_way_out_is_told(kind: str) -> None:
    propensity = logged([0.5, np.nan, 1.0, np.nan])
    with pytest.raises(UserError, match=r"2 of the 4 rows that count.*missing=set_aside"):
        PropensityWeighting(kind=kind).weights(propensity, KNOWN, SPREAD)  # type: ignore[arg-type]


def test_a_row_that_counts_nowhere_needs_no_propensity() -> None:
    propensity = logged([np.nan, 0.05, 1.0, 0.25])
    known = KNOWN.copy()
    known[0, 0] = False
    weights, _ = PropensityWeighting().weights(propensity, known, SPREAD)
    assert weights[0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["auto", "inverse_propensity"])
def test_missing_propensities_may_be_set_aside_and_are_counted(kind: str) -> None:
    propensity = logged([0.5, np.nan, 1.0, np.nan])
    weighting = PropensityWeighting(kind=kind, missing="set_aside")  # type: ignore[arg-type]
    weights, diagnostics = weighting.weights(propensity, KNOWN, SPREAD)
    # 1 / p is 2 and 1; together they count for the four rows that are known.
    np.testing.assert_allclose(weights[:, 0], [8 / 3, 0.0, 4 / 3, 0.0], rtol=1e-6)
    assert diagnostics[0].num_missing == 2
    assert diagnostics[0].num_rows == 2
    assert diagnostics[1].num_missing == 2


def test_setting_every_row_aside_is_refused() -> None:
    nothing = logged(np.full(4, np.nan))
    with pytest.raises(UserError, match="4 of the 4 rows that count have no propensity"):
        PropensityWeighting(kind="inverse_propensity", missing="set_aside").weights(nothing, KNOWN, SPREAD)
    assert PropensityWeighting(missing="set_aside").resolved(nothing, KNOWN).kind == "none"


def test_objectives_that_a_propensity_does_not_speak_of_are_not_weighted() -> None:
    weights, diagnostics = PropensityWeighting().weights(PROPENSITY, KNOWN, SPREAD, weighted=[1])
    np.testing.assert_allclose(weights[:, 0], 1.0)
    assert diagnostics[0].clipped_share == 0.0
    np.testing.assert_allclose(weights[:, 1], np.array([0, 5, 0.5, 4]) * 3 / 9.5, rtol=1e-6)


def test_an_objective_of_which_nothing_is_known() -> None:
    known = KNOWN.copy()
    known[:, 1] = False
    weights, diagnostics = PropensityWeighting().weights(PROPENSITY, known, SPREAD)
    assert (weights[:, 1] == 0.0).all()
    assert diagnostics[1].num_rows == 0


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"max_weight is 0\.5"):
        PropensityWeighting(max_weight=0.5)
    with pytest.raises(ValueError, match="missing is 'guess'"):
        PropensityWeighting(missing="guess")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="kind is 'ips'"):
        PropensityWeighting(kind="ips")  # type: ignore[arg-type]


def test_auto_is_decided_once_and_then_goes_for_other_windows():
    auto, missing = PropensityWeighting(), logged(np.full(4, np.nan))
    assert auto.resolved(PROPENSITY, KNOWN).kind == "inverse_propensity"
    unweighted = auto.resolved(missing, KNOWN)
    assert unweighted.kind == "none"
    weights, _ = unweighted.weights(PROPENSITY, KNOWN, SPREAD)
    assert (weights[KNOWN[:, 0], 0] == 1.0).all()
    with pytest.raises(UserError, match="have no propensity"):
        auto.resolved(PROPENSITY, KNOWN).weights(missing, KNOWN, SPREAD)
