import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.core.errors import UserError
from holdfast.monitoring.monitoring_columns import monitor_columns
from holdfast.monitoring.one_pass import reference_from_parquet
from holdfast.monitoring.quantile_sketch import QuantileSketch
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.reference_file import load_reference, save_reference


def _frame(num_rows, *, seed=0, shift=0.0):
    draws = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "normal": draws.normal(shift, 1, num_rows),
            "heavy": draws.standard_cauchy(num_rows),
            "counts": draws.poisson(0.5 + shift, num_rows),
            "offset": 1e9 + draws.normal(shift, 1, num_rows),
            "word": draws.choice(list("abcdef"), num_rows),
            "flag": draws.random(num_rows) < 0.3,
            "shown_at": pd.Timestamp("2024-01-01", tz="UTC")
            + pd.to_timedelta(draws.integers(0, 10**6, num_rows), unit="s"),
        }
    )
    frame.loc[draws.random(num_rows) < 0.1, "normal"] = np.nan
    return frame


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5])
def test_a_sketch_errs_within_its_bounds(shift):
    reference = Reference.from_frame(_frame(40_000), time_column="shown_at")
    now = _frame(30_000, seed=1, shift=shift)
    exact = monitor_columns(reference, now).set_index(["where", "kind"])
    sketch = monitor_columns(reference.sketched(), now).set_index(["where", "kind"])
    for name in ("normal", "heavy", "counts", "offset"):
        short = (
            exact.loc[(name, "kolmogorov_smirnov"), "statistic"]
            - sketch.loc[(name, "kolmogorov_smirnov"), "statistic"]
        )
        assert -1e-12 <= short <= 1 / 256 + 1e-12, name
        bound = reference.columns[name].distance_error
        apart = exact.loc[(name, "wasserstein"), "statistic"] - sketch.loc[(name, "wasserstein"), "statistic"]
        assert abs(apart) <= bound * (1 + 1e-6) + 1e-6, name
        # Conservative: a sketch never finds more than there is.
        p = [table.loc[(name, "kolmogorov_smirnov"), "p_value"] for table in (exact, sketch)]
        assert p[1] >= p[0] * (1 - 1e-6), name
        psi = [table.loc[(name, "population_stability"), "statistic"] for table in (exact, sketch)]
        assert psi[0] == pytest.approx(psi[1], abs=1e-9)
    pd.testing.assert_frame_equal(
        exact.loc[["word", "flag"]].drop(columns=["note"]),
        sketch.loc[["word", "flag"]].drop(columns=["note"]),
    )


