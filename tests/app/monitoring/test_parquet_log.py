import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.app.monitoring.parquet_log import PLACE, ParquetLog
from holdfast.core.errors import UserError
from holdfast.data.log import local_days

ZONE = "Europe/Berlin"
WANTED = ["shown_at", "next_visit_at", "user_id", "x", "absent"]


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2024-03-29", tz="UTC")
    moments = start + pd.to_timedelta(np.sort(rng.uniform(0, 5, 3000)), unit="D")
    return pd.DataFrame(
        {
            "shown_at": moments.as_unit("us"),
            "user_id": rng.integers(0, 50, 3000),
            "x": rng.normal(size=3000),
            "unread": 1,
        }
    )


def written(frame, folder, *, parts, shuffled=False, group=100):
    """The rows in several files of small row groups, in order of time or not."""
    folder.mkdir()
    order = np.random.default_rng(1).permutation(len(frame)) if shuffled else np.arange(len(frame))
    for number, rows in enumerate(np.array_split(order, parts)):
        table = pa.Table.from_pandas(frame.iloc[rows], preserve_index=False)
        pq.write_table(table, folder / f"part-{number}.parquet", row_group_size=group)
    return folder


@pytest.mark.parametrize(("parts", "shuffled"), [(1, False), (3, False), (3, True)])
def test_days_are_read_as_they_lie_in_the_whole(frame, tmp_path, parts, shuffled):
    log = ParquetLog(
        written(frame, tmp_path / "log", parts=parts, shuffled=shuffled), zone=ZONE, wanted=WANTED
    )
    day = local_days(frame["shown_at"], ZONE)
    days, counts = np.unique(day, return_counts=True)
    assert log.columns == ["shown_at", "user_id", "x"]
    assert dict(log.rows_of_day) == dict(zip(days.tolist(), counts.tolist(), strict=True))
    assert (log.first, log.last) == (frame["shown_at"].iloc[0], frame["shown_at"].iloc[-1])
    assert log.observed_until == log.last + pd.Timedelta(1, "us")
    for first, end in itertools.pairwise(sorted({int(days[0]) - 1, *days.tolist(), int(days[-1]) + 1})):
        read = log.read(first, end, past=["shown_at", "user_id"])
        expected = frame.loc[(day >= first) & (day < end), ["shown_at", "user_id", "x"]]
        assert read.num_rows == len(expected)
        pd.testing.assert_frame_equal(
            read.frame.drop(columns=PLACE), expected.reset_index(drop=True), check_dtype=False
        )
        earlier = log.earlier(first, end, ["shown_at", "x", "absent"])
        pd.testing.assert_frame_equal(earlier, expected[["shown_at", "x"]].reset_index(drop=True))
        if len(expected):
            assert read.past is not None
            assert read.past[PLACE].tolist() == read.frame[PLACE].tolist()


def test_a_sample_is_uniform_and_as_large_as_was_asked_for(frame, tmp_path):
    log = ParquetLog(written(frame, tmp_path / "log", parts=2), zone=ZONE, wanted=WANTED)
    first, end = min(log.rows_of_day), max(log.rows_of_day) + 1
    read = log.read(first, end, past=["shown_at"], most_rows=1000)
    assert (len(read.frame), len(read.past), read.num_rows) == (1000, 3000, 3000)
    assert read.frame[PLACE].is_unique
    assert read.frame["shown_at"].is_monotonic_increasing
    # Of 1000 ranks out of 3000, uniform: mean 1499.5, its standard error 22.
    assert abs(read.frame[PLACE].mean() - 1499.5) < 4 * 22.4
    assert len(log.read(first, end, most_rows=5000).frame) == 3000


def test_columns_that_only_some_files_have_and_times_that_are_missing(frame, tmp_path):
    folder = written(frame.iloc[:1500], tmp_path / "log", parts=1)
    later = frame.iloc[1500:].drop(columns="x")
    later = pd.concat([later, pd.DataFrame({"shown_at": [pd.NaT] * 7, "user_id": 1, "unread": 1})])
    later["shown_at"] = pd.to_datetime(later["shown_at"], utc=True)
    later.to_parquet(folder / "later.parquet", index=False)
    log = ParquetLog(folder, zone=ZONE, wanted=WANTED)
    assert log.num_rows == 3000
    read = log.read(min(log.rows_of_day), max(log.rows_of_day) + 1)
    assert int(read.frame["x"].isna().sum()) == 1500


def test_the_latest_visit_is_as_far_as_the_log_saw(frame, tmp_path):
    frame["next_visit_at"] = frame["shown_at"] + pd.Timedelta(days=2)
    log = ParquetLog(written(frame, tmp_path / "log", parts=2), zone=ZONE, wanted=WANTED)
    assert log.observed_until == frame["next_visit_at"].max() + pd.Timedelta(1, "us")


def test_what_cannot_be_read_is_a_users_mistake(frame, tmp_path):
    with pytest.raises(UserError, match="there is no log"):
        ParquetLog(tmp_path / "nowhere", zone=ZONE, wanted=WANTED)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no \*.parquet"):
        ParquetLog(tmp_path / "empty", zone=ZONE, wanted=WANTED)
    folder = written(frame, tmp_path / "log", parts=1)
    (folder / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(UserError, match="cannot read"):
        ParquetLog(folder, zone=ZONE, wanted=WANTED)
    naive = frame.assign(shown_at=frame["shown_at"].dt.tz_localize(None))
    with pytest.raises(UserError, match="write timestamps in UTC"):
        ParquetLog(written(naive, tmp_path / "naive", parts=1), zone=ZONE, wanted=WANTED)
    with pytest.raises(UserError, match="no column shown_at"):
        ParquetLog(
            written(frame.drop(columns="shown_at"), tmp_path / "timeless", parts=1), zone=ZONE, wanted=WANTED
        )
