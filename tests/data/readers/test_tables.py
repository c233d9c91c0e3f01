import pandas as pd
import pyarrow as pa
import pytest

from holdfast.core.errors import UserError
from holdfast.data.readers.tables import (
    existing_root,
    first_file,
    read_arrow,
    read_table,
    stream_integers,
    to_frame,
)


def test_integers_with_a_null_stay_integers():
    frame = to_frame(pa.table({"id": pa.array([2**60 + 1, None], pa.int64())}))
    assert frame["id"][0] == 2**60 + 1
    assert frame["id"].isna().tolist() == [False, True]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_large_table_comes_in_pieces_with_only_the_columns_asked_for(tmp_path, ending):
    frame = pd.DataFrame({"a": range(5), "noise": list("vwxyz"), "b": [10**16 + row for row in range(5)]})
    path = tmp_path / f"log.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    pieces = list(stream_integers(path, ("b", "a"), dataset="kuairand"))
    whole = pd.concat(pieces, ignore_index=True).astype("int64")
    pd.testing.assert_frame_equal(whole, frame[["b", "a"]])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_missing_column_is_named(tmp_path, ending):
    path = tmp_path / f"log.{ending}"
    frame = pd.DataFrame({"a": [1]})
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    with pytest.raises(UserError, match=r"lacks the columns \['b'\].*datasets/kuairand/README.md"):
        list(stream_integers(path, ("a", "b"), dataset="kuairand"))


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path):
    for name in ("log.parquet", "log.csv"):
        (tmp_path / name).write_text("a\nnot a number\n")
        with pytest.raises(UserError, match=f"cannot read .*{name}"):
            list(stream_integers(tmp_path / name, ("a",), dataset="kuairand"))
    with pytest.raises(UserError, match="as Parquet"):
        read_arrow(tmp_path / "log.parquet", dataset="ebnerd")
    with pytest.raises(UserError, match="as Parquet"):
        read_table(tmp_path / "log.parquet", dataset="ebnerd")


def test_missing_files_are_named_with_where_to_get_them(tmp_path):
    with pytest.raises(UserError, match=r"no such file or folder; datasets/ebnerd/README\.md"):
        existing_root(str(tmp_path / "absent"), dataset="ebnerd")
    with pytest.raises(UserError, match=r"a\.csv or .*b\.csv; datasets/ebnerd/README.md"):
        first_file([tmp_path / "a.csv", tmp_path / "b.csv"], dataset="ebnerd")
