from holdfast.app.monitoring.realised_lines import LATEST, calibration_lines, loss_lines

ROW = {
    "head": "click",
    "day": 20_000,
    "slice": "all",
    "n": 1200,
    "ratio": None,
    "low": 2.5,
    "high": None,
    "slope": 1.0,
    "slope_low": 0.9,
    "slope_high": 1.1,
    "ece": 0.02,
    "ece_excess": -0.001,
    "ece_null_low": 0.01,
    "ece_null_high": 0.03,
}


def test_the_latest_windows_of_each_head_without_slices_and_days_of_which_nothing_is_known():
    rows = [{**ROW, "day": 20_000 + day} for day in range(10)]
    others = [{**ROW, "slice": "market=north"}, {**ROW, "n": 0}, {**ROW, "head": "dwell", "ece": None}]
    lines = calibration_lines([*rows, *others])
    assert [line.head for line in lines] == ["click"] * LATEST + ["dwell"]
    assert lines[0].day == 20_003
    assert lines[0].ratio == "– [2.50, –]"
    assert lines[0].noise == "[0.0100, 0.0300]"
    assert lines[-1].error == "–"


def test_losses_are_those_of_dwell():
    row = {"head": "dwell", "day": 20_000, "metric": "absolute_error", "estimate": 12.0, "low": None}
    row |= {"high": None, "realised": None, "n": 10, "n_known": 0}
    (line,) = loss_lines([row, {**row, "metric": "auc"}])
    assert (line.expected, line.realised) == ("12", "–")
