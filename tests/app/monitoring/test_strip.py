from __future__ import annotations

import pandas as pd

from holdfast.app.monitoring.strip import alarm_lines, heat_strip
from holdfast.monitoring.alarms import Alarm, raise_alarms
from holdfast.monitoring.finding import Finding

DAYS = [pd.Timestamp("2024-05-01", tz="UTC") + pd.Timedelta(day, "D") for day in range(3)]


def finding(where: str, day: int, **values: object) -> Finding:
    return Finding(where=where, kind="kolmogorov_smirnov", start=DAYS[day], **values)  # type: ignore[arg-type]


def told(alarms: list[Alarm]) -> dict[str, object]:
    rows = [each.as_row() for each in alarms]
    for row in rows:
        row |= {name: row[name].isoformat() for name in ("start", "since")}
    return {"windows": [{"start": day.isoformat()} for day in DAYS], "alarms": rows}


FINDINGS = [
    finding("quiet", 0, p_value=0.9, severity="none"),
    finding("loud", 0, p_value=0.5, severity="none"),
    finding("loud", 1, p_value=1e-9, severity="large", effect=0.5, effect_unit="share"),
    finding("loud", 2, p_value=1e-9, severity="moderate", effect=0.4, effect_unit="share"),
]


def test_the_strip_has_a_row_a_column_and_the_one_that_alarms_first():
    strip = heat_strip(told(raise_alarms(FINDINGS)), FINDINGS)
    assert strip["days"] == ["2024-05-01", "2024-05-02", "2024-05-03"]
    assert [row.where for row in strip["rows"]] == ["loud", "quiet"]
    assert [cell.level for cell in strip["rows"][0].cells] == ["none", "large", "moderate"]
    assert [cell.alarm for cell in strip["rows"][0].cells] == [False, True, True]
    # A day without any finding is not the same as a day without change.
    assert [cell.level for cell in strip["rows"][1].cells] == ["none", "absent", "absent"]


def test_alarms_of_one_column_and_kind_are_one_line_since_the_first():
    (line,) = alarm_lines(told(raise_alarms(FINDINGS))["alarms"])  # type: ignore[arg-type]
    assert (line.where, line.kind, line.windows) == ("loud", "kolmogorov smirnov", 2)
    assert line.since == "2024-05-02"
    assert line.effect == "0.400 share"
    assert (line.tone, line.harm) == ("unclear", "not known")


def test_many_quiet_columns_are_counted_and_not_drawn():
    quiet = [finding(f"column {number}", 0, p_value=0.9) for number in range(30)]
    strip = heat_strip(told([]), quiet)
    assert (len(strip["rows"]), strip["left_out"]) == (12, 18)
