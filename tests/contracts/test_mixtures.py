"""What every mixture in holdfast.models.mixtures must do."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import typing

import pytest
import torch
from torch import Tensor

import holdfast.models.mixtures
from holdfast.core.protocols import Mixture, MixtureModule
from holdfast.core.representation import Representation, RepresentationShape

SHAPE = RepresentationShape(fields=(), embedding_dim=1, num_numeric=7, width=7)


def represented(rows: Tensor) -> Representation:
    return Representation(rows, None, rows[:, :0, None])


def mixtures() -> list[Mixture]:
    found: list[Mixture] = []
    for module in pkgutil.iter_modules(holdfast.models.mixtures.__path__, "holdfast.models.mixtures."):
        for member in vars(importlib.import_module(module.name)).values():
            if (
                inspect.isclass(member)
                and member.__module__ == module.name
                and dataclasses.is_dataclass(member)
            ):
                found.append(typing.cast(Mixture, member()))
    return found


MIXTURES = mixtures()
pytestmark = pytest.mark.parametrize(
    "mixture", MIXTURES, ids=[type(mixture).__name__ for mixture in MIXTURES]
)


def built(mixture: Mixture, seed: int = 0) -> MixtureModule:
    torch.manual_seed(seed)
    return mixture.build(SHAPE, ["click", "dwell", "retention"]).eval()


def test_is_a_mixture(mixture: Mixture) -> None:
    assert isinstance(mixture, Mixture)


def test_gives_one_representation_an_objective(mixture: Mixture) -> None:
    module = built(mixture)
    assert module(represented(torch.randn(5, 7))).shape == (3, 5, module.output_width)
    assert module(represented(torch.zeros(0, 7))).shape == (3, 0, module.output_width)


def test_a_row_does_not_see_the_others(mixture: Mixture) -> None:
    module, rows = built(mixture), torch.randn(5, 7)
    torch.testing.assert_close(module(represented(rows))[:, 2:3], module(represented(rows[2:3])))


def test_the_seed_decides_the_weights(mixture: Mixture) -> None:
    rows = torch.randn(4, 7)
    assert torch.equal(built(mixture)(represented(rows)), built(mixture)(represented(rows)))
    assert not torch.equal(built(mixture)(represented(rows)), built(mixture, seed=1)(represented(rows)))


def test_every_weight_gets_a_gradient_from_every_objective_together(mixture: Mixture) -> None:
    module = built(mixture)
    torch.randn(3, 64, module.output_width).mul(module(represented(torch.randn(64, 7)))).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name
