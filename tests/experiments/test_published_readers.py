"""Readers of published benchmarks: made files of the exact schema, and lines broken in every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from holdfast.core.errors import UserError


def feature(field: str, value: int) -> str:
    return f"{field}\x02{value}\x031.0"


def test_aliexpress_is_read_as_it_is_written(published, aliexpress_file, tmp_path):
    frame = aliexpress_file(tmp_path / "AliExpress_NL" / "train.csv", 400, seed=1)
    aliexpress_file(tmp_path / "AliExpress_NL" / "test.csv", 100, seed=2)
    settings = published["benchmark"].BenchmarkSettings(validation_share=0.25, country="NL")
    windows = published["aliexpress"].read(tmp_path, settings)
    assert (len(windows.train), len(windows.validation), len(windows.test)) == (300, 100, 100)
    # A search is on one side only.
    assert not set(windows.train.request) & set(windows.validation.request)
    rows = published["aliexpress"].read_rows(tmp_path / "AliExpress_NL" / "train.csv")
    np.testing.assert_array_equal(rows.labels, frame[["click", "conversion"]])
    np.testing.assert_array_equal(rows.features["categorical_16"], frame["categorical_16"])
    np.testing.assert_allclose(rows.features["numerical_63"], frame["numerical_63"], atol=1e-6)
    np.testing.assert_array_equal(rows.request, frame["search_id"])


def test_census_knows_the_labels_and_leaves_the_weight_of_a_row_out(published, census):
    rows = published["census"].read_rows(census / "census-income.data")
    lines = (census / "census-income.data").read_text().splitlines()
    assert rows.labels[:, 0].sum() == sum(line.endswith(", 50000+.") for line in lines)
    assert rows.labels[:, 1].sum() == sum(", Never married, " in line for line in lines)
    assert rows.features.shape == (2000, 39)
    assert not {"instance_weight", "marital_status", "income"} & set(rows.features)
    assert set(rows.features["education"]) == {f"level {index}" for index in range(5)}
    windows = published["census"].read(census, published["benchmark"].BenchmarkSettings(validation_share=0.5))
    assert (len(windows.validation), len(windows.test)) == (800, 800)
    names = [each.name for each in published["census"].CENSUS.features]
    assert sorted(names) == sorted(rows.features)


def test_ali_ccp_joins_the_features_of_users(published, tmp_path):
    tmp_path.joinpath("common.csv").write_text(
        f"a,2,{feature('101', 11)}\x01{feature('216', 5)}\nb,1,{feature('101', 12)}\n\n"
    )
    tmp_path.joinpath("samples.csv").write_text(
        f"1,1,0,b,2,{feature('205', 3)}\x01{feature('216', 4)}\n"
        f"2,0,1,a,1,{feature('205', 9)}\n"
        f"3,1,1,a,3,{feature('205', 3)}\x01{feature('216', 4)}\x01{feature('150_14', 8)}\n"
    )
    rows, left_out = published["ali_ccp"].read_rows(tmp_path / "samples.csv", tmp_path / "common.csv")
    assert left_out == 1
    np.testing.assert_array_equal(rows.labels, [[1, 0], [1, 1]])
    assert list(rows.features["101"]) == [12, 11]
    assert list(rows.features["205"]) == [3, 3]
    # The common feature counts where both files have one.
    assert list(rows.features["216"]) == [4, 5]
    assert (rows.features["121"] == 0).all()


def test_kuairand_is_cut_by_the_day(published, kuairand):
    windows = published["kuairand"].read(kuairand, published["benchmark"].BenchmarkSettings())
    assert (len(windows.train), len(windows.validation), len(windows.test)) == (2300, 200, 600)
    assert windows.train.labels.shape == (2300, 8)
    assert {"author_id", "tag", "hour", "upload_age_days"} <= set(windows.train.features)


def broken(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values[:-1], r"train\.csv: line 7: Expected 82 columns, got 81"),
        (lambda values: [*values, "1"], r"train\.csv: line 7: Expected 82 columns, got 83"),
        (lambda values: [*values[:20], "x", *values[21:]], r"line 7: .*invalid value 'x'"),
        (lambda values: [*values[:20], "", *values[21:]], r"line 7: numerical_4 is empty"),
        (lambda values: [*values[:20], "inf", *values[21:]], r"line 7: numerical_4 is not finite"),
        (lambda values: ["7", "0.5", *values[2:]], r"line 7: categorical_1 is not a whole number"),
        (lambda values: [*values[:-2], "2", "0"], r"line 7: click is neither 0 nor 1"),
        (lambda values: [*values[:-2], "0", "1"], r"line 7: conversion is 1 where click is 0"),
    ],
)
@pytest.mark.parametrize("blank", [False, True])
def test_a_malformed_line_of_aliexpress_is_told_by_number(
    published, aliexpress_file, tmp_path, change, said, blank
):
    path = tmp_path / "train.csv"
    aliexpress_file(path, 20, seed=1)
    lines = path.read_text().splitlines()
    lines[6] = ",".join(change(lines[6].split(",")))
    if blank:
        # Passed over, and counted all the same.
        lines.insert(2, "")
        said = said.replace("line 7", "line 8")
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=said):
        published["aliexpress"].read_rows(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", ?", "", "line 3: Expected 42 columns, got 41"),
        ("0000", "0001", "line 3: income is neither '50000\\+\\.' nor '- 50000\\.'"),
        (" ?", " ", "line 3: birth_country is empty"),
    ],
)
def test_a_malformed_line_of_census_is_told_by_number(published, census, old, new, said):
    broken(census / "census-income.data", 3, old, new)
    with pytest.raises(UserError, match=said):
        published["census"].read_rows(census / "census-income.data")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("sample_skeleton", ",u", "u", "line 3: holds 5 values between commas and not 6"),
        (
            "sample_skeleton",
            ",u",
            ",nobody",
            "line 3: the common features 'nobody.*' are not in common_features",
        ),
        ("sample_skeleton", "\x03", "", "line 3: .* is not a field, an id and a value"),
        ("sample_skeleton", "205\x02", "205\x02-", "line 3: field 205 has the id '-"),
        ("sample_skeleton", "205\x02", "205\x0299999999999", "line 3: field 205 has the id '99999999999"),
        ("common_features", ",3,", ",", "line 3: holds 2 values between commas and not 3"),
    ],
)
def test_a_malformed_line_of_ali_ccp_is_told_by_number(published, ali_ccp, file, old, new, said):
    broken(ali_ccp / f"{file}_train.csv", 3, old, new)
    with pytest.raises(UserError, match=said):
        published["ali_ccp"].read(ali_ccp, published["benchmark"].BenchmarkSettings())


def test_a_malformed_line_of_kuairand_is_told_by_number(published, kuairand):
    path = kuairand / "data" / "log_standard_4_22_to_5_08_1k.csv"
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace(lines[4].split(",")[0], "nobody", 1)
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"log_standard_4_22_to_5_08_1k\.csv: line 5: .*nobody"):
        published["kuairand"].read(kuairand, published["benchmark"].BenchmarkSettings())


def test_rows_of_one_search_cannot_be_held_out(published, aliexpress_file, tmp_path):
    aliexpress_file(tmp_path / "train.csv", 4, seed=1)
    rows = published["aliexpress"].read_rows(tmp_path / "train.csv")
    with pytest.raises(UserError, match="all 4 rows belong to one request"):
        published["benchmark"].hold_out(rows, share=0.5)
