import numpy as np
import pandas as pd
import pytest

from holdfast.core.features import MISSING_ROW, UNKNOWN_ROW
from holdfast.data.vocabulary import Vocabulary, each_list_once, fit_vocabulary, flatten, pad


def vocabulary_of(*columns, min_count: int = 1, max_vocabulary: int = 100) -> Vocabulary:
    return fit_vocabulary(columns, min_count=min_count, max_vocabulary=max_vocabulary)


def test_the_most_frequent_come_first_and_ties_in_order():
    assert vocabulary_of(pd.Series([5, 3, 3, 9, 5, 1])).keys.tolist() == [3, 5, 1, 9]
    assert vocabulary_of(pd.Series(["b", "a", "c", "c", None])).keys.tolist() == ["c", "a", "b"]


def test_the_order_of_the_rows_does_not_matter():
    values = pd.Series(np.random.default_rng(0).integers(0, 50, 500))
    wanted = vocabulary_of(values).keys
    np.testing.assert_array_equal(vocabulary_of(values.sample(frac=1, random_state=1)).keys, wanted)


def test_rare_values_and_those_beyond_the_limit_are_unknown():
    values = pd.Series([1, 1, 1, 2, 2, 3])
    assert vocabulary_of(values, min_count=2).keys.tolist() == [1, 2]
    vocabulary = vocabulary_of(values, max_vocabulary=1)
    assert vocabulary.rows(values).tolist() == [2, 2, 2, UNKNOWN_ROW, UNKNOWN_ROW, UNKNOWN_ROW]
    assert vocabulary.num_rows == 3


def test_columns_that_share_are_counted_together():
    vocabulary = vocabulary_of(pd.Series([1, 2]), np.array([2, 3]), pd.Series([3, 3]), min_count=2)
    assert vocabulary.keys.tolist() == [3, 2]
    # A column without any value does not turn the numbers of the others into text.
    assert vocabulary_of(pd.Series([1]), pd.Series([None, None], dtype=object)).keys.dtype == np.int64


INTEGERS = [
    pd.Series([7, -3, 7], dtype="int64"),
    pd.Series([7, -3, 7], dtype="int8"),
    pd.Series([7, -3, 7], dtype="Int32"),
    pd.Series([7, -3, 7], dtype="int64[pyarrow]"),
    pd.Series([7.0, -3.0, 7.0]),
    pd.Series([7.0, -3.0, 7.0], dtype="float32"),
    pd.Series([7, -3, 7], dtype=object),
    pd.Series([7, -3.0, 7], dtype=object),
    pd.Series([7, -3, 7], dtype="category"),
    pd.Series(["7", "-3", "7"]),
    pd.Series(["7", "-3", "7"], dtype=object),
    pd.Series(["7", "-3", 7], dtype=object),
    pd.Series(["7", "-3", "7"], dtype="category"),
    pd.Series(["7", "-3", "7"], dtype="string"),
]


@pytest.mark.parametrize("fitted", INTEGERS, ids=lambda values: str(values.dtype))
def test_an_id_is_the_same_whatever_type_it_comes_in(fitted):
    vocabulary = vocabulary_of(fitted)
    for values in INTEGERS:
        assert vocabulary.rows(values).tolist() == [2, 3, 2], values.dtype


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, None, 1], dtype="Int64"),
        pd.Series([1.0, np.nan, 1.0]),
        pd.Series([1.0, np.inf, 1.0]),
        pd.Series([1.0, -np.inf, 1.0], dtype=object),
        pd.Series(["1", None, "1"]),
        pd.Series(["1", np.nan, "1"], dtype=object),
        pd.Series([1, pd.NA, 1], dtype=object),
        pd.Series(["1", None, "1"], dtype="category"),
        pd.Series([True, None, True], dtype="boolean"),
        pd.Series([True, None, True], dtype=object),
    ],
    ids=lambda values: f"{values.dtype}-{values[1]}",
)
def test_nulls_and_infinities_are_missing_when_fitted_and_when_read(values):
    vocabulary = vocabulary_of(values)
    assert vocabulary.num_rows == 3
    assert vocabulary.rows(values).tolist() == [2, MISSING_ROW, 2]
    assert vocabulary_of(pd.Series([1])).rows(values).tolist() == [2, MISSING_ROW, 2]


def test_booleans_are_categories():
    vocabulary = vocabulary_of(pd.Series([True, False, True]))
    for dtype in ("bool", "boolean", "object", "int64", "float64"):
        assert vocabulary.rows(pd.Series([False, True]).astype(dtype)).tolist() == [3, 2], dtype


def test_values_that_training_did_not_see_are_unknown():
    for seen in (pd.Series([1, 2]), pd.Series(["a", "b"]), pd.Series([None, None], dtype=object)):
        vocabulary = vocabulary_of(seen)
        for strange in (
            pd.Series([9]),
            pd.Series(["no such thing"]),
            pd.Series([0.5]),
            pd.Series([1e300]),
            pd.Series([-(10**30)], dtype=object),
            pd.Series([True, "x"], dtype=object)[1:],
            pd.Series([b"bytes"], dtype=object),
            pd.Series([2**64 - 1], dtype="uint64"),
        ):
            assert vocabulary.rows(strange).tolist() == [UNKNOWN_ROW]
        assert vocabulary.rows(pd.Series([], dtype=object)).shape == (0,)


def test_numbers_that_are_no_integers_are_told_apart_by_what_they_are():
    vocabulary = vocabulary_of(pd.Series([0.5, 0.5, 2.0]))
    assert vocabulary.rows(pd.Series([0.5, 2.0, 2.5])).tolist() == [2, 3, UNKNOWN_ROW]
    assert vocabulary.rows(pd.Series([2])).tolist() == [3]


