from __future__ import annotations

import json

import pytest

from holdfast.evaluation.metric_value import MetricValue


def test_a_value_is_never_nan_and_an_undefined_one_says_why() -> None:
    with pytest.raises(ValueError, match="value is nan; an undefined one is None"):
        MetricValue("click/auc", float("nan"), None, None, 3, False, "")
    with pytest.raises(ValueError, match="high is inf"):
        MetricValue("click/auc", 0.5, 0.4, float("inf"), 3, False, "")
    with pytest.raises(ValueError, match="no note says why"):
        MetricValue("click/auc", None, None, None, 3, False, "")


def test_it_is_ready_for_json() -> None:
    value = MetricValue("click/auc", 0.5, None, None, 3, False, "few rows")
    assert MetricValue(**json.loads(json.dumps(value.to_dict(), allow_nan=False))) == value
