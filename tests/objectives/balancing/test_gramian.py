from __future__ import annotations

import torch

from holdfast.objectives.balancing.gramian import cosines_of


def test_cosines_by_hand_whatever_the_lengths() -> None:
    jacobian = torch.tensor([[3e-30, 4e-30], [5e20, 0.0], [0.0, 0.0]], dtype=torch.float64)
    found = cosines_of(jacobian @ jacobian.T)
    torch.testing.assert_close(found[:2, :2], torch.tensor([[1.0, 0.6], [0.6, 1.0]]).double())
    assert bool(found[2].isnan().all())
    assert bool(found[:, 2].isnan().all())
