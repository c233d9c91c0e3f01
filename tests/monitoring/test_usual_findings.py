import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.alarms import raise_alarms
from holdfast.monitoring.finding import Finding
from holdfast.monitoring.null_replay import findings_by_day
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.usual_findings import named_windows, usual_or_news
from holdfast.monitoring.window_calibration import fit_finding_null


def test_the_day_of_the_week_is_constant_in_every_day_and_no_alarm():
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(20_000, 20_035), 200)
    frame = pd.DataFrame({"weekday": day % 7, "sensor": rng.normal(size=day.size)})
    frame.loc[day >= 20_033, "sensor"] = 1.0
    past = day < 20_028
    reference = Reference.from_frame(frame[past])
    null = fit_finding_null(findings_by_day(frame[past], reference=reference, days=day[past]), rehearsals=5)
    raw = findings_by_day(frame[~past], reference=reference, days=day[~past])
    alarms = raise_alarms(null.calibrated(raw), rate=0.01)
    constant = [each for each in alarms if each.kind == "became_constant"]
    assert {each.where for each in constant} == {"sensor"}
    assert len(constant) == 2
    # Without the reference's own days nobody could know.
    assert "weekday" in {each.where for each in raise_alarms(raw) if each.kind == "became_constant"}


def test_ranks_by_hand():
    start = pd.Timestamp("2025-01-06")
    seen = [
        Finding(where="x", kind="became_constant", start=start + n * pd.Timedelta(1, "D")) for n in range(3)
    ]
    named = named_windows(seen)
    assert named == {("x", "became_constant"): 3}
    again = Finding(where="x", kind="became_constant", p_value=1e-9, severity="large")
    found = usual_or_news(again, named, num_windows=9)
    assert (found.p_value, found.severity) == (pytest.approx(0.4), "none")
    assert usual_or_news(again, {}, num_windows=9) is again
    broken = Finding(where="x", kind="all_missing", severity="broken")
    assert usual_or_news(broken, {("x", "all_missing"): 4}, num_windows=9) is broken
    assert usual_or_news(broken, {("x", "all_missing"): 5}, num_windows=9).severity == "none"
