from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from holdfast.data.batches import BatchOrder, TensorColumns
from holdfast.training.data_module import BatchSampler, SliceDataset, WindowDataModule, known_rows


def data_module(toy: Any) -> WindowDataModule:
    train, validation = toy.window(100, 0), toy.window(50, 1, "validation")
    return WindowDataModule(
        train,
        validation,
        train_weights=train.spread,
        validation_weights=validation.spread,
        batch_size=30,
        seed=4,
    )


def test_an_epoch_goes_on_with_the_batches_that_it_would_have_had(toy: Any) -> None:
    whole = data_module(toy).train_dataloader()
    whole.sampler.set_epoch(2)
    expected = [batch.inputs.numeric for batch in whole]
    resumed = data_module(toy)
    resumed.load_state_dict({"epoch": 2, "batches_done": 1})
    loader = resumed.train_dataloader()
    # Lightning says the epoch again; it must not send us back to its start.
    loader.sampler.set_epoch(2)
    rest = [batch.inputs.numeric for batch in loader]
    assert len(expected) == len(loader) == 4
    assert [len(each) for each in expected] == [30, 30, 30, 10]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(rest, expected[1:], strict=True))


def test_the_next_epoch_starts_at_its_start_and_in_another_order() -> None:
    sampler = BatchSampler(BatchOrder(num_rows=20, batch_size=8))
    sampler.epoch, sampler.start = 1, 2
    assert [len(each) for each in sampler] == [4]
    sampler.set_epoch(2)
    later = np.concatenate(list(sampler))
    sampler.set_epoch(1)
    earlier = np.concatenate(list(sampler))
    assert sorted(later) == sorted(earlier) == list(range(20))
    assert later.tolist() != earlier.tolist()


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_validation_slices_cover_the_window_once(toy: Any, world_size: int) -> None:
    columns = TensorColumns(toy.window(50, 1))
    seen = []
    for rank in range(world_size):
        slices = SliceDataset(columns, size=16, rank=rank, world_size=world_size)
        seen += [slices[index].inputs.numeric for index in range(len(slices))]
    assert sum(len(each) for each in seen) == 50
    expected = sorted(columns.slice(0, 50).inputs.numeric[:, 0].tolist())
    assert sorted(torch.cat(seen)[:, 0].tolist()) == expected


def test_state_is_what_was_noted(toy: Any) -> None:
    module = data_module(toy)
    module.note_position(3, 2)
    assert module.state_dict() == {"epoch": 3, "batches_done": 2}


def test_known_rows(toy: Any) -> None:
    window = toy.window(100, 0)
    assert known_rows(window) == dict(
        zip(("click", "dwell", "retention"), window.known.sum(0).tolist(), strict=True)
    )