@pytest.mark.parametrize("num_values", [5, 1000, 40_000])
def test_quantile_sketch_ranks_err_within_the_bound(num_values):
    draws = np.random.default_rng(num_values)
    values = np.concatenate([np.sort(draws.standard_cauchy(num_values)), np.ones(num_values // 2)])
    sketch = QuantileSketch(block=64)
    for part in np.array_split(values, 37):
        sketch.add(part)
    held, weights = sketch.weighted()
    assert weights.sum() == len(values)
    assert (held[0], held[-1]) == (values.min(), values.max())
    points = np.concatenate([held, draws.choice(values, 50)])
    ordered = np.sort(values)
    rank = np.concatenate(([0], np.cumsum(weights)))
    for side in ("left", "right"):
        apart = np.abs(rank[np.searchsorted(held, points, side)] - np.searchsorted(ordered, points, side))
        assert apart.max() <= sketch.rank_error
    assert sketch.rank_error <= len(values) * (np.log2(max(len(values) / 64, 2)) + 2) / 64
    assert QuantileSketch().weighted()[0].shape == (0,)


def test_one_pass_equals_memory_while_it_fits(tmp_path):
    frame = _frame(20_000)
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path)
    read = reference_from_parquet(path, time_column="shown_at", batch_rows=3000)
    held = Reference.from_frame(frame, time_column="shown_at", form="sketch")
    assert (read.start, read.end, read.num_rows) == (held.start, held.end, held.num_rows)
    for name, column in held.columns.items():
        other = read.columns[name]
        assert (other.kind, other.family, other.num_missing) == (
            column.kind,
            column.family,
            column.num_missing,
        )
        for key in ("knots", "below", "upto", "cell_medians", "counts", "histogram"):
            if hasattr(column, key):
                np.testing.assert_array_equal(
                    getattr(other, key), getattr(column, key), err_msg=f"{name} {key}"
                )
    assert set(read.sample.columns) == set(held.sample.columns)


def test_one_pass_over_more_than_it_holds_errs_within_its_bounds(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    frame = _frame(200_000)
    for number, part in enumerate(np.array_split(np.arange(len(frame)), 3)):
        pq.write_table(pa.Table.from_pandas(frame.iloc[part]), folder / f"{number}.parquet")
    read = reference_from_parquet(folder, time_column="shown_at", batch_rows=20_000)
    held = Reference.from_frame(frame, time_column="shown_at")
    now = _frame(50_000, seed=1, shift=0.1)
    exact = monitor_columns(held, now).set_index(["where", "kind"])["statistic"]
    sketch = monitor_columns(read, now).set_index(["where", "kind"])["statistic"]
    for name in ("normal", "heavy", "counts"):
        column = read.columns[name]
        assert 0 < column.rank_error < 2e-4
        apart = exact[name, "kolmogorov_smirnov"] - sketch[name, "kolmogorov_smirnov"]
        assert abs(apart) <= 1 / 256 + 3 * column.rank_error, name
        assert abs(exact[name, "wasserstein"] - sketch[name, "wasserstein"]) <= column.distance_error, name
        assert column.mean == pytest.approx(held.columns[name].mean, rel=1e-9, abs=1e-9)
        assert len(column.histogram) == len(held.columns[name].histogram)
        assert column.histogram.sum() == column.num_finite


@pytest.mark.parametrize("form", ["exact", "sketch"])
def test_a_reference_comes_back_from_its_folder(tmp_path, form):
    frame = _frame(3000)
    frame["mixed"] = [1, "a"] * 1500
    reference = Reference.from_frame(frame, time_column="shown_at", form=form)
    fingerprint = save_reference(reference, tmp_path / "reference")
    again = load_reference(tmp_path / "reference")
    assert len(fingerprint) == 64
    assert (again.num_rows, again.form, again.start, again.end) == (
        3000,
        form,
        reference.start,
        reference.end,
    )
    now = _frame(2000, seed=1).assign(mixed=0)
    pd.testing.assert_frame_equal(monitor_columns(again, now), monitor_columns(reference, now))
    if form == "exact":
        assert isinstance(again.columns["normal"].values, np.memmap)


def test_a_sketch_is_small(tmp_path):
    draws = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{place}": draws.normal(size=20_000) for place in range(20)})
    save_reference(Reference.from_frame(frame, form="sketch", num_sampled=0), tmp_path / "reference")
    size = sum(path.stat().st_size for path in (tmp_path / "reference").iterdir())
    assert size / 20 < 12_000


def test_a_broken_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="no reference in"):
        load_reference(tmp_path)
    folder = tmp_path / "reference"
    save_reference(Reference.from_frame(_frame(50)), folder)
    stored = json.loads((folder / "reference.json").read_text())
    (folder / "reference.json").write_text(json.dumps({**stored, "format": 99}))
    with pytest.raises(UserError, match="has format 99"):
        load_reference(folder)
    (folder / "reference.json").write_text(json.dumps(stored))
    (folder / "sample.parquet").write_bytes(b"cut off")
    with pytest.raises(UserError, match="fingerprint"):
        load_reference(folder)
    (folder / "reference.json").write_text("{")
    with pytest.raises(UserError, match="is no reference"):
        load_reference(folder)


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(UserError, match="the reference has no rows"):
        Reference.from_frame(pd.DataFrame({"a": []}))
    with pytest.raises(UserError, match="no column b"):
        Reference.from_frame(pd.DataFrame({"a": [1]}), categorical=["b"])
    with pytest.raises(ValueError, match="form must be"):
        Reference.from_frame(pd.DataFrame({"a": [1]}), form="rough")
    with pytest.raises(UserError, match="no Parquet at"):
        reference_from_parquet(tmp_path / "nothing")
    pq.write_table(pa.table({"a": pa.array([], pa.float64())}), tmp_path / "empty.parquet")
    with pytest.raises(UserError, match="holds no rows"):
        reference_from_parquet(tmp_path / "empty.parquet")
