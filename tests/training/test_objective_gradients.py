from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from holdfast.training.objective_gradients import (
    inner_products,
    objective_gradients,
    parameter_gramian,
)


def losses_of(mixed_TBO: Tensor) -> Tensor:
    """Different questions to different slices."""
    return torch.stack([(each - index).square().mean() for index, each in enumerate(mixed_TBO)])


def linear_case() -> tuple[Tensor, nn.Parameter, Tensor, Tensor]:
    """Two rows through a linear trunk: inputs, trunk, representation and what two towers read."""
    inputs = torch.tensor([[1.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    trunk = nn.Parameter(torch.tensor([[1.0], [3.0]], dtype=torch.float64))
    shared = inputs @ trunk  # 1 and 7
    return inputs, trunk, shared, torch.stack([2.0 * shared, -1.0 * shared])


def test_a_linear_trunk_by_hand() -> None:
    inputs, trunk, shared, mixed = linear_case()
    losses = losses_of(mixed)  # means of (2 h)^2 and of (-h - 1)^2
    slopes = torch.stack([torch.tensor([4.0, 28.0]), torch.tensor([2.0, 8.0])]).double()
    at_representation = inner_products(objective_gradients(losses, mixed, shared).at_representation)
    torch.testing.assert_close(at_representation, slopes @ slopes.T)
    # The trunk's own gradient is the inputs' sum over rows.
    by_hand = slopes @ inputs
    torch.testing.assert_close(parameter_gramian(losses, [trunk]), by_hand @ by_hand.T)
    assert trunk.grad is None


@pytest.mark.parametrize("sparse", [True, False])
def test_where_each_row_has_an_embedding_of_its_own_both_agree(sparse: bool) -> None:
    torch.manual_seed(0)
    table = nn.Embedding(20, 3, sparse=sparse, dtype=torch.float64)
    layers = nn.ModuleList(nn.Linear(3, 4, dtype=torch.float64) for _ in range(3))

    def gramians(ids: Tensor) -> tuple[Tensor, Tensor]:
        shared = table(ids)
        mixed = torch.stack([layer(shared).tanh() for layer in layers])
        losses = losses_of(mixed)
        return inner_products(
            objective_gradients(losses, mixed, shared).at_representation
        ), parameter_gramian(losses, [table.weight])

    same, exact = gramians(torch.tensor([4, 17, 0, 9]))
    torch.testing.assert_close(same, exact)
    # Rows that share an embedding add up there, and stay apart in the representation.
    apart, added = gramians(torch.tensor([4, 4, 0, 9]))
    assert not torch.allclose(apart, added, rtol=1e-3)


def test_sparse_and_dense_gradients_have_the_same_products() -> None:
    found = []
    for sparse in (True, False):
        torch.manual_seed(1)
        table = nn.Embedding(20, 3, sparse=sparse, dtype=torch.float64)
        trunk = nn.Linear(3, 3, dtype=torch.float64)
        one, other = torch.tensor([4, 17, 4, 0]), torch.tensor([17, 3, 3])
        # The objectives touch different rows, some of them more than once; the last touches none.
        losses = torch.stack(
            [
                trunk(table(one)).sin().sum(),
                trunk(table(other)).exp().sum(),
                trunk(torch.ones(2, 3).double()).sum(),
            ]
        )
        found.append(parameter_gramian(losses, [table.weight, *trunk.parameters()]))
    torch.testing.assert_close(*found)
    assert bool((found[0] != 0.0).all())


def test_an_objective_that_does_not_depend_on_the_representation_has_no_gradient() -> None:
    shared = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    own = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
    mixed = torch.stack([2.0 * shared, own])
    gramian = inner_products(objective_gradients(losses_of(mixed), mixed, shared).at_representation)
    assert gramian.tolist() == [[32.0, 0.0], [0.0, 0.0]]
    alone = own.unsqueeze(0)
    assert inner_products(
        objective_gradients(losses_of(alone), alone, shared).at_representation
    ).tolist() == [[0.0]]