def test_large_ids_keep_every_digit():
    ids = pd.Series([2**62 + 1, 2**62 + 2, 2**62 + 3])
    assert vocabulary_of(ids).rows(ids).tolist() == [2, 3, 4]
    lists = pd.Series([[2**62 + 1, None], [2**62 + 2, 2**62 + 3]], dtype=object)
    assert vocabulary_of(flatten(lists)[1]).rows(ids).tolist() == [2, 3, 4]


def test_whole_numbers_are_looked_up_as_they_are_found():
    """Small whole numbers have a table of their own; it knows what the index knows."""
    values = pd.Series([-(2**63), -5, -1, 0, 1, 2, 3, 4, 5, 999, 2**63 - 1])
    vocabulary = vocabulary_of(pd.Series([0, 4, 4, 2]))
    assert vocabulary.rows(values).tolist() == [1, 1, 1, 3, 1, 4, 1, 2, 1, 1, 1]
    assert vocabulary.rows(values.astype("Int64")).tolist() == vocabulary.rows(values).tolist()
    assert vocabulary.rows(values.to_numpy()).dtype == np.int32
    spread = vocabulary_of(pd.Series([0, 10**15, -3]))
    assert spread.rows(pd.Series([10**15, -3, 0, 7])).tolist() == [4, 2, 3, 1]


def test_categories_that_no_row_has_change_nothing():
    values = pd.Series(["b", None, "a", "b", "a"], dtype=pd.CategoricalDtype(["a", "b", "c", "never"]))
    vocabulary = vocabulary_of(values)
    assert vocabulary.keys.tolist() == ["a", "b"]
    assert vocabulary.rows(values).tolist() == [3, MISSING_ROW, 2, 3, 2]
    assert vocabulary.rows(values[:1]).tolist() == [3]
    assert vocabulary.rows(values[:0]).tolist() == []
    numbers = pd.Series([1.5, 2.0, np.inf, 2.0], dtype="category")
    fitted = vocabulary_of(numbers)
    assert fitted.rows(numbers).tolist() == fitted.rows(numbers.astype(float)).tolist() == [3, 2, 0, 2]


def test_lists_that_rows_share_are_looked_at_once():
    one, other = np.array(["a", "b"], dtype=object), ["c"]
    lists = pd.Series([other, one, None, one, one, None, other, other], dtype=object)
    found, which = each_list_once(lists)
    assert [each if each is None else list(each) for each in found] == [["c"], ["a", "b"], None]
    assert which.tolist() == [0, 1, 2, 1, 1, 2, 0, 0]
    own = pd.Series([["a"], ["a"], ["b"]], dtype=object)
    assert each_list_once(own)[1] is None
    assert each_list_once(pd.Series([], dtype=object))[0].tolist() == []
    assert each_list_once(pd.Series([1, 1, 1]))[1] is None


def test_values_that_are_lists_are_refused():
    with pytest.raises(TypeError):
        vocabulary_of(pd.Series([[1], [2]], dtype=object))


@pytest.mark.parametrize(
    ("lists", "rows", "values"),
    [
        ([[1, 2], [], None, [3]], [0, 0, 3], [1, 2, 3]),
        ([np.array([1, 2]), np.array([], dtype=int), None, np.array([3])], [0, 0, 3], [1, 2, 3]),
        ([(1, 2), [], np.nan, [3]], [0, 0, 3], [1, 2, 3]),
        ([["a", None], None, ["b"]], [0, 2], ["a", "b"]),
        ([np.array(["a", None], dtype=object), ["b"]], [0, 1], ["a", "b"]),
        ([None, None], [], []),
        ([[], []], [], []),
        ([], [], []),
        # Wrong-looking, but not a reason to fail: scalars, and rows of different types.
        ([5, None, 6], [0, 2], [5, 6]),
        (["a", "b"], [0, 1], ["a", "b"]),
        ([[1], ["a", 2.0], 3], [0, 1, 1, 2], ["1", "a", "2", "3"]),
    ],
)
def test_lists_are_laid_end_to_end(lists, rows, values):
    got_rows, got_values = flatten(pd.Series(lists, dtype=object))
    assert got_rows.tolist() == rows
    assert got_values.tolist() == values


def test_lists_of_a_part_of_a_frame_are_its_own():
    lists = pd.Series([[1], [2, 3], [4], None], index=[10, 11, 12, 13], dtype=object)
    rows, values = flatten(lists[1:3])
    assert (rows.tolist(), values.tolist()) == ([0, 0, 1], [2, 3, 4])


@pytest.mark.parametrize(
    ("keep_last", "wanted"),
    [
        (True, [[4, 5], [0, 0], [6, 0], [8, 9]]),
        (False, [[2, 3], [0, 0], [6, 0], [7, 8]]),
    ],
)
def test_padding_by_hand(keep_last, wanted):
    rows = np.array([0, 0, 0, 0, 2, 2, 3, 3, 3])
    values = np.array([2, 3, 4, 5, MISSING_ROW, 6, 7, 8, 9])
    padded = pad(rows, values, num_rows=4, length=2, keep_last=keep_last)
    assert padded.dtype == np.int32
    assert padded.tolist() == wanted


def test_padding_no_rows_and_no_values():
    none = np.zeros(0, dtype=np.int64)
    assert pad(none, none, num_rows=0, length=3, keep_last=True).shape == (0, 3)
    assert pad(none, none, num_rows=2, length=3, keep_last=False).tolist() == [[0, 0, 0]] * 2
