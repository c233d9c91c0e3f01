import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from holdfast.data.batches import BatchOrder, TensorColumns
from holdfast.data.encoded import EncodedWindow, load_window


def rows_of(order: BatchOrder, epoch: int = 0) -> np.ndarray:
    return np.concatenate(list(order.indices(epoch)))


class TestBatchOrder:
    @pytest.mark.parametrize("shuffle", [False, True])
    def test_every_row_comes_once_an_epoch(self, shuffle):
        order = BatchOrder(num_rows=103, batch_size=10, shuffle=shuffle)
        batches = list(order.indices(3))
        assert [len(batch) for batch in batches] == [10] * 10 + [3]
        assert len(batches) == order.num_batches
        assert sorted(np.concatenate(batches)) == list(range(103))
        assert all(batch.dtype == np.int64 for batch in batches)

    def test_rows_come_as_they_lie_unless_shuffled(self):
        assert rows_of(BatchOrder(num_rows=5, batch_size=2, shuffle=False)).tolist() == [0, 1, 2, 3, 4]

    def test_dropping_the_last_leaves_whole_batches(self):
        order = BatchOrder(num_rows=103, batch_size=10, drop_last=True)
        assert [len(batch) for batch in order.indices(0)] == [10] * 10

    def test_seed_and_epoch_decide_and_nothing_else(self):
        order = BatchOrder(num_rows=50, batch_size=8, seed=1)
        first = rows_of(order, 5)
        rows_of(order, 4)
        np.random.default_rng(0).random(3)
        np.testing.assert_array_equal(rows_of(BatchOrder(num_rows=50, batch_size=8, seed=1), 5), first)
        assert rows_of(order, 6).tolist() != first.tolist()
        assert rows_of(BatchOrder(num_rows=50, batch_size=8, seed=2), 5).tolist() != first.tolist()

    @pytest.mark.parametrize("start", [0, 1, 6, 7])
    def test_an_epoch_goes_on_where_it_was_left(self, start):
        order = BatchOrder(num_rows=50, batch_size=8, seed=1)
        whole, rest = list(order.indices(2)), list(order.indices(2, start=start))
        assert len(rest) == 7 - start
        for one, other in zip(whole[start:], rest, strict=True):
            np.testing.assert_array_equal(one, other)

    @pytest.mark.parametrize("drop_last", [False, True])
    @pytest.mark.parametrize("num_rows", [40, 41, 43, 57, 64])
    def test_ranks_share_the_rows_of_an_epoch_in_as_many_batches(self, num_rows, drop_last):
        def order(rank: int, size: int) -> BatchOrder:
            return BatchOrder(
                num_rows=num_rows, batch_size=8, seed=3, rank=rank, world_size=size, drop_last=drop_last
            )

        batches = [list(order(rank, 3).indices(1)) for rank in range(3)]
        assert len({len(each) for each in batches}) == 1
        rows = [np.concatenate(each).tolist() for each in batches]
        together = [row for each in rows for row in each]
        assert len(set(together)) == len(together)
        assert len(together) >= num_rows - (8 * 3 - 1 if drop_last else 2)
        # Interleaved: what three ranks see in a step is what one would see in a batch three times as large.
        alone = np.concatenate(list(BatchOrder(num_rows=num_rows, batch_size=1, seed=3).indices(1)))
        for rank in range(3):
            np.testing.assert_array_equal(rows[rank], alone[rank::3][: len(rows[rank])])

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"num_rows": 0}, "num_rows is 0"),
            ({"batch_size": 0}, "batch_size is 0"),
            ({"world_size": 0}, "world_size is 0"),
            ({"rank": 1}, "rank is 1"),
            ({"batch_size": 11, "drop_last": True}, "make no batch of 11"),
            ({"world_size": 11}, "over 11 ranks make no batch"),
        ],
    )
    def test_a_value_out_of_range_is_named(self, wrong, message):
        with pytest.raises(ValueError, match=message):
            BatchOrder(**{"num_rows": 10, "batch_size": 4, **wrong})


@pytest.fixture
def window() -> EncodedWindow:
    num_rows = 20
    rows = np.arange(num_rows)
    column = rows.astype(np.float32)[:, None]
    return EncodedWindow(
        name="train",
        objectives=("click", "dwell"),
        categorical=(rows[:, None] + [0, 100]).astype(np.int32),
        numeric=column + np.float32([0.25, 0.5, 0.75]),
        lists=((rows[:, None] + [200, 300]).astype(np.int32), (rows[:, None] + 400).astype(np.int32)),
        content_seconds=column[:, 0] + 500,
        value=column + np.float32([600, 700]),
        event=(rows[:, None] + [0, 1]) % 2 == 0,
        known=(rows[:, None] + [0, 1]) % 3 == 0,
        spread=column + np.float32([800, 900]),
        **dict.fromkeys(("propensity", "request", "user", "user_day", "day", "slot", "follow_up_days"), rows),
        recency_days=rows,
        active_days_7=rows,
        policy=rows,
        item=rows,
    )


def check_batch(batch, rows, window: EncodedWindow, weights: np.ndarray) -> None:
    pairs = [
        (batch.inputs.categorical, window.categorical),
        (batch.inputs.numeric, window.numeric),
        (batch.inputs.content_seconds, window.content_seconds),
        (batch.value, window.value),
        (batch.event, window.event),
        (batch.known, window.known),
        (batch.weight, weights),
        *zip(batch.inputs.lists, window.lists, strict=True),
    ]
    for got, column in pairs:
        np.testing.assert_array_equal(got.numpy(), column[rows])


class TestTensorColumns:
    def test_gathered_rows_are_those_asked_for_in_that_order(self, window):
        weights = np.random.default_rng(0).random((20, 2)).astype(np.float32)
        columns, rows = TensorColumns(window, weights), np.array([7, 0, 19, 7])
        check_batch(columns.gather(rows), rows, window, weights)
        check_batch(columns.gather(torch.from_numpy(rows)), rows, window, weights)

    def test_a_slice_is_a_stretch_of_rows(self, window):
        columns = TensorColumns(window)
        check_batch(columns.slice(15, 99), np.arange(15, 20), window, window.spread)
        pieces = [columns.slice(start, stop) for start, stop in pairwise((0, 7, 14, 20))]
        assert sum(len(piece) for piece in pieces) == len(columns) == 20

    def test_types_are_those_that_a_model_takes(self, window):
        batch = TensorColumns(window).gather(np.array([1, 2]))
        assert batch.inputs.categorical.dtype == torch.int32
        assert {each.dtype for each in (batch.value, batch.weight, batch.inputs.numeric)} == {torch.float32}
        assert {each.dtype for each in (batch.event, batch.known)} == {torch.bool}

    def test_memory_is_shared_not_copied(self, window):
        batch = TensorColumns(window).slice(0, 20)
        assert np.shares_memory(batch.inputs.categorical.numpy(), window.categorical)
        assert np.shares_memory(batch.value.numpy(), window.value)

    def test_a_mapped_window_stays_mapped_and_warns_nobody(self, window, tmp_path: Path):
        window.save(tmp_path / "w")
        mapped = load_window(tmp_path / "w", memory_map=True)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            columns = TensorColumns(mapped)
        assert np.shares_memory(columns.slice(0, 20).inputs.numeric.numpy(), mapped.numeric)
        rows = np.array([3, 1])
        check_batch(columns.gather(rows), rows, window, window.spread)

    def test_weights_of_another_shape_are_refused(self, window):
        with pytest.raises(ValueError, match=r"weights have shape \(20, 3\)"):
            TensorColumns(window, np.ones((20, 3)))
