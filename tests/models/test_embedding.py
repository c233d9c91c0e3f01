from __future__ import annotations

import torch
from torch import Tensor

from holdfast.core.batch import Inputs
from holdfast.core.features import MISSING_ROW, InputSchema, ListField
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
