"""Probes lack, and have unseen, every feature once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from holdfast.core.features import Feature
from holdfast.serving.probes import EXTREME_NUMBER, UNSEEN_NUMBER, UNSEEN_TEXT, num_probes, probe_rows

FEATURES = (
    Feature(name="user_id", kind="categorical", owner="user"),
    Feature(name="country", kind="categorical", owner="user"),
    Feature(name="age", kind="numeric", owner="user"),
    Feature(name="clicks", kind="numeric", owner="item"),
    Feature(name="tags", kind="multi_valued", owner="item"),
    Feature(name="seen", kind="sequence", owner="user"),
)
M = len(FEATURES)


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": np.array([7, 8, 9]),
            "country": pd.Series(["dk", "no", "se"], dtype="str"),
            "age": [30.5, 40.5, 50.5],
            "clicks": np.array([1, 2, 3], dtype=np.int16),
            "tags": [["a"], None, ["b", "c"]],
            "seen": [np.array([1, 2]), np.array([], dtype=int), np.array([3])],
            "content_seconds": [10.0, 20.0, 30.0],
            "ignored": [0, 0, 0],
        },
        index=[5, 6, 7],
    )


def is_missing(value: object) -> bool:
    return value is None or (np.ndim(value) == 0 and bool(pd.isna(value)))


def test_every_feature_is_once_missing_and_once_unseen(rows: pd.DataFrame) -> None:
    probes = probe_rows(rows, FEATURES, num_rows=40)
    unseen = {
        "user_id": UNSEEN_NUMBER,
        "country": UNSEEN_TEXT,
        "age": EXTREME_NUMBER,
        "clicks": EXTREME_NUMBER,
        "tags": [UNSEEN_TEXT] * 2,
        "seen": [UNSEEN_NUMBER] * 2,
    }
    for index, feature in enumerate(FEATURES):
        values = probes[feature.name]
        assert is_missing(values.iloc[index]), feature.name
        assert is_missing(values.iloc[2 * M]), feature.name
        for row in (M + index, 2 * M + 1):
            assert np.array_equal(values.iloc[row], unseen[feature.name]), feature.name
    assert np.isnan(probes["content_seconds"].iloc[2 * M + 2])
    assert np.isinf(probes["content_seconds"].iloc[2 * M + 3])


def test_the_other_rows_stay_as_they_are_in_turn(rows: pd.DataFrame) -> None:
    probes = probe_rows(rows, FEATURES, num_rows=40)
    assert len(probes) == 40
    assert list(probes) == [*(feature.name for feature in FEATURES), "content_seconds"]
    assert num_probes(FEATURES) == 2 * M + 4
    for row in range(num_probes(FEATURES), 40):
        for name in probes:
            assert np.array_equal(probes[name].iloc[row], rows[name].iloc[row % 3]) or is_missing(
                rows[name].iloc[row % 3]
            )
    # Elsewhere in a probe that lacks one feature, the others are the row's own.
    assert probes["age"].iloc[0] == 30.5
    assert probes["user_id"].iloc[1] == 8


def test_probes_do_not_touch_the_rows_and_are_the_same_every_time(rows: pd.DataFrame) -> None:
    before = rows.copy(deep=True)
    first = probe_rows(rows, FEATURES, num_rows=40)
    pd.testing.assert_frame_equal(rows, before)
    pd.testing.assert_frame_equal(first, probe_rows(rows, FEATURES, num_rows=40))


def test_there_are_never_fewer_rows_than_probes(rows: pd.DataFrame) -> None:
    assert len(probe_rows(rows, FEATURES, num_rows=1)) == num_probes(FEATURES)


@pytest.mark.parametrize(
    ("values", "unseen"),
    [
        (pd.Series([True, False]), None),
        (pd.Series(["x", "y"], dtype="category"), UNSEEN_TEXT),
        (pd.Series([1, 2], dtype="uint8"), UNSEEN_NUMBER),
        (pd.Series([1.0, np.nan]), float(UNSEEN_NUMBER)),
        (pd.Series([1, None], dtype="Int64"), UNSEEN_NUMBER),
        (pd.Series([3, 4], dtype=object), UNSEEN_NUMBER),
    ],
)
def test_every_type_of_category_can_be_missing_and_unseen(values: pd.Series, unseen: object) -> None:
    feature = Feature(name="c", kind="categorical", owner="context")
    probes = probe_rows(values.to_frame("c"), [feature], num_rows=8)
    assert is_missing(probes["c"].iloc[0])
    found = probes["c"].iloc[1]
    assert is_missing(found) if unseen is None else found == unseen
    assert probes["c"].iloc[6] == values.iloc[0]


def test_rows_without_a_feature_are_refused(rows: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="age"):
        probe_rows(rows.drop(columns="age"), FEATURES, num_rows=10)
    with pytest.raises(ValueError, match="0 rows"):
        probe_rows(rows.iloc[:0], FEATURES, num_rows=10)


def test_lists_that_are_all_empty_keep_their_kind(rows: pd.DataFrame) -> None:
    """At the start of a log nobody has a past, and the probes are written to a file of one type a column."""
    nothing = {"tags": [np.array([], dtype=object)] * 3, "seen": [np.array([], dtype=np.int64)] * 3}
    probes = probe_rows(rows.assign(**nothing), FEATURES, num_rows=40)
    assert probes["tags"].iloc[2 * M + 1].tolist() == [UNSEEN_TEXT] * 2
    assert probes["seen"].iloc[2 * M + 1].tolist() == [UNSEEN_NUMBER] * 2
