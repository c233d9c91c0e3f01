from __future__ import annotations

import pytest
import torch

from holdfast.objectives.balancing import StaticBalance


def test_weighted_sum_by_hand() -> None:
    balance = StaticBalance(weights={"click": 1.0, "dwell": 0.5, "retention": 0.0})
    losses = {"click": torch.tensor(2.0), "dwell": torch.tensor(3.0), "retention": torch.tensor(7.0)}
    assert balance.combine(losses).item() == 3.5
    assert balance.combine({"dwell": torch.tensor(3.0)}).item() == 1.5


def test_an_objective_without_a_weight_is_named() -> None:
    with pytest.raises(ValueError, match=r"no entry for \['like'\]"):
        StaticBalance().check(("click", "like"))
    StaticBalance().check(("click",))


def test_weights_must_train_something() -> None:
    with pytest.raises(ValueError, match="nothing would be trained"):
        StaticBalance(weights={"click": 0.0, "dwell": 1.0}).check(("click",))
    with pytest.raises(ValueError, match=r"weights.click is -1\.0"):
        StaticBalance(weights={"click": -1.0})
