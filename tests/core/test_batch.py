import pytest
import torch

from holdfast.core.batch import Batch, Inputs


def make_inputs(num_rows: int) -> Inputs:
    return Inputs(
        torch.zeros(num_rows, 2, dtype=torch.int32),
        torch.zeros(num_rows, 3),
        (torch.zeros(num_rows, 4, dtype=torch.int32),),
        torch.full((num_rows,), torch.inf),
    )


def make_batch(num_rows: int = 5) -> Batch:
    value = torch.arange(num_rows * 2, dtype=torch.float32).reshape(num_rows, 2)
    return Batch(make_inputs(num_rows), value, value > 3, value > 1, torch.ones(num_rows, 2))


def test_an_outcome_is_one_column():
    batch = make_batch()
    outcome = batch.outcome(1)
    assert outcome.value.tolist() == [1, 3, 5, 7, 9]
    assert outcome.event.tolist() == [False, False, True, True, True]
    assert outcome.known.tolist() == [False, True, True, True, True]
    assert len(batch) == len(batch.inputs) == 5


def test_shapes_that_disagree_are_refused():
    batch = make_batch()
    with pytest.raises(ValueError, match="disagree in shape"):
        Batch(batch.inputs, batch.value, batch.event, batch.known, torch.ones(5, 3))
    with pytest.raises(ValueError, match="batch of 4 rows"):
        Batch(make_inputs(4), batch.value, batch.event, batch.known, batch.weight)


def test_moving_moves_every_tensor():
    moved = make_batch().to("meta")
    tensors = [moved.value, moved.event, moved.known, moved.weight]
    tensors += [moved.inputs.categorical, moved.inputs.numeric, *moved.inputs.lists]
    tensors.append(moved.inputs.content_seconds)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
