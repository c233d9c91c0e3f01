from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from holdfast.core.batch import Inputs
from holdfast.core.features import MISSING_ROW, InputSchema, ListField
from holdfast.core.protocols import SequenceEncoder, SequenceModule
from holdfast.models.embedding import InputEmbedding

SCHEMA = InputSchema(
    categorical=("item", "device"),
    numeric=("age",),
    lists=(ListField(name="history", max_length=3),),
    vocabulary_of={"item": "items", "device": "devices", "history": "items"},
    num_rows={"items": 6, "devices": 4},
)
DEVICES, ITEMS = 0, 4  # in order of name: rows 0 to 3, then 4 to 9


def embedding(*, sparse: bool = False) -> InputEmbedding:
    torch.manual_seed(0)
    return InputEmbedding(SCHEMA, embedding_dim=2, scale=0.1, sparse=sparse)


def inputs(ids: list[list[int]], history: list[list[int]], dtype: torch.dtype = torch.int32) -> Inputs:
    rows = len(ids)
    return Inputs(
        torch.tensor(ids, dtype=dtype),
        torch.arange(rows, dtype=torch.float32)[:, None],
        (torch.tensor(history, dtype=dtype),),
        torch.full((rows,), 60.0),
    )


def represent(module: InputEmbedding, batch: Inputs) -> Tensor:
    """All fields of the only set of embeddings, then the numeric inputs."""
    (fields,) = module(batch)
    return torch.cat([fields.vectors.flatten(1), fields.numeric], dim=1)


def table_of(module: InputEmbedding) -> Tensor:
    assert module.table is not None
    return module.table.weight


def test_by_hand() -> None:
    module = embedding()
    table = table_of(module)
    out = represent(module, inputs([[2, 3], [0, 0]], [[5, 1, 0], [0, 0, 0]]))
    first = [table[ITEMS + 2], table[DEVICES + 3], (table[ITEMS + 5] + table[ITEMS + 1]) / 2, torch.zeros(1)]
    # A missing category is a value; an empty list is nothing.
    second = [table[ITEMS], table[DEVICES], torch.zeros(2), torch.ones(1)]
    torch.testing.assert_close(out, torch.stack([torch.cat(first), torch.cat(second)]))
    assert out.shape[1] == 7
    assert module.shape.fields == ("item", "device", "history")
    assert (module.shape.embedding_dim, module.shape.num_numeric) == (2, 1)
    assert table.shape == (10, 2)


def test_padding_contributes_nothing_and_gets_no_gradient() -> None:
    module = embedding()
    represent(module, inputs([[2, 3]], [[5, MISSING_ROW, MISSING_ROW]])).sum().backward()
    gradient = table_of(module).grad
    assert gradient is not None
    assert gradient[ITEMS + MISSING_ROW].tolist() == [0.0, 0.0]
    assert gradient[ITEMS + 5].tolist() == [1.0, 1.0]


def test_a_missing_category_is_trained() -> None:
    module = embedding()
    represent(module, inputs([[MISSING_ROW, 3]], [[5, 0, 0]])).sum().backward()
    gradient = table_of(module).grad
    assert gradient is not None
    assert gradient[ITEMS + MISSING_ROW].tolist() == [1.0, 1.0]


def test_sparse_gradients_hold_the_rows_that_were_seen_and_equal_dense_ones() -> None:
    dense, sparse = embedding(), embedding(sparse=True)
    batch = inputs([[2, 3], [2, 1]], [[5, 2, 0], [4, 0, 0]])
    for module in (dense, sparse):
        represent(module, batch).square().sum().backward()
    gradient = table_of(sparse).grad
    assert gradient is not None
    assert gradient.is_sparse
    seen = {int(row) for row in gradient.coalesce().indices()[0]}
    assert seen == {DEVICES + 1, DEVICES + 3, ITEMS, ITEMS + 2, ITEMS + 4, ITEMS + 5}
    torch.testing.assert_close(gradient.to_dense(), table_of(dense).grad)


def test_both_integer_widths_are_welcome() -> None:
    module = embedding()
    rows = ([[2, 3]], [[5, 1, 0]])
    narrow, wide = (inputs(*rows, dtype) for dtype in (torch.int32, torch.int64))
    assert torch.equal(represent(module, narrow), represent(module, wide))


def test_fresh_rows_have_the_same_spread_in_every_vocabulary() -> None:
    schema = InputSchema(
        categorical=("a", "b"),
        numeric=(),
        vocabulary_of={"a": "a", "b": "b"},
        num_rows={"a": 4000, "b": 20000},
    )
    torch.manual_seed(0)
    table = table_of(InputEmbedding(schema, embedding_dim=4, scale=0.05, sparse=True))
    for part in (table[:4000], table[4000:]):
        assert abs(float(part.std()) - 0.05) < 0.001


