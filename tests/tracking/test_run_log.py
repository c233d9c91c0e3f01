from __future__ import annotations

import math

import pytest

from holdfast.tracking.fan_out import Fanout
from holdfast.tracking.local import LocalRunLog
from holdfast.tracking.run_log import RunLog, without_infinities
from holdfast.tracking.weights_and_biases import Wandb, WandbRunLog


@pytest.mark.parametrize("log", [LocalRunLog(), Fanout(()), WandbRunLog(Wandb())])
def test_every_log_is_a_run_log(log: object) -> None:
    assert isinstance(log, RunLog)


def test_infinities_are_taken_out_at_every_depth() -> None:
    value = {"a": math.inf, "b": [1.0, math.nan, {"c": (-math.inf, "inf")}], 3: True}
    assert without_infinities(value) == {"a": None, "b": [1.0, None, {"c": [None, "inf"]}], "3": True}
