from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from holdfast.app.cli import main
from holdfast.core.files import write_json
from holdfast.data.log import write_rows

CHANGE = pd.Timestamp("2025-02-05", tz="UTC")
DAYS = {"start": "2025-02-03", "end": "2025-02-08"}


@pytest.fixture
def watch(trained, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Writes rows as a log, watches it, and gives the exit code and what monitor.json says."""

    def watched(frame: pd.DataFrame, *words: str) -> tuple[int, dict[str, Any]]:
        folder = tmp_path / "log"
        folder.mkdir(exist_ok=True)
        write_rows(folder / "log.parquet", frame)
        write_json(folder / "observed.json", {"observed_until": trained.log.observed_until.isoformat()})
        output = tmp_path / "out"
        places = [f"reference={trained.run}", f"log={folder}", f"output={output}", "harm_rows=50"]
        given = {word.partition("=")[0] for word in words}
        bounds = [f"{name}={day}" for name, day in DAYS.items() if name not in given]
        code = main(["monitor", *places, *bounds, *words])
        told = json.loads((output / "monitor.json").read_text()) if output.is_dir() else {}
        return code, told

    return watched


def kinds(told: dict[str, Any], where: str) -> set[str]:
    return {each["kind"] for each in told["named_findings"] if each["where"] == where}


def test_a_stable_log_raises_no_alarm_at_a_small_rate_and_exits_with_0(watch, frame, tmp_path):
    code, told = watch(frame, "rate=0.001")
    assert (code, told["exit_code"], told["action"], told["num_alarms"]) == (0, 0, "none", 0)
    assert len(told["windows"]) == 5
    assert sum(window["rows"] for window in told["windows"]) > 0
    assert {each["head"] for each in told["calibration"]} == {"click", "dwell", "retention"}
    for name in ("findings", "alarms", "calibration", "late_labels", "label_free"):
        assert (tmp_path / "out" / f"{name}.parquet").is_file()


def test_a_unit_change_alarms_from_its_first_day_on(watch, frame):
    late = (frame["shown_at"] >= CHANGE).to_numpy()
    frame["content_length"] = np.where(late, frame["content_length"] * 1000.0, frame["content_length"])
    code, told = watch(frame)
    alarms = [each for each in told["alarms"] if each["where"] == "content_length"]
    assert code in (3, 4)
    assert {each["start"][:10] for each in alarms} == {
        window["start"][:10] for window in told["windows"] if window["start"] >= "2025-02-05"
    }
    assert {each["since"][:10] for each in alarms} == {"2025-02-05"}
    assert all(each["harm"] is not None and each["next_step"] for each in alarms)


def test_a_change_that_the_model_does_not_use_asks_for_no_training(watch, trained, frame):
    frame["not_a_feature"] = np.where((frame["shown_at"] >= CHANGE).to_numpy(), 1e6, 0.0)
    code, told = watch(frame, "rate=0.001")
    assert code == 0
    assert not any(each["where"] == "not_a_feature" for each in told["alarms"])


def test_missing_and_retyped_columns_are_findings_with_a_name(watch, frame):
    frame = frame.drop(columns=["editor_score", "next_visit_at"])
    frame["market"] = np.arange(len(frame)) * 1.5
    frame["content_length"] = frame["content_length"].astype(str)
    frame["user_interest_tags"] = "no list"
    code, told = watch(frame)
    assert code in (3, 4)
    assert kinds(told, "editor_score") == {"missing_column"}
    assert kinds(told, "next_visit_at") == {"missing_column"}
    for name in ("market", "content_length", "user_interest_tags"):
        assert kinds(told, name) == {"type_changed"}
    assert {each["head"] for each in told["calibration"]} == {"click", "dwell"}


def test_outcomes_of_another_type_are_left_out_and_told(watch, frame):
    frame["click"] = frame["click"].astype(str)
    code, told = watch(frame)
    assert code in (3, 4)
    assert kinds(told, "click") == {"type_changed"}
    assert "retention" in {each["head"] for each in told["calibration"]}
    assert "click" not in {each["head"] for each in told["calibration"]}
    assert "click" in told["warnings"][0]


def test_values_that_cannot_be_used_are_findings_and_no_crash(watch, frame):
    late = (frame["shown_at"] >= CHANGE).to_numpy()
    frame["content_length"] = np.where(late, np.inf, frame["content_length"])
    frame["editor_score"] = np.nan
    frame["headline_score"] = 1.0
    frame["topic"] = np.where(late, [f"new {row}" for row in range(len(frame))], frame["topic"].astype(str))
    code, told = watch(frame)
    assert code in (3, 4)
    assert "infinite_values" in kinds(told, "content_length")
    assert "all_missing" in kinds(told, "editor_score")
    assert "became_constant" in kinds(told, "headline_score")
    assert "new_categories" in kinds(told, "topic")
    assert {"editor_score", "topic"} <= {each["where"] for each in told["alarms"]}


def test_rows_that_cannot_be_are_counted_and_the_rest_goes_on(watch, frame, tmp_path, capsys):
    """A dwell below 0, a click of 2, a return before the visit, copies, and rows without a time."""
    late = np.flatnonzero((frame["shown_at"] >= CHANGE).to_numpy())
    opened = late[frame["dwell_seconds"].iloc[late].notna().to_numpy()]
    back = late[frame["next_visit_at"].iloc[late].notna().to_numpy()]
    frame["click"] = frame["click"].astype(int)
    frame.loc[opened[0], "dwell_seconds"] = -0.1
    frame.loc[late[5], "click"] = 2
    frame.loc[back[0], "next_visit_at"] = frame.loc[back[0], "shown_at"] - pd.Timedelta(3, "D")
    untimed = frame.iloc[[late[7]]].assign(shown_at=pd.NaT, request_id="without a time")
    frame["request_id"] = frame["request_id"].astype(str)
    spoiled = pd.concat([frame, frame.iloc[late[9:11]], untimed], ignore_index=True)
    code, told = watch(spoiled, "rate=0.001")
    assert (code, told["action"]) == (3, "watch")
    assert kinds(told, "dwell") == kinds(told, "click") == kinds(told, "retention") == {"impossible_values"}
    assert kinds(told, "request_id") == {"duplicate_rows"}
    assert kinds(told, "shown_at") == {"unplaced_rows"}
    assert {"dwell", "click", "retention", "request_id", "shown_at"} == {
        reason.split(":")[0] for reason in told["reasons"]
    }
    assert {each["head"] for each in told["calibration"]} == {"click", "dwell", "retention"}
    page = (tmp_path / "out" / "monitor.html").read_text()
    said = capsys.readouterr().out
    for words in ("impossible_values", "duplicate_rows"):
        assert words in page and words in said


def test_all_clicks_gone_is_an_alarm_that_asks_whether_they_are_still_logged(watch, frame):
    late = (frame["shown_at"] >= CHANGE).to_numpy()
    frame["click"] = frame["click"].astype(bool) & ~late
    frame["dwell_seconds"] = frame["dwell_seconds"].where(~late)
    code, told = watch(frame)
    assert (code, told["action"]) == (3, "repair")
    alarms = [each for each in told["alarms"] if each["where"] == "click"]
    assert [each["start"][:10] for each in alarms] == ["2025-02-05", "2025-02-06", "2025-02-07"]
    for alarm in alarms:
        assert alarm["harmful"] and 0.0 < alarm["p_value"] < 0.01
        assert alarm["effect"] > alarm["effect_low"] > 0.0 and alarm["effect_high"] is None
        assert "still logged" in alarm["next_step"]


def test_days_on_which_nobody_knows_of_clicks_are_named(watch, frame):
    late = (frame["shown_at"] >= CHANGE).to_numpy()
    frame["click"] = frame["click"].astype("boolean").mask(pd.Series(late))
    _, told = watch(frame)
    found = [each for each in told["alarms"] if each["where"] == "click"]
    assert {each["kind"] for each in found} == {"all_missing"}
    assert len(found) == 3


def test_calibration_error_and_the_expected_loss_of_dwell_are_told(watch, frame, tmp_path):
    _, told = watch(frame, "rate=0.001")
    whole = [each for each in told["calibration"] if each["head"] == "click" and each["slice"] == "all"]
    assert all(each["ece_null_low"] <= each["ece_null_high"] for each in whole)
    assert all(each["ece_excess"] < each["ece"] for each in whole)
    loss = [each for each in told["label_free"] if each["metric"] == "absolute_error"]
    assert len(loss) == len(told["windows"])
    assert {each["head"] for each in loss} == {"dwell"}
    # Within a factor: rows of each day are few.
    assert all(0.5 < each["estimate"] / each["realised"] < 2.0 for each in loss if each["n_known"] > 10)
    page = (tmp_path / "out" / "monitor.html").read_text()
    assert "Less noise" in page and "Absolute error expected" in page


def test_an_empty_day_and_a_day_of_one_row_have_names(watch, frame):
    day = frame["shown_at"].dt.floor("D")
    empty, single = pd.Timestamp("2025-02-05", tz="UTC"), pd.Timestamp("2025-02-06", tz="UTC")
    first = frame.index[day == single][0]
    kept = (day != empty) & ((day != single) | (frame.index == first))
    code, told = watch(frame[kept].reset_index(drop=True))
    assert code in (3, 4)
    assert kinds(told, "*") == {"empty_window", "one_row"}
    assert [each["start"][:10] for each in told["alarms"] if each["kind"] == "empty_window"] == ["2025-02-05"]


def test_a_log_without_rows_says_one_thing(watch, frame):
    code, told = watch(frame.iloc[:0])
    assert code == 3
    assert [each["kind"] for each in told["alarms"]] == ["empty_window"]
    assert told["windows"] == []


def test_windows_of_several_days_and_bounds(watch, frame, tmp_path):
    code, told = watch(frame, "window=2d", "start=2025-02-04", "end=2025-02-09", "control=holm", "rate=0.01")
    assert code in (0, 3, 4)
    assert [each["start"][:10] for each in told["windows"]] == ["2025-02-04", "2025-02-06"]
    assert told["warnings"] == []
    # Two days are held against pairs of days of the reference: rows alone would say that all has moved.
    findings = pd.read_parquet(tmp_path / "out" / "findings.parquet")
    compared = findings[findings["kind"].isin(["kolmogorov_smirnov", "calibration_ratio"])]
    assert set(compared["end"].dt.strftime("%Y-%m-%d")) == {"2025-02-06", "2025-02-08"}
    assert len(told["alarms"]) <= 2


def test_windows_for_which_the_reference_is_too_short_are_judged_by_their_days(watch, frame):
    late = (frame["shown_at"] >= CHANGE).to_numpy()
    frame["content_length"] = np.where(late, frame["content_length"] * 1000.0, frame["content_length"])
    code, told = watch(frame, "window=5d", "rate=0.01")
    assert code in (3, 4)
    assert "judged by their days" in told["warnings"][0]
    assert [window["end"][:10] for window in told["windows"]] == ["2025-02-08"]
    assert "content_length" in {each["where"] for each in told["alarms"]}
    assert "editor_score" not in {each["where"] for each in told["alarms"]}


def test_many_files_in_any_order_are_the_same_log(watch, trained, frame, tmp_path):
    _, whole = watch(frame)
    shards = tmp_path / "shards"
    shards.mkdir()
    for number, rows in enumerate(np.array_split(np.random.default_rng(0).permutation(len(frame)), 3)):
        write_rows(shards / f"{number}.parquet", frame.iloc[rows])
    write_json(shards / "observed.json", {"observed_until": trained.log.observed_until.isoformat()})
    words = [f"reference={trained.run}", f"log={shards}", f"output={tmp_path / 'out'}", "harm_rows=50"]
    main(["monitor", *words, *(f"{name}={day}" for name, day in DAYS.items())])
    parts = json.loads((tmp_path / "out" / "monitor.json").read_text())
    assert parts["windows"] == whole["windows"]
    assert parts["log"] == whole["log"]
    assert parts["num_findings"] == whole["num_findings"]


def test_of_a_window_larger_than_memory_a_sample_is_watched(watch, frame):
    code, told = watch(pd.concat([frame] * 8).sort_values("shown_at", kind="stable"), "most_rows=1000")
    assert code in (0, 3, 4)
    assert any("a sample of that many" in each for each in told["warnings"])
    assert sum(window["rows"] for window in told["windows"]) > 8000


def test_the_page_needs_nothing_else(watch, frame, tmp_path):
    frame["content_length"] *= 1000.0
    frame["market"] = "<script>alert(1)</script>"
    code, _ = watch(frame)
    page = (tmp_path / "out" / "monitor.html").read_text()
    assert code in (3, 4)
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#)', page)
    assert "url(http" not in page and "@import" not in page
    assert "prefers-color-scheme: dark" in page
    for words in ("Is anything harmful?", "Columns by day", "Alarms", "Calibration by day", "content_length"):
        assert words in page


def test_a_log_without_a_time_is_refused(watch, frame, capsys):
    code, _ = watch(frame.drop(columns="shown_at"))
    assert code == 2
    assert "shown_at" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["log=x"], "needs reference="),
        (["reference=RUN"], "needs one log"),
        (["reference=RUN", "log=x", "data=world"], "needs one log"),
        (["reference=RUN", "log=nowhere"], "there is no log at nowhere"),
        (["reference=nowhere", "log=x"], "there is no folder nowhere"),
        (["reference=RUN", "log=x", "rate=2"], "rate is 2"),
        (["reference=RUN", "log=x", "looks=0"], "looks is 0"),
        (["reference=RUN", "log=x", "window=1h"], "window is '1h'"),
        (["reference=RUN", "log=x", "most_rows=5"], "most_rows is 5"),
        (["reference=RUN", "log=x", "start=2025-02-30"], "no day of the calendar"),
        (["reference=RUN", "log=x", "colour=red"], "no setting 'colour'"),
        (["reference=RUN", "log=x", "control=hope"], "control is 'hope'"),
        (["reference=RUN", "log"], "takes key=value"),
    ],
)
def test_mistakes_exit_with_2_and_say_what(words, what, trained, capsys):
    assert main(["monitor", *(word.replace("RUN", str(trained.run)) for word in words)]) == 2
    assert what in capsys.readouterr().err


def test_help_tells_the_exit_codes(capsys):
    assert main(["monitor", "--help"]) == 0
    assert "3 where there is an alarm" in capsys.readouterr().out
