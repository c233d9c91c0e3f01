import numpy as np
import pandas as pd
import pyarrow as pa

from holdfast.data.readers.reading_history import reads_before

HISTORIES = pa.table(
    {
        "user_id": pa.array([7, 3, 9], pa.uint32()),
        # The second user's reads are not in order; the third has none.
        "impression_time_fixed": pa.array([[1, 2, 3], [5, 4], []], pa.large_list(pa.timestamp("us"))),
        "article_id_fixed": pa.array([[10, 20, 30], [50, 40], []], pa.large_list(pa.int32())),
    }
)


def read(users, micros, max_length=2):
    shown_at = pd.Series(pd.to_datetime(micros, unit="us", utc=True))
    found = reads_before(pd.Series(users, dtype="UInt32"), shown_at, HISTORIES, max_length=max_length)
    return [cell.tolist() for cell in found]


def test_reads_are_strictly_earlier_the_last_one_the_most_recent():
    assert read([7, 7, 7, 7, 3, 3], [4, 3, 2, 1, 5, 6], max_length=10) == [
        [10, 20, 30], [10, 20], [10], [], [40], [40, 50]
    ]  # fmt: skip


def test_only_the_most_recent_reads_are_kept():
    assert read([7, 3], [9, 9], max_length=1) == [[30], [50]]


def test_nobody_gets_the_reads_of_another_user():
    assert read([9, 1, 5, 100], [9, 9, 9, 9]) == [[], [], [], []]


def test_no_histories_at_all_leave_every_row_empty():
    found = reads_before(
        pd.Series([1], dtype="UInt32"),
        pd.Series([pd.Timestamp(1, tz="UTC")]),
        HISTORIES.slice(2),
        max_length=3,
    )
    assert [cell.tolist() for cell in found] == [[]]


def test_a_row_without_a_moment_has_no_past():
    found = reads_before(
        pd.Series([7], dtype="UInt32"), pd.Series([pd.NaT]).dt.tz_localize("UTC"), HISTORIES, max_length=3
    )
    assert found[0].tolist() == np.zeros(0, dtype=np.int64).tolist()
