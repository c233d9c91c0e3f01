from __future__ import annotations

import numpy as np

from holdfast.models.duration_buckets import buckets_of, duration_edges, tables_of


def test_buckets_hold_equally_many_rows_and_keep_equal_lengths_together() -> None:
    content = np.repeat([10.0, 20.0, 30.0, 40.0], [100, 100, 100, 100])
    ones = np.ones(400)
    edges = duration_edges(content, ones > 0, num_buckets=4, min_rows=10, weight=ones)
    assert edges == (10.0, 20.0, 30.0)
    assert buckets_of(np.array([5.0, 10.0, 10.1, 40.0, 99.0]), edges).tolist() == [0, 0, 1, 3, 3]


def test_content_without_end_is_a_bucket_of_its_own() -> None:
    content = np.r_[np.full(100, 10.0), np.full(100, np.inf)]
    ones = np.ones(200)
    assert duration_edges(content, ones > 0, num_buckets=5, min_rows=10, weight=ones) == (10.0,)
    nothing_ends = duration_edges(
        content[100:], ones[100:] > 0, num_buckets=5, min_rows=10, weight=ones[100:]
    )
    assert nothing_ends == ()


def test_a_bucket_with_too_few_ends_joins_a_neighbour() -> None:
    content = np.repeat([10.0, 20.0, 30.0], 100)
    event = np.ones(300, dtype=bool)
    event[105:200] = False
    ones = np.ones(300)
    edges = duration_edges(content, event, num_buckets=3, min_rows=10, weight=ones)
    assert edges == (20.0,)
    event[:] = False
    event[0] = True
    assert duration_edges(content, event, num_buckets=3, min_rows=10, weight=ones) == ()


def test_tables_rise_from_nothing_and_say_what_was_not_seen() -> None:
    value = np.r_[np.arange(1.0, 101.0), np.full(100, 50.0)]
    event = np.r_[np.ones(100, dtype=bool), np.zeros(100, dtype=bool)]
    content = np.r_[np.full(100, 200.0), np.full(100, 50.0)]
    event[100:] = True
    tables, beyond = tables_of(value, event, content, edges=(50.0,), num_levels=10, weight=np.ones(200))
    assert beyond == 0
    event[100:] = False
    event[100] = True
    tables, beyond = tables_of(value, event, content, edges=(50.0,), num_levels=10, weight=np.ones(200))
    assert beyond == 1
    assert all(table[0] == 0.0 and (np.diff(table) > 0).all() for table in tables)
    np.testing.assert_allclose(tables[1], np.r_[0.0, np.arange(10.0, 101.0, 10.0)], atol=0.6)
