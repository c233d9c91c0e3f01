"""Inputs that go missing in training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from holdfast.core.batch import Batch
from holdfast.core.features import InputSchema, ListField
from holdfast.data.batches import TensorColumns
from holdfast.training.feature_dropout import FeatureDropout

SCHEMA = InputSchema(
    categorical=("item", "device"),
    numeric=("age", "price", "age__missing"),
    lists=(
        ListField(name="history", max_length=3, ordered=True, gap_of=""),
        ListField(name="gaps", max_length=3, ordered=True, gap_of="history"),
    ),
    vocabulary_of={"item": "items", "device": "devices", "history": "items", "gaps": "gaps"},
    num_rows={"items": 30, "devices": 5, "gaps": 9},
)


@pytest.fixture
def batch(toy: Any) -> Batch:
    made = toy.window(400, 0)
    number = np.concatenate([1.0 + made.numeric**2, np.zeros((400, 1))], axis=1).astype(np.float32)
    lists = (1 + made.lists[0] % 29, np.full((400, 3), 4, dtype=np.int32))
    return TensorColumns(
        replace(made, categorical=made.categorical % 4 + 1, numeric=number, lists=lists)
    ).slice(0, 400)


def drop(batch: Batch, place: tuple[int, int] = (0, 0), **settings: Any) -> Batch:
    dropped = FeatureDropout(**settings).build(SCHEMA, seed=3)
    assert dropped is not None
    return dropped(batch, place=place)


def test_what_is_missing_looks_as_the_encoder_would_tell_it(batch: Batch) -> None:
    found = drop(batch, probability=0.3).inputs
    clean = batch.inputs
    gone = found.numeric[:, 0] == 0.0
    assert 0.2 < gone.float().mean() < 0.4
    assert (found.numeric[:, 2] == gone.float()).all(), "the indicator goes with its number"
    assert torch.equal(found.numeric[~gone, 0], clean.numeric[~gone, 0])
    assert ((found.numeric[:, 1] == 0.0) | (found.numeric[:, 1] == clean.numeric[:, 1])).all()
    for column in range(2):
        taken = found.categorical[:, column] == 0
        assert 0.2 < taken.float().mean() < 0.4
        assert torch.equal(found.categorical[~taken, column], clean.categorical[~taken, column])
    empty = (found.lists[0] == 0).all(1)
    assert 0.2 < empty.float().mean() < 0.4
    assert torch.equal((found.lists[1] == 0).all(1), empty), "gaps go with their events"
    assert torch.equal(found.lists[0][~empty], clean.lists[0][~empty])
    assert torch.equal(found.content_seconds, clean.content_seconds)


def test_inputs_go_independently_and_by_batch_all_rows_together(batch: Batch) -> None:
    found = drop(batch, probability=0.5).inputs
    both = ((found.categorical[:, 0] == 0) & (found.categorical[:, 1] == 0)).float().mean()
    assert 0.15 < both < 0.35
    seen = set()
    for index in range(12):
        of_batch = drop(batch, (0, index), probability=0.5, per="batch").inputs
        gone = (of_batch.categorical == 0).float().mean(0)
        assert all(share in (0.0, 1.0) for share in gone.tolist())
        seen.add(tuple(gone.tolist()))
    assert len(seen) == 4


def test_named_inputs_alone(batch: Batch) -> None:
    found = drop(batch, probability=0.5, inputs=["age"]).inputs
    assert (found.numeric[:, 0] == 0.0).any()
    assert torch.equal(found.categorical, batch.inputs.categorical)
    assert torch.equal(found.lists[0], batch.inputs.lists[0])
    assert torch.equal(found.numeric[:, 1], batch.inputs.numeric[:, 1])


def test_what_was_missing_stays_missing(batch: Batch) -> None:
    numeric = batch.inputs.numeric.clone()
    numeric[:, 0], numeric[:, 2] = 0.0, 1.0
    missing = replace(batch, inputs=replace(batch.inputs, numeric=numeric))
    found = drop(missing, probability=0.5).inputs
    assert torch.equal(found.numeric[:, [0, 2]], numeric[:, [0, 2]])


def test_the_place_decides_and_processes_share_the_draws(batch: Batch) -> None:
    dropped = FeatureDropout(probability=0.3).build(SCHEMA, seed=3)
    assert dropped is not None
    whole = dropped(batch, place=(1, 2))
    assert torch.equal(whole.inputs.categorical, dropped(batch, place=(1, 2)).inputs.categorical)
    assert not torch.equal(whole.inputs.categorical, dropped(batch, place=(2, 2)).inputs.categorical)
    for rank in (0, 1):
        index = torch.arange(rank, 399, 2)  # 200 rows, and 199
        part = replace(
            batch,
            inputs=replace(
                batch.inputs,
                categorical=batch.inputs.categorical[index],
                numeric=batch.inputs.numeric[index],
                lists=tuple(each[index] for each in batch.inputs.lists),
                content_seconds=batch.inputs.content_seconds[index],
            ),
            **{name: getattr(batch, name)[index] for name in ("value", "event", "known", "weight")},
        )
        of_rank = dropped(part, place=(1, 2), process=(rank, 2))
        assert torch.equal(of_rank.inputs.numeric, whole.inputs.numeric[index])


def test_none_and_bad_settings() -> None:
    assert FeatureDropout().build(SCHEMA, seed=0) is None
    for probability in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="probability is"):
            FeatureDropout(probability=probability)
    with pytest.raises(ValueError, match="per is 'column'"):
        FeatureDropout(per="column")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"inputs names \['size'\].*'history'"):
        FeatureDropout(probability=0.1, inputs=["size"]).build(SCHEMA, seed=0)
