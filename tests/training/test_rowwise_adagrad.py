from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from holdfast.training.rowwise_adagrad import RowwiseAdagrad

STEPS = [[[1, 4], [1, 1]], [[4, 0], [2, 4]], [[1, 1], [1, 1]]]


def test_agrees_with_the_formula_on_a_dense_array() -> None:
    torch.manual_seed(0)
    table = nn.Embedding(6, 3, sparse=True, dtype=torch.float64)
    target = torch.randn(2, 2, 3, dtype=torch.float64)
    weights, accumulated = table.weight.detach().numpy().copy(), np.zeros(6)
    optimizer = RowwiseAdagrad(table.parameters(), lr=0.3, epsilon=1e-6)
    for ids in STEPS:
        optimizer.zero_grad()
        (table(torch.tensor(ids)) - target).square().sum().backward()
        optimizer.step()
        gradient = np.zeros((6, 3))
        np.add.at(gradient, np.array(ids), 2.0 * (weights[np.array(ids)] - target.numpy()))
        accumulated += (gradient**2).mean(1)
        weights -= 0.3 * gradient / (np.sqrt(accumulated) + 1e-6)[:, None]
        np.testing.assert_allclose(table.weight.detach().numpy(), weights, rtol=1e-12)


def test_is_torchs_adagrad_where_a_row_has_one_weight() -> None:
    tables = [nn.Embedding(6, 1, sparse=True) for _ in range(2)]
    tables[1].load_state_dict(tables[0].state_dict())
    optimizers = [
        RowwiseAdagrad(tables[0].parameters(), lr=0.1, epsilon=1e-10),
        torch.optim.Adagrad(tables[1].parameters(), lr=0.1),
    ]
    for ids in STEPS:
        for table, optimizer in zip(tables, optimizers, strict=True):
            optimizer.zero_grad()
            (table(torch.tensor(ids)) - 1.0).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(tables[0].weight, tables[1].weight)


def test_rows_without_a_gradient_or_with_a_zero_one_stay() -> None:
    table = nn.Embedding(6, 3, sparse=True)
    before = table.weight.detach().clone()
    optimizer = RowwiseAdagrad(table.parameters(), lr=0.1)
    (table(torch.tensor([2, 3])) * torch.tensor([[1.0], [0.0]])).sum().backward()
    optimizer.step()
    moved = (table.weight.detach() != before).any(1)
    assert moved.tolist() == [False, False, True, False, False, False]


def test_state_goes_round() -> None:
    def step(table: nn.Embedding, optimizer: RowwiseAdagrad) -> None:
        optimizer.zero_grad()
        table(torch.tensor([1, 2])).square().sum().backward()
        optimizer.step()

    first, second = nn.Embedding(4, 2, sparse=True), nn.Embedding(4, 2, sparse=True)
    ours = RowwiseAdagrad(first.parameters(), lr=0.1)
    step(first, ours)
    second.load_state_dict(first.state_dict())
    theirs = RowwiseAdagrad(second.parameters(), lr=0.1)
    theirs.load_state_dict(copy.deepcopy(ours.state_dict()))
    step(first, ours)
    step(second, theirs)
    assert torch.equal(first.weight, second.weight)


def test_wrong_use_is_told() -> None:
    dense = nn.Embedding(4, 2)
    optimizer = RowwiseAdagrad(dense.parameters(), lr=0.1)
    dense(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="wants sparse gradients"):
        optimizer.step()
    with pytest.raises(ValueError, match=r"lr is 0\.0"):
        RowwiseAdagrad(dense.parameters(), lr=0.0)
