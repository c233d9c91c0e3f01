from __future__ import annotations

import pytest
import torch

from holdfast.core.protocols import Fusion
from holdfast.objectives.fusion import WeightedProduct, WeightedSum

SCORES = {"click": torch.tensor([0.5, 0.1, 0.0]), "dwell": torch.tensor([4.0, 100.0, 25.0])}


def test_product_by_hand() -> None:
    fused = WeightedProduct(weights={"click": 1.0, "dwell": 0.5}, floor=0.01).fuse(SCORES)
    torch.testing.assert_close(fused, torch.tensor([1.0, 1.0, 0.05]).log())


def test_large_exponents_still_order() -> None:
    fused = WeightedProduct(weights={"click": -3.0, "dwell": 100.0}).fuse(SCORES)
    assert torch.isfinite(fused).all()
    assert fused.argsort().tolist() == [0, 2, 1]


def test_the_order_of_products_does_not_depend_on_units() -> None:
    generator = torch.Generator().manual_seed(0)
    click, dwell = torch.rand(100, generator=generator), 100.0 * torch.rand(100, generator=generator)
    fusion = WeightedProduct()
    seconds = fusion.fuse({"click": click, "dwell": dwell})
    minutes = fusion.fuse({"click": click, "dwell": dwell / 60.0})
    assert torch.equal(seconds.argsort(), minutes.argsort())


def test_sum_by_hand() -> None:
    fused = WeightedSum(weights={"click": 2.0, "dwell": 0.01, "retention": 5.0}).fuse(SCORES)
    torch.testing.assert_close(fused, torch.tensor([1.04, 1.2, 0.25]))


@pytest.mark.parametrize("kind", [WeightedProduct, WeightedSum])
def test_contract(kind: type[WeightedProduct] | type[WeightedSum]) -> None:
    assert isinstance(kind(), Fusion)
    assert kind().fuse(SCORES).shape == (3,)
    with pytest.raises(ValueError, match=r"no entry for \['dwell'\]"):
        kind(weights={"click": 1.0}).fuse(SCORES)
    with pytest.raises(ValueError, match="nothing would rank"):
        kind(weights={"click": 0.0, "dwell": 0.0}).fuse(SCORES)
    with pytest.raises(ValueError, match=r"weights\.click is nan"):
        kind(weights={"click": float("nan")})


def test_floor_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match=r"floor is 0\.0"):
        WeightedProduct(floor=0.0)
