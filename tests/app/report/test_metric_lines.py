from __future__ import annotations

from typing import Any

from holdfast.app.report.metric_lines import Cell, metric_table


def metric(name: str, value: float | None, *, note: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "low": None, "high": None, "n": 10, "note": note, **more}


def test_versions_of_a_metric_stand_side_by_side() -> None:
    table = metric_table(
        [
            metric("retention/d7/auc", 0.7481, low=0.717, high=0.779, weighted=False),
            metric("retention/d7/auc_minus_baseline", 0.01, weighted=False),
            metric("retention/d7/baseline_auc", 0.74, weighted=False),
            metric("retention/d7/auc/ipw", 0.73, weighted=True),
            metric("retention/d7/baseline_auc/ipw", 0.72, weighted=True),
        ],
        objective="retention",
    )
    assert [line.label for line in table.lines] == [
        "AUC, within 7 days",
        "AUC above the baseline's, within 7 days",
    ]
    auc = table.lines[0]
    assert auc.plain == Cell("0.748", "0.717 to 0.779", "10", "")
    assert (auc.weighted.value, auc.baseline.value) == ("0.730", "0.740")
    assert table.has_weighted
    assert table.has_baseline
    assert table.lines[1].weighted == Cell()


def test_a_note_is_told_once_and_marked_wherever_it_holds() -> None:
    table = metric_table(
        [
            metric("click/auc", 0.7, note="few users"),
            metric("click/log_loss", None, note="undefined: no rows"),
            metric("click/mrr", 0.4, note="few users"),
        ],
        objective="click",
    )
    assert table.notes == ["few users", "undefined: no rows"]
    assert [(line.plain.value, line.plain.marks) for line in table.lines] == [
        ("0.700", "1"),
        ("–", "2"),
        ("0.400", "1"),
    ]
    assert not table.has_weighted
    assert not table.has_baseline


def test_without_metrics_there_are_no_lines() -> None:
    assert metric_table([], objective="dwell").lines == []
