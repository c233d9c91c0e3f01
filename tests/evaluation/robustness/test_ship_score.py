"""The ship score: sums, a constant predictor, a better clean model, and numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.evaluation.robustness.ship_score import (
    PARTS,
    Ladder,
    OutputEvidence,
    ship_score,
    ship_score_of_output,
    skill,
)


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def evidence(clean: float, *stressed: float, ratio: tuple[float, ...] = (), days: tuple[float, ...] = ()):
    severities = range(len(stressed) + 1)
    return OutputEvidence(
        clean_lift=np.array([clean]),
        lifts={"noise": Ladder(severities, column(clean, *stressed))},
        log2_ratio={"noise": Ladder(range(len(ratio)), column(*ratio))} if ratio else {},
        days=np.arange(len(days), dtype=float),
        day_lift=column(*days),
        day_weight=np.ones(len(days)),
    )


def test_by_hand() -> None:
    # Area under 20, 16, 12 is 16: loss 4. Worst is 12: a quarter of 16 - 12. The line 11, 10, 9 falls 1 from
    # its mean to its last day. |log2| of 0, 1, 2 counts 0, 1, 1: area 3/4, 7.5 points.
    found = ship_score_of_output(evidence(20, 16, 12, ratio=(0.0, 1.0, -2.0), days=(11.0, 10.0, 9.0)))
    assert [float(found.part(name)[0]) for name in PARTS] == pytest.approx([20, 4, 1, 1, 7.5])
    assert float(found.value[0]) == pytest.approx(20 - 4 - 1 - 1 - 7.5)


def test_parts_and_outputs_add_up() -> None:
    outputs = {
        "click": evidence(20, 16, 12, ratio=(0.1, 0.4, 0.2)),
        "dwell": evidence(5, 6, -3, days=(3.0, 5.0, 1.0)),
        "ranking": evidence(-2, -2, -2),
    }
    total, by_output = ship_score(outputs)
    signs = [1, -1, -1, -1, -1]
    by_part = sum(sign * total.part(name) for sign, name in zip(signs, PARTS, strict=True))
    assert total.value == pytest.approx(by_part)
    assert total.value == pytest.approx(np.mean([each.value for each in by_output.values()], axis=0))


def test_a_constant_predictor_scores_minus_the_reference_even_where_the_reference_collapses() -> None:
    # The constant has no skill; the reference has 30, and under stress 10, then less than chance.
    reference = np.array([30.0, 10.0, -20.0])
    found = ship_score_of_output(evidence(*(0.0 - reference)))
    assert float(found.loss_under_stress[0]) == 0.0
    assert float(found.value[0]) <= -30.0


def test_a_better_clean_model_is_not_punished_for_falling_further() -> None:
    robust_and_bad = ship_score_of_output(evidence(5, 5, 5, 5))
    good_and_falling = ship_score_of_output(evidence(20, 15, 13, 11))
    assert good_and_falling.value[0] > robust_and_bad.value[0]


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6), st.floats(0, 50))
def test_no_stress_adds_points_and_a_model_better_everywhere_scores_higher(
    values: list[float], more: float
) -> None:
    found = float(ship_score_of_output(evidence(*values)).value[0])
    assert found <= values[0] + 1e-9
    assert float(ship_score_of_output(evidence(*(each + more for each in values))).value[0]) == pytest.approx(
        found + more
    )


def test_each_resample_is_scored_by_itself() -> None:
    clean = np.array([20.0, 10.0])
    ladder = Ladder([0, 2], np.array([clean, [10.0, 10.0]]))
    found = ship_score_of_output(OutputEvidence(clean, {"noise": ladder}))
    assert found.loss_under_stress.tolist() == [5.0, 0.0]
    assert found.worst_case.tolist() == [1.25, 0.0]


def test_what_cannot_be_scored_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="no stress to score"):
        ship_score_of_output(OutputEvidence(np.array([1.0]), {}))
    with pytest.raises(ValueError, match="nothing to score"):
        ship_score({})
    with pytest.raises(ValueError, match="give 0 and at least one more"):
        Ladder([1, 2], column(1, 2))
    with pytest.raises(ValueError, match="worst_weight is 2"):
        ship_score_of_output(evidence(1, 1), worst_weight=2)


def test_skill_is_zero_by_chance_and_a_hundred_when_perfect() -> None:
    assert skill([0.5, 1.0, 0.25], 0.5).tolist() == [0.0, 100.0, -50.0]
    assert float(skill(0.7, 0.4)) == pytest.approx(50.0)
