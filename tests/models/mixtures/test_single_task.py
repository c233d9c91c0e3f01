from __future__ import annotations

import pytest
import torch

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.single_task import SingleTask

SHAPE = RepresentationShape(fields=(), embedding_dim=1, num_numeric=6, width=6)


def rows() -> Representation:
    random = torch.Generator().manual_seed(3)
    shared, own = torch.randn(7, 6, generator=random), torch.randn(2, 7, 6, generator=random)
    return Representation(shared.requires_grad_(), own.requires_grad_(), torch.zeros(7, 0, 1))


@pytest.mark.parametrize("own_embeddings", [False, True])
def test_each_objective_has_a_trunk_of_its_own(own_embeddings: bool) -> None:
    torch.manual_seed(0)
    module = SingleTask(widths=[5, 4], own_embeddings=own_embeddings).build(SHAPE, ["click", "dwell"])
    given = rows()
    assert given.own is not None
    mixed = module(given)
    for index in range(2):
        hidden = given.own[index] if own_embeddings else given.shared
        for layer in module.trunks:  # type: ignore[union-attr]
            hidden = torch.relu(hidden @ layer.weight[index] + layer.bias[index])
        torch.testing.assert_close(mixed[index], hidden)
    mixed[0].sum().backward()
    for parameter in module.parameters():
        assert parameter.grad is not None
        assert not bool((parameter.grad[1] != 0).any())


def test_with_own_embeddings_the_shared_ones_count_for_nothing() -> None:
    module, given = SingleTask(widths=[5], own_embeddings=True).build(SHAPE, ["click", "dwell"]), rows()
    assert given.own is not None
    elsewhere = Representation(given.shared + 1.0, given.own, given.fields)
    assert torch.equal(module(given), module(elsewhere))
    module(given)[0].sum().backward()
    # Zero rather than none: processes that train together wait for every gradient.
    assert given.shared.grad is not None
    assert not bool((given.shared.grad != 0).any())
    assert given.own.grad is not None
    assert [bool((each != 0).any()) for each in given.own.grad] == [True, False]


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match=r"widths is \[\]"):
        SingleTask(widths=[])
    with pytest.raises(ValueError, match=r"dropout is 1\.5"):
        SingleTask(dropout=1.5)
