import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from holdfast.data.scaling import as_numbers, fit_scaling


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_it_standardises_as_scikit_learn_does(scale):
    numbers = np.random.default_rng(0).lognormal(size=200) * np.random.default_rng(1).choice([-1, 1], 200)
    raw = np.sign(numbers) * np.log1p(np.abs(numbers)) if scale == "log" else numbers
    wanted = StandardScaler().fit_transform(raw[:, None])[:, 0]
    got = fit_scaling(numbers, scale=scale).apply(numbers, clip=100.0)
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


def test_missing_and_infinite_numbers_count_in_nothing_and_become_the_mean():
    scaling = fit_scaling(np.array([1.0, np.nan, 3.0, np.inf, -np.inf]), scale="linear")
    assert (scaling.mean, scaling.deviation, scaling.seen_missing) == (2.0, 1.0, True)
    assert scaling.apply(np.array([np.nan, np.inf, -np.inf, 3.0]), clip=8.0).tolist() == [0, 0, 0, 1]


def test_numbers_are_clipped_on_both_sides():
    scaling = fit_scaling(np.array([-1.0, 1.0]), scale="linear")
    assert scaling.apply(np.array([-9.0, -8.0, 1e308, -1e308]), clip=8.0).tolist() == [-8, -8, 8, -8]


@pytest.mark.parametrize("constant", [0.0, 5.0, -0.1, 1e300])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_constant_column_becomes_zero(constant, scale):
    scaling = fit_scaling(np.full(7, constant), scale=scale)
    assert scaling.deviation == 1.0
    np.testing.assert_allclose(scaling.apply(np.full(2, constant), clip=8.0), 0.0, atol=1e-9)


@pytest.mark.parametrize("numbers", [[], [np.nan, np.nan]])
def test_a_column_without_numbers_has_a_scale(numbers):
    scaling = fit_scaling(np.array(numbers, dtype=np.float64), scale="log")
    assert (scaling.mean, scaling.deviation) == (0.0, 1.0)
    assert scaling.apply(np.array([np.nan]), clip=8.0).tolist() == [0.0]


def test_huge_numbers_have_a_finite_scale():
    numbers = np.array([1e308, -1e308, 5e307])
    scaled = fit_scaling(numbers, scale="linear").apply(numbers, clip=8.0)
    np.testing.assert_allclose(scaled, StandardScaler().fit_transform([[2.0], [-2.0], [1.0]])[:, 0])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pd.Series([1, 2], dtype="int8"), [1, 2]),
        (pd.Series([1, None], dtype="Int64"), [1, np.nan]),
        (pd.Series([True, False]), [1, 0]),
        (pd.Series([True, None], dtype="boolean"), [1, np.nan]),
        (pd.Series([1.5, None], dtype="Float64"), [1.5, np.nan]),
        (pd.Series([1.5, None], dtype="double[pyarrow]"), [1.5, np.nan]),
        (pd.Series(["1.5", "x", None]), [1.5, np.nan, np.nan]),
        (pd.Series([1, None, "2"], dtype=object), [1, np.nan, 2]),
        (pd.Series([3, 4, None], dtype="category"), [3, 4, np.nan]),
        (pd.Series([None, None], dtype=object), [np.nan, np.nan]),
    ],
    ids=lambda values: str(getattr(values, "dtype", "")),
)
def test_columns_of_any_type_become_numbers(values, wanted):
    numbers = as_numbers(values)
    assert numbers.dtype == np.float64
    np.testing.assert_array_equal(numbers, wanted)
