import pandas as pd
import pytest

from holdfast.evaluation.off_policy import Overlap, Trust, is_answer
from holdfast.evaluation.off_policy.overlap import OverlapCounter
from holdfast.evaluation.off_policy.trust import Evidence, advice, reasons_to_abstain, status_of

GOOD = {
    "num_units": 1000,
    "unit": "rows",
    "value": 0.5,
    "standard_error": 0.02,
    "effective_sample_size": 500.0,
    "informative": 200.0,
    "mean_weight": 1.01,
    "mean_weight_error": 0.02,
    "support_violation": 0.0,
    "reward_spread": 0.5,
}


def test_good_evidence_is_an_answer():
    assert reasons_to_abstain(Evidence(**GOOD), Trust()) == []
    assert is_answer(status_of([], ""))
    assert not is_answer(status_of(["why"], "what would help"))
    assert status_of(["why"], "what would help") == "the log cannot say: why (what would help)"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"num_units": 1}, "only one"),
        ({"value": None}, "none of the logged actions"),
        ({"standard_error": 0.0}, "say the same"),
        ({"effective_sample_size": 99.0}, "effective sample size 99"),
        ({"informative": 19.0}, "about 19 of 1000 rows decide"),
        ({"mean_weight": 1.07}, "weights average 1.07"),
        ({"mean_weight": 0.9}, "weights average 0.9"),
        ({"support_violation": 0.03}, "3 % of the policy's choices"),
        ({"bias": 0.011}, "moves the value"),
        ({"bias": -0.005, "bias_error": 0.006}, "moves the value"),
    ],
)
def test_each_reason(change, match):
    reasons = reasons_to_abstain(Evidence(**{**GOOD, **change}), Trust())
    assert len(reasons) == 1
    assert match in reasons[0]


def test_thresholds_move():
    evidence = Evidence(**{**GOOD, "effective_sample_size": 99.0, "bias": 0.011})
    assert reasons_to_abstain(evidence, Trust(min_effective_sample_size=50, max_bias=1.0)) == []
    with pytest.raises(ValueError, match="max_bias is -1"):
        Trust(max_bias=-1)
    with pytest.raises(ValueError, match="min_informative is nan"):
        Trust(min_informative=float("nan"))


def test_what_would_help_leaves_room_for_weights_not_yet_seen() -> None:
    overlap = Overlap(
        num_rows=1000,
        actions_known=True,
        support_violation=0.0,
        never_logged=(),
        by_slot=pd.DataFrame({"slot": [0], "effective_sample_size": [25.0], "support_violation": [0.0]}),
        size_with_exploration={0.1: 110.0, 0.2: 190.0, 0.5: 205.0},
        counter=OverlapCounter(),
    )
    said = advice(overlap, Trust(), Evidence(**{**GOOD, "effective_sample_size": 25.0}))
    assert said.startswith("it would with about 4.0 to 16 times as many rows of this kind")
    assert "or 50 % uniform exploration in as many rows" in said