def test_numeric_inputs_alone_need_no_table() -> None:
    module = InputEmbedding(
        InputSchema(categorical=(), numeric=("age",)), embedding_dim=4, scale=0.1, sparse=True
    )
    numeric = torch.randn(3, 1)
    only = Inputs(torch.zeros(3, 0, dtype=torch.int32), numeric, (), torch.ones(3))
    assert torch.equal(represent(module, only), numeric)
    assert list(module.parameters()) == []


@dataclass(frozen=True)
class Written(SequenceEncoder):
    """Keeps what it is given."""

    seen: list[tuple[Tensor, Tensor, Tensor, Tensor | None]]

    def build(self, length: int, embedding_dim: int) -> SequenceModule:
        encoder = self

        class Module(SequenceModule):
            def forward(
                self, events_BLW: Tensor, present_BL: Tensor, target_BW: Tensor, gaps_BLW: Tensor | None
            ) -> Tensor:
                encoder.seen.append((events_BLW, present_BL, target_BW, gaps_BLW))
                return events_BLW[:, 0]

        return Module()


def test_an_encoder_gets_events_target_and_gaps_of_its_own_list() -> None:
    schema = InputSchema(
        categorical=("device", "item"),
        numeric=("age",),
        lists=(
            ListField(name="ages", max_length=3, ordered=True, gap_of="clicked"),
            ListField(name="tags", max_length=2),
            ListField(name="clicked", max_length=3, ordered=True, target="item"),
            ListField(name="seen", max_length=2, ordered=True),
        ),
        vocabulary_of={
            "device": "devices",
            "item": "items",
            "clicked": "items",
            "seen": "devices",
            "tags": "tags",
            "ages": "ages",
        },
        num_rows={"ages": 4, "devices": 4, "items": 6, "tags": 5},
    )
    recorder = Written([])
    torch.manual_seed(0)
    module = InputEmbedding(schema, embedding_dim=2, scale=0.1, sparse=False, sequence=recorder)
    ages, devices, items, tags = 0, 4, 8, 14
    table = table_of(module)
    (fields,) = module(
        Inputs(
            torch.tensor([[2, 5]]),
            torch.ones(1, 1),
            (
                torch.tensor([[3, 1, 0]]),
                torch.tensor([[4, 2]]),
                torch.tensor([[2, 1, 0]]),
                torch.tensor([[0, 0]]),
            ),
            torch.ones(1),
        )
    )
    assert module.shape.fields == ("device", "item", "tags", "clicked", "seen")
    (events, present, target, gaps), (_, none_present, no_target, no_gaps) = recorder.seen
    assert torch.equal(events[0, :2], table[[items + 2, items + 1]])
    assert present.tolist() == [[True, True, False]]
    assert none_present.tolist() == [[False, False]]
    assert torch.equal(target, table[[items + 5]])
    assert gaps is not None
    assert torch.equal(gaps[0, :2], table[[ages + 3, ages + 1]])
    assert no_gaps is None
    assert torch.equal(no_target, torch.zeros(1, 2))
    expected = [table[devices + 2], table[items + 5], (table[tags + 4] + table[tags + 2]) / 2, events[0, 0]]
    torch.testing.assert_close(fields.vectors[0, :4], torch.stack(expected))


def test_several_sets_are_one_row_of_one_table() -> None:
    torch.manual_seed(0)
    module = InputEmbedding(SCHEMA, embedding_dim=2, scale=0.1, sparse=True, num_sets=3)
    table = table_of(module)
    assert table.shape == (10, 6)
    batch = inputs([[2, 3], [0, 0]], [[5, 1, 0], [0, 0, 0]])
    sets = module(batch)
    assert len(sets) == 3
    for index, fields in enumerate(sets):
        part = embedding()
        table_of(part).data = table.detach()[:, 2 * index : 2 * index + 2]
        assert torch.equal(fields.vectors, part(batch)[0].vectors)
        assert torch.equal(fields.numeric, batch.numeric)
    sets[1].vectors.sum().backward()
    gradient = table.grad
    assert gradient is not None
    assert gradient.is_sparse
    seen = gradient.to_dense().abs().sum(0)
    assert seen[2:4].min() > 0
    assert seen[[0, 1, 4, 5]].tolist() == [0.0, 0.0, 0.0, 0.0]
