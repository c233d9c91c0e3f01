from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import ModuleType

import pandas as pd
import pytest

from holdfast.app.report.closed_loop.verdict import loop_verdict
from holdfast.app.report.content import LearningSection, MonitorSection, ReportContent, Verdict
from holdfast.app.report.page import build_report
from holdfast.monitoring.alarms import raise_alarms
from holdfast.monitoring.finding import Finding

VOID = {"meta", "link", "br", "use", "path", "rect", "line"}
MOST_BYTES = 1_500_000


class Reader(HTMLParser):
    """Collects text, ids, and whether elements close in the order in which they opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for key, value in attrs:
            if key == "id":
                self.ids.append(value or "")
            if key in ("src", "href", "xlink:href"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def watched() -> MonitorSection:
    """A day on which one column broke."""
    start = pd.Timestamp("2024-05-01", tz="UTC")
    finding = Finding(
        where="editor_score", kind="missing_column", start=start, severity="broken", note="gone"
    )
    alarms = raise_alarms([finding])
    told = {
        **{name: [] for name in ("calibration", "late_labels", "label_free", "warnings", "reasons")},
        "action": "watch",
        "num_alarms": 1,
        "num_harmless": 0,
        "num_findings": 1,
        "days_not_matured": 0,
        "settings": {"rate": 0.05, "control": "bh", "window": "1d"},
        "windows": [{"start": start.isoformat(), "end": None, "rows": 10, "alarms": 1}],
        "alarms": [{**alarms[0].as_row(), "start": start.isoformat(), "since": start.isoformat()}],
        "named_findings": [],
    }
    return MonitorSection(told=told, findings=[finding])


@pytest.fixture(scope="module")
def page(made_content: ModuleType, made_stress: ModuleType) -> str:
    """The page with everything on it, made once."""
    full = made_content.full()
    return build_report(replace(full, stress=[made_stress.section()], monitor=watched()))


@pytest.fixture
def few(full: ReportContent) -> ReportContent:
    """Without most figures, which take time and are tested elsewhere."""
    assert full.data is not None
    data = replace(full.data, windows=pd.DataFrame())
    return replace(
        full,
        calibration={},
        daily=pd.DataFrame(),
        learning=None,
        data=data,
        fusion=None,
        counterfactual=None,
        closed_loop=None,
        stress=(),
    )


def test_everything_that_is_given_is_on_the_page(full: ReportContent, page: str) -> None:
    text = re.sub(r"\s+", " ", read(page).text)
    assert full.data is not None
    assert full.bundle is not None
    expected = [
        full.title,
        full.question,
        full.verdict.title,
        *full.verdict.sentences,
        *full.warnings,
        "0.698 to 0.726",
        "48,210",
        "no user-day has been observed for 14 days",
        "Predicted over observed",
        "Kept: epoch 5 (dotted line), by lowest validation loss.",
        full.data.description,
        *full.data.notes,
        "Licence: Apache-2.0.",
        "41.2 %",
        "is below 0",
        "61,204",
        "epsilon-greedy(0.1)",
        "holds: largest difference to PyTorch 4.8 × 10⁻⁷, allowed 1 × 10⁻⁵",
        "ab" * 32,
        "“retrained” brought most long-term value",
        "told the truth",
        "Difference to uniform",
        "Something has moved; no harm is known",
        "editor_score",
        "Mend the source of editor_score",
        "would have had more click, no clear difference in dwell",
        full.command,
        "mixture: mmoe",
        "libraries.torch",
    ]
    assert [each for each in expected if each not in text] == []
    assert page.count('class="plot"') == 6 + 6 + 1 + 1 + 4
    assert "Not in this report" not in text


def test_the_page_is_one_whole_small_file(page: str) -> None:
    reader = read(page)
    assert reader.faults == []
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert len(page.encode()) < MOST_BYTES
    assert "<script" not in page
    assert all(link.startswith(("#", "data:")) for link in reader.links)
    assert set(re.findall(r"https?://[^\"\s)]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "@import" not in page
    assert {link[1:] for link in reader.links if link.startswith("#")} <= set(reader.ids)


def test_the_same_content_gives_the_same_page(full: ReportContent, page: str) -> None:
    assert build_report(replace(full, monitor=watched())) == page


def test_text_of_the_user_is_never_markup(few: ReportContent) -> None:
    evil = "<script>alert(1)</script>"
    assert few.data is not None
    page = build_report(
        replace(
            few,
            title=evil,
            question=evil,
            warnings=(evil,),
            config=f"note: {evil}",
            manifest={evil: evil},
            metrics={evil: [{"name": f"click/{evil}", "value": 1.0, "n": 1, "note": evil}]},
            data=replace(few.data, name=evil, notes=(evil,)),
            absent={"dwell": evil},
        )
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 10


def test_a_run_that_has_only_begun_has_a_report() -> None:
    page = build_report(ReportContent(title="bare", verdict=Verdict(title="not evaluated")))
    reader = read(page)
    assert reader.faults == []
    parts = ("results", "calibration", "daily", "closed-loop", "learning", "data", "propensity", "bundle")
    for part in parts:
        text = read(page[page.index(f'<section id="{part}"') :].split("</section>")[0]).text
        assert "this run did not measure it" in text, part
    assert "<svg" not in page


def test_a_run_that_only_simulated_begins_with_it_and_says_its_verdict_once(full: ReportContent) -> None:
    assert full.closed_loop is not None
    days = full.closed_loop.days[["seed", "contender", "day", "policy", "value_so_far"]]
    section = replace(full.closed_loop, days=days, calibration=pd.DataFrame())
    answer = loop_verdict(section)
    content = ReportContent(title="loop", verdict=answer, closed_loop=section, absent={"data": "no prepare"})
    page = build_report(content)
    reader = read(page)
    assert reader.faults == []
    assert reader.open == []
    assert page.index('id="closed-loop"') < page.index('id="results"')
    assert "Not in this report: no prepare." in reader.text
    assert reader.text.count(answer.title) == 1

    after = build_report(replace(content, metrics=full.metrics, verdict=full.verdict))
    assert after.index('id="closed-loop"') > after.index('id="results"')
    assert read(after).text.count(answer.title) == 1


def test_names_of_contenders_are_never_markup(made_content: ModuleType) -> None:
    evil, odd = "<script>alert(1)</script>", "a $x_1$ & “b” %s {{ c }}"
    days = made_content.loop_days(seeds=(0, 1), level={evil: 1.0, odd: 2.0}, num_days=2)
    summary, differences = (
        table.replace({"uniform": evil, "trained": odd}) for table in made_content.loop_summary()
    )
    calibration = made_content.loop_calibration(seeds=(0, 1)).replace({"trained": odd, "retrained": evil})
    section = replace(
        made_content.closed_loop(),
        days=days,
        summary=summary,
        differences=differences,
        calibration=calibration,
        sees_truth=(evil,),
    )
    page = build_report(ReportContent(title="odd", verdict=loop_verdict(section), closed_loop=section))
    reader = read(page)
    assert reader.faults == []
    assert "<script" not in page
    assert reader.text.count(odd) >= 4
    assert reader.text.count(evil) >= 4


def test_absent_parts_say_why(full: ReportContent) -> None:
    content = replace(
        full,
        metrics={"click": full.metrics["click"]},
        calibration={"click": full.calibration["click"]},
        learning=None,
        bundle=None,
        daily=pd.DataFrame(),
        closed_loop=None,
        absent={"dwell": "the log has no dwell_seconds", "learning": "the stage fit has not been run"},
    )
    text = re.sub(r"\s+", " ", read(build_report(content)).text)
    assert text.count("the log has no dwell_seconds") == 2, "in the results and where it would be drawn"
    assert "Not in this report: the stage fit has not been run." in text


@pytest.mark.parametrize(
    "curves", [pd.DataFrame(), pd.DataFrame({"epoch": [1]}), pd.DataFrame(columns=["epoch", "train/loss"])]
)
def test_training_that_logged_nothing_is_absent(few: ReportContent, curves: pd.DataFrame) -> None:
    page = build_report(replace(few, learning=LearningSection(curves=curves)))
    assert "<svg" not in page
    assert "Not in this report" in page


def test_a_bundle_that_differs_is_called_out(few: ReportContent) -> None:
    assert few.bundle is not None
    page = build_report(replace(few, bundle=replace(few.bundle, max_difference=0.02)))
    assert "FAILS: largest difference to PyTorch 0.02" in page
    page = build_report(replace(few, bundle=replace(few.bundle, max_difference=None)))
    assert "not checked" in page


@pytest.mark.parametrize("kind", ["none", "empty"])
def test_quarantine_says_whether_it_looked(few: ReportContent, kind: str) -> None:
    assert few.data is not None
    quarantined = None if kind == "none" else pd.DataFrame(columns=["column", "rule", "rows"])
    page = build_report(replace(few, data=replace(few.data, quarantined=quarantined)))
    words = {"none": "Nothing was looked for.", "empty": "No row broke a rule of the log contract."}
    assert words[kind] in page
