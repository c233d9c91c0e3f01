from __future__ import annotations

import pytest
import torch
from torch import nn

from holdfast.models.dense import check_dropout, check_widths, dense_layers


def test_layers_by_kind() -> None:
    kinds = [type(layer) for layer in dense_layers(3, [4, 2], dropout=0.1)]
    assert kinds == [nn.Linear, nn.ReLU, nn.Dropout] * 2
    assert [type(layer) for layer in dense_layers(3, [4])] == [nn.Linear, nn.ReLU]


def test_no_widths_are_the_identity() -> None:
    rows = torch.randn(2, 3)
    assert torch.equal(dense_layers(3, [])(rows), rows)


def test_checks_name_the_field() -> None:
    check_widths("tower_widths", [], at_least_one=False)
    with pytest.raises(ValueError, match="tower_widths"):
        check_widths("tower_widths", [0], at_least_one=False)
    with pytest.raises(ValueError, match=r"dropout is -0\.1"):
        check_dropout("dropout", -0.1)
