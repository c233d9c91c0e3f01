from __future__ import annotations

import pytest

from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.settings import EvaluationSettings


def test_the_bootstrap_follows_the_settings() -> None:
    settings = EvaluationSettings(num_resamples=40, level=0.8, seed=3)
    assert settings.bootstrap == ClusterBootstrap(num_resamples=40, level=0.8, seed=3)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_resamples", 3, r"evaluation\.num_resamples is 3"),
        ("level", 95.0, r"evaluation\.level is 95\.0"),
        ("cutoffs", [], r"evaluation\.cutoffs is \[\]"),
        ("cutoffs", [5, 5], r"evaluation\.cutoffs is \[5, 5\]"),
        ("retention_days", [0, 1], r"evaluation\.retention_days is \[0, 1\]"),
        ("calibration_bins", 1, r"evaluation\.calibration_bins is 1"),
    ],
)
def test_a_value_out_of_range_is_named(name: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvaluationSettings(**{name: value})  # type: ignore[arg-type]
