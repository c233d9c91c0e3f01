"""Estimators can be asked for by the names under which their results are listed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy import DoublyRobust, InversePropensity, Tuned, evaluate
from holdfast.evaluation.off_policy.embeddings.evaluate import ESTIMATORS as OF_EMBEDDINGS
from holdfast.evaluation.off_policy.estimator_names import ESTIMATORS
from holdfast.evaluation.off_policy.loggers.evaluate import ESTIMATORS as OF_LOGGERS
from holdfast.evaluation.off_policy.slates import SlateProbabilities, evaluate_slates
from holdfast.evaluation.off_policy.slates.choosing import ESTIMATORS as OF_SLATES

POLICY = np.tile([0.2, 0.8], (300, 1))


def log() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    action = draw.integers(2, size=300)
    return pd.DataFrame({"action": action, "propensity": 0.5, "reward": draw.random(300) + action})


def test_names_stand_for_the_estimators_with_usual_settings() -> None:
    by_name = evaluate(log(), POLICY, estimators=["ips", "dr", "dr_os_slope"])
    by_object = evaluate(
        log(), POLICY, estimators=[InversePropensity(), DoublyRobust(), Tuned(estimator="dr_os")]
    )
    pd.testing.assert_frame_equal(by_name, by_object)


def test_every_name_that_a_table_lists_can_be_asked_for() -> None:
    table = evaluate(log(), POLICY, balanced_weights=np.ones(300))
    names = table["estimator"].tolist()
    again = evaluate(log(), POLICY, estimators=names, balanced_weights=np.ones(300))
    pd.testing.assert_frame_equal(table, again)


def test_names_and_estimators_agree() -> None:
    counts = {"plain": (ESTIMATORS, 25), "slates": (OF_SLATES, 8), "loggers": (OF_LOGGERS, 8)}
    for known, count in [*counts.values(), (OF_EMBEDDINGS, 3)]:
        assert len(known) == count
        assert all(each.name == name for name, each in known.items())


def test_slates_by_name() -> None:
    slates = pd.DataFrame({"request_id": np.arange(300), "slot": 0, "click": np.arange(300) % 3, "p": 0.5})
    chances = SlateProbabilities(slate="p")
    table = evaluate_slates(slates, chances, behavior=chances, estimators=["sips"])
    assert table["value"].iloc[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("ips", r"give a list, estimators=\[\.\.\.\]"),
        (InversePropensity(), r"give a list, estimators=\[\.\.\.\]"),
        (["ipw"], "names 'ipw'; the names are .*, ips, "),
        ([InversePropensity], "holds <class .*; give objects such as InversePropensity"),
        ([1], "holds 1, which is none"),
        ([], "estimators is empty"),
    ],
)
def test_anything_else_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        evaluate(log(), POLICY, False, given)


def test_a_log_that_is_no_data_frame_is_refused() -> None:
    with pytest.raises(UserError, match=r"the feedback is a dict; give a pandas\.DataFrame"):
        evaluate({"action": [0], "propensity": [1.0], "reward": [1.0]}, [[1.0]])  # type: ignore[arg-type]
