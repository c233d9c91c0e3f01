from __future__ import annotations

import pytest
import torch

from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.mixtures.shared_bottom import SharedBottom


def test_every_objective_sees_the_same() -> None:
    shape = RepresentationShape(fields=(), embedding_dim=1, num_numeric=6, width=6)
    rows = Representation(torch.randn(7, 6), None, torch.zeros(7, 0, 1))
    mixed = SharedBottom(widths=[5, 4]).build(shape, ["click", "dwell"])(rows)
    assert mixed.shape == (2, 7, 4)
    assert torch.equal(mixed[0], mixed[1])


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="widths is \\[8, 0\\]"):
        SharedBottom(widths=[8, 0])
