from __future__ import annotations

import pytest

from holdfast.app.report.metric_words import words_for


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("auc", "AUC"),
        ("d1/auc", "AUC, within 1 day"),
        ("d14/brier", "Brier score, within 14 days"),
        ("d7/auc_minus_baseline", "AUC above the baseline's, within 7 days"),
        ("ndcg@10", "NDCG at 10"),
        ("ndcg_dwell@5", "NDCG of dwell at 5"),
        ("severity_3/xauc", "XAUC, severity 3"),
        ("lift_over_random", "Lift over random"),
    ],
)
def test_names_become_words(name: str, label: str) -> None:
    assert words_for(name).label == label


def test_what_is_known_is_explained_and_what_is_not_is_left_alone() -> None:
    assert "0.5 is guessing" in words_for("d7/auc").meaning
    assert words_for("lift_over_random").meaning == ""
