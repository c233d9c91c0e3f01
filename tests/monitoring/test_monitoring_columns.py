"""The four defects of other tools, and columns of every kind."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import UserError
from holdfast.monitoring.binned_detectors import ChiSquare, JensenShannon, PopulationStability
from holdfast.monitoring.column_kinds import category_counts
from holdfast.monitoring.monitoring_columns import default_detectors, monitor_columns
from holdfast.monitoring.numeric_detectors import KolmogorovSmirnov, Wasserstein
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.share_detectors import MissingRate

ALL = (*default_detectors(), JensenShannon())
FORMS = ("exact", "sketch")


def _one(reference, values, detector, *, form="exact"):
    reference = Reference.from_frame(pd.DataFrame({"x": reference}), form=form)
    table = monitor_columns(reference, pd.DataFrame({"x": values}), detectors=[detector])
    return table[table["kind"] == detector.name].iloc[0]


def _kinds(reference, values, **settings):
    reference = Reference.from_frame(pd.DataFrame({"x": reference}), **settings)
    return set(monitor_columns(reference, pd.DataFrame({"x": values}))["kind"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("side", ["reference", "window"])
def test_one_wild_value_does_not_hide_a_shift(form, side):
    draws = np.random.default_rng(0)
    before, now = draws.normal(size=20_000), draws.normal(1, 1, size=20_000)
    (before if side == "reference" else now)[0] = 1e6
    for detector in (PopulationStability(), KolmogorovSmirnov(), Wasserstein()):
        found = _one(before, now, detector, form=form)
        assert found["severity"] == "large", (detector.name, found)
        assert found["p_value"] < 1e-12
    assert _one(before, now, PopulationStability(), form=form)["statistic"] == pytest.approx(0.99, abs=0.15)
    assert _one(before, now, Wasserstein(), form=form)["effect"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("side", ["reference", "window"])
def test_one_wild_value_without_a_shift_does_not_alarm(form, side):
    draws = np.random.default_rng(1)
    before, now = draws.normal(size=20_000), draws.normal(size=20_000)
    (before if side == "reference" else now)[0] = 1e6
    for detector in (PopulationStability(), KolmogorovSmirnov(), Wasserstein(), JensenShannon()):
        found = _one(before, now, detector, form=form)
        assert found["p_value"] > 0.01, (detector.name, found)
        assert found["severity"] == "none"


@pytest.mark.parametrize("form", FORMS)
def test_a_thousand_categories_without_change_do_not_alarm(form):
    draws = np.random.default_rng(2)
    chance = 1 / np.arange(1, 2001) ** 1.1
    chance /= chance.sum()
    alarms = {"chi_square": 0, "population_stability": 0, "new_categories": 0}
    for _ in range(25):
        before, now = (pd.Series(draws.choice(2000, 10_000, p=chance)).astype(str) for _ in range(2))
        reference = Reference.from_frame(pd.DataFrame({"x": before}), form=form)
        table = monitor_columns(reference, pd.DataFrame({"x": now})).set_index("kind")
        for kind in alarms:
            if kind in table.index:
                alarms[kind] += int(table.loc[kind, "p_value"] < 0.05)
                assert table.loc[kind, "severity"] in ("none", "slight")
    # 25 draws at 5 %: at most 6 in 99.9 % of the cases.
    assert max(alarms.values()) <= 6, alarms


@pytest.mark.parametrize("form", FORMS)
def test_sixty_percent_missing_never_passes(form):
    draws = np.random.default_rng(3)
    before, now = draws.normal(size=5000), draws.normal(size=5000)
    now[draws.random(5000) < 0.6] = np.nan
    found = _one(before, now, MissingRate(), form=form)
    assert found["severity"] == "large"
    assert found["p_value"] < 1e-100
    assert found["effect_low"] < 0.6 < found["effect_high"]
    assert _one(before, now, PopulationStability(), form=form)["severity"] == "large"


@pytest.mark.parametrize("sizes", [(600, 12), (30, 30), (5, 100), (600, 600)])
def test_wasserstein_p_values_hold_without_change(sizes):
    draws = np.random.default_rng(4)
    p = []
    for _ in range(40):
        before, now = (draws.standard_t(4, size=size) for size in sizes)
        p.append(_one(before, now, Wasserstein())["p_value"])
    # 40 draws at 5 %: at most 7 in 99.9 % of the cases.
    assert (np.array(p) < 0.05).sum() <= 7


def test_jensen_shannon_is_numpys_doane_bins_with_one_for_the_outside():
    draws = np.random.default_rng(5)
    before, now = draws.gamma(2, size=5000), draws.gamma(2.2, size=4000)
    edges = np.histogram_bin_edges(before, bins="doane")
    shares = []
    for values in (before, now):
        inside = np.histogram(values, edges)[0] / len(values)
        shares.append(np.append(inside, 1 - inside.sum()))
    p, q = shares
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = [np.nansum(np.where(s > 0, s * np.log2(s / middle), 0)) for s in shares]
    got = _one(before, now, JensenShannon())["statistic"]
    assert got == pytest.approx(np.sqrt(sum(divergence) / 2), abs=1e-9)


def _weird():
    stamp = pd.Timestamp("2024-05-01", tz="UTC")
    return {
        "floats": np.array([1.0, 2.5, -3.0, 4.0, 0.0, 7.0]),
        "float32": np.array([1.0, 2.5, -3.0, 4.0, 0.0, 7.0], dtype=np.float32),
        "float16": np.array([1.0, 2.5, -3.0, 4.0, 0.0, 7.0], dtype=np.float16),
        "nan": np.full(6, np.nan),
        "none": np.array([None] * 6, dtype=object),
        "infinite": np.array([np.inf, -np.inf, 1.0, 2.0, np.nan, 3.0]),
        "all_infinite": np.full(6, np.inf),
        "constant": np.ones(6),
        "huge": np.array([2**63 - 1, 2**62, 0, -(2**62), 5, 6]),
        "unsigned": np.array([2**64 - 1, 0, 1, 2, 3, 4], dtype=np.uint64),
        "beyond": np.array([10**400, -(10**400), 1, 2, 3, 4], dtype=object),
        "extreme": np.array([1e308, -1e308, 0.0, 1e-308, 1.0, 2.0]),
        "bool": np.array([True, False, True, True, False, False]),
        "bool_null": pd.array([True, None, False, True, None, True], dtype="boolean"),
        "integer_null": pd.array([1, None, 3, 4, None, 6], dtype="Int64"),
        "text": pd.array(["a", "b", None, "a", "", "é"], dtype="str"),
        "object_text": np.array(["a", "b", None, np.nan, "", "é"], dtype=object),
        "category": pd.Categorical(["a", "b", None, "a", "c", "b"]),
        "category_numbers": pd.Categorical([1, 2, None, 1, 3, 2]),
        "category_empty": pd.Categorical([None] * 6),
        "mixed": np.array([1, "a", None, 2.5, True, (1, 2)], dtype=object),
        "lists": pd.Series([[1], [2, 3], None, [], [4], [5]], dtype=object),
        "dicts": pd.Series([{"a": 1}, {}, None, {}, {}, {}], dtype=object),
        "moments": pd.Series([stamp, None, stamp, stamp, stamp, stamp]),
        "naive": pd.Series(pd.date_range("2024", periods=6)),
        "dates": np.array([datetime.date(2024, 1, 1)] * 6, dtype=object),
        "durations": pd.to_timedelta(np.arange(6), unit="s"),
        "period": pd.period_range("2024", periods=6, freq="D"),
        "interval": pd.interval_range(0, 6),
        "decimal": np.array([decimal.Decimal("1.5")] * 5 + [None], dtype=object),
        "complex": np.array([1j, 2, 3, 4, 5, 6]),
        "arrow_text": pd.Series(["a", "b", None, "a", "b", "c"], dtype="string[pyarrow]"),
        "dictionary": pd.Series(
            ["a", "b", None, "a", "b", "c"],
            dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())),
        ),
        "arrow_integers": pd.array([1, 2, None, 4, 5, 6], dtype="int64[pyarrow]"),
        "arrow_booleans": pd.array([True, None, False, True, True, True], dtype="bool[pyarrow]"),
        "sparse": pd.arrays.SparseArray([0.0, 0.0, 1.0, 0.0, 2.0, np.nan]),
    }


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(_weird())),
    st.sampled_from(sorted(_weird())),
    st.integers(0, 6),
    st.sampled_from(FORMS),
)
def test_weird_columns_are_findings_and_never_a_crash(before, now, num_rows, form):
    columns = _weird()
    reference = Reference.from_frame(pd.DataFrame({"x": columns[before]}), form=form)
    frame = pd.DataFrame({"x": columns[now]}).iloc[:num_rows]
    table = monitor_columns(reference, frame, detectors=ALL)
    assert len(table) >= 1
    p = table["p_value"].dropna()
    assert p.between(0, 1).all()
    # That a column stopped or began to vary is a yes or no, without a size.
    sized = table["p_value"].notna() & ~table["kind"].isin(["became_constant", "no_longer_constant"])
    assert not np.isnan(table["effect"].astype(float)[sized]).any()
    if num_rows == 0:
        assert table["kind"].tolist() == ["empty_window"]
    elif num_rows == 6 and before == now:
        alarming = table[table["severity"].isin(["moderate", "large", "broken"])]
        assert alarming.empty, alarming


def test_what_is_wrong_has_a_name():
    draws = np.random.default_rng(6)
    numbers = draws.normal(size=1000)
    words = draws.choice(list("abc"), 1000)
    assert "type_changed" in _kinds(numbers, words)
    assert "type_changed" in _kinds(words, numbers)
    assert "type_changed" in _kinds(numbers, numbers > 0)
    assert "all_missing" in _kinds(numbers, np.full(50, np.nan))
    assert "all_missing" in _kinds(words, np.array([None] * 50, dtype=object))
    assert "empty_reference_column" in _kinds(np.full(50, np.nan), numbers)
    assert "became_constant" in _kinds(numbers, np.ones(50))
    assert "no_longer_constant" in _kinds(np.ones(50), numbers)
    assert "infinite_values" in _kinds(numbers, np.append(numbers, np.inf))
    assert "one_row" in _kinds(numbers, numbers[:1])
    assert "empty_window" in _kinds(numbers, numbers[:0])


@pytest.mark.parametrize("form", FORMS)
def test_new_categories_by_the_thousand(form):
    draws = np.random.default_rng(7)
    before = pd.Series(draws.integers(0, 50, 5000)).astype(str)
    now = pd.Series([f"new{number}" for number in range(3000)])
    reference = Reference.from_frame(pd.DataFrame({"x": before}), form=form)
    table = monitor_columns(reference, pd.DataFrame({"x": now})).set_index("kind")
    assert table.loc["new_categories", "severity"] == "large"
    assert table.loc["new_categories", "statistic"] == 1.0
    assert table.loc["chi_square", "effect"] > 0.95


def test_missing_and_unexpected_columns():
    reference = Reference.from_frame(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0]}))
    table = monitor_columns(reference, pd.DataFrame({"a": [1.0, 2.0], "c": [1, 2]})).set_index("where")
    assert table.loc["b", "kind"] == "missing_column"
    assert table.loc["b", "severity"] == "broken"
    assert table.loc["c", "kind"] == "unexpected_column"


def test_integers_that_became_floats_are_the_same_categories():
    before = pd.Series(np.tile([1, 2, 3], 1000))
    now = pd.Series(np.tile([1, 2, 3, None], 750))
    reference = Reference.from_frame(pd.DataFrame({"x": before}), categorical=["x"])
    table = monitor_columns(reference, pd.DataFrame({"x": now})).set_index("kind")
    assert "new_categories" not in table.index
    assert table.loc["chi_square", "p_value"] == 1.0
    assert table.loc["missing_rate", "severity"] == "large"


def test_order_of_rows_does_not_matter():
    draws = np.random.default_rng(8)
    frame = pd.DataFrame({"x": draws.normal(size=500), "y": draws.choice(list("ab"), 500)})
    reference = Reference.from_frame(frame)
    now = frame.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(monitor_columns(reference, frame), monitor_columns(reference, now))


def test_bad_settings_and_two_columns_of_one_name():
    with pytest.raises(ValueError, match="num_bins must be 2 or more, got 1"):
        PopulationStability(num_bins=1)
    frame = pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])
    with pytest.raises(UserError, match="several columns are called a"):
        monitor_columns(Reference.from_frame(pd.DataFrame({"a": [1.0]})), frame)
    assert ChiSquare().applies_to("categorical")
    assert not ChiSquare().applies_to("numeric")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("coarse", ["window", "reference"])
@pytest.mark.parametrize("kind", ["tenths", "prices", "normal", "large"])
def test_single_precision_is_no_drift(form, coarse, kind):
    """The same values in float32 on one side and float64 on the other."""
    draws = np.random.default_rng(7)
    values = {
        "tenths": draws.integers(0, 7, 20_000) / 10,
        "prices": np.round(draws.lognormal(3, 1, 20_000), 2),
        "normal": draws.normal(size=20_000),
        "large": draws.integers(0, 50, 20_000) * 1e6 + 0.3,
    }[kind]
    before, now = (
        values.astype(np.float32) if side == coarse else values for side in ("reference", "window")
    )
    reference = Reference.from_frame(pd.DataFrame({"x": before}), form=form)
    table = monitor_columns(reference, pd.DataFrame({"x": now}), detectors=ALL)
    assert table["p_value"].min() > 0.99, table
    shifted = monitor_columns(reference, pd.DataFrame({"x": now[values > np.median(values)]}), detectors=ALL)
    assert shifted["p_value"].min() < 1e-12


@pytest.mark.parametrize("form", FORMS)
def test_numbers_too_large_for_single_precision_are_no_crash(form):
    small = np.linspace(0, 1, 1000, dtype=np.float32)
    wide = np.append(np.linspace(0, 1, 1000), 1e60)
    for before, now in ((small, wide), (wide, small)):
        table = monitor_columns(
            Reference.from_frame(pd.DataFrame({"x": before}), form=form),
            pd.DataFrame({"x": now}),
            detectors=ALL,
        )
        assert table["p_value"].min() > 0.5
        assert np.isfinite(table["statistic"].dropna()).all()


def test_a_sparse_column_is_counted_like_a_dense_one():
    dense = pd.Series([0, 0, 3, 0, 3, 7])
    assert category_counts(dense.astype(pd.SparseDtype("int64", 0))) == category_counts(dense)
