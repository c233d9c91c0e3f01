from __future__ import annotations

import pytest

from holdfast.app.report.content import ReportContent, Verdict
from holdfast.app.report.counterfactual import counterfactual_title, counterfactual_view, overlap
from holdfast.app.report.page import build_report

UNSURE = "the log cannot say: effective sample size 3 is below 100"


@pytest.mark.parametrize(
    ("gains", "title"),
    [
        ([("click", 0.1, 0.2, "ok")], "Against the behavior policy, 'trained' would have had more click"),
        (
            [("click", 0.1, 0.2, "ok"), ("dwell", -0.2, -0.1, "ok"), ("retention", -0.1, 0.1, UNSURE)],
            "Against the behavior policy, 'trained' would have had more click, less dwell; of retention the "
            "log cannot say",
        ),
        (
            [("click", -0.1, 0.2, "ok")],
            "Against the behavior policy, 'trained' would have had no clear difference in click",
        ),
        (
            [("click", 0.1, 0.2, "ok"), ("retention", 0.1, 0.2, "ok"), ("dwell", 0.1, 0.2, UNSURE)],
            "Against the behavior policy, 'trained' would have had more click; filling one slot at a time, "
            "more returns the next day; of dwell the log cannot say",
        ),
        (
            [("retention", -0.2, -0.1, "ok")],
            "Against the behavior policy, filling one slot at a time, fewer returns the next day",
        ),
        ([("click", 0.1, 0.2, UNSURE)], "The log cannot say what 'trained' would have earned"),
    ],
)
def test_the_verdict_is_what_the_intervals_say(made_content, gains, title):
    assert counterfactual_title(made_content.counterfactual(*gains)) == title


def test_no_number_stands_where_the_log_cannot_say(made_content):
    view = counterfactual_view(made_content.counterfactual(("click", 0.1, 0.2, UNSURE)))
    logged, trained = view.parts[0].lines
    assert (logged.value.value, logged.status) == ("0.110", "yes")
    assert (trained.status, trained.why) == ("no", UNSURE)
    page = build_report(
        ReportContent(
            title="t",
            verdict=Verdict(title="v"),
            counterfactual=made_content.counterfactual(("click", 0.1, 0.2, UNSURE)),
        )
    )
    assert "0.71" not in page
    assert UNSURE in page
    answered = ReportContent(
        title="t",
        verdict=Verdict(title="v"),
        counterfactual=made_content.counterfactual(("click", 0.1, 0.2, "ok")),
    )
    assert "0.712" in build_report(answered)


def test_the_overlap_draws_the_weight_of_the_rows_that_have_one(made_content):
    figure = overlap(made_content.counterfactual(("click", 0.1, 0.2, "ok")).weights)
    assert len(figure.axes) == 1
    assert [patch.get_height() for patch in figure.axes[0].patches] == [1.0]
