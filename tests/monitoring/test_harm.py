import numpy as np
import pandas as pd
import pytest

from holdfast.monitoring.alarms import raise_alarms, retraining_trigger
from holdfast.monitoring.harm import HarmEstimator
from holdfast.monitoring.monitoring_columns import find_in_columns
from holdfast.monitoring.reference import Reference
from holdfast.monitoring.structure import Window


def model(frame):
    return 1 / (1 + np.exp(-(frame["used"].fillna(0.0) - 1.0)))


def frames(shift=0.0, rows=3000):
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"used": rng.normal(size=rows), "idle": rng.normal(size=rows)})
    after = pd.DataFrame({"used": rng.normal(shift, 1, size=rows), "idle": rng.normal(5, 9, size=rows)})
    return before, after


def test_a_column_that_the_model_does_not_use_does_no_harm_at_all():
    before, after = frames()
    found = HarmEstimator().estimate(model, reference=before, current=after, column="idle")
    assert (found.shift, found.moved, found.moved_low, found.moved_high) == (0.0, 0.0, 0.0, 0.0)


def test_a_shift_is_what_the_model_makes_of_it():
    many = np.random.default_rng(9).normal(size=400_000)
    truth = float((1 / (1 + np.exp(-many)) - 1 / (1 + np.exp(1 - many))).mean())
    shift, moved = 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        before = pd.DataFrame({"used": rng.normal(size=600)})
        after = pd.DataFrame({"used": rng.normal(1, 1, size=400)})
        found = HarmEstimator(seed=seed).estimate(model, reference=before, current=after, column="used")
        shift += found.shift_low <= truth <= found.shift_high
        # All go up: the mean absolute change is that of the mean, less what chance moves.
        moved += 0.8 * truth < found.moved <= 1.2 * truth
        assert found.relative_low > 0.2
    assert shift >= 53
    assert moved >= 53


def test_no_shift_is_not_harmful_more_often_than_chance():
    harmful = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        before = pd.DataFrame({"used": rng.normal(size=600)})
        after = pd.DataFrame({"used": rng.normal(size=300)})
        found = HarmEstimator(seed=seed).estimate(model, reference=before, current=after, column="used")
        harmful += found.relative_low > 0.05
    assert harmful == 0


def test_a_stuck_sensor_moves_rows_though_hardly_the_mean():
    before, after = frames()
    stuck = after.assign(used=0.0)
    found = HarmEstimator().estimate(model, reference=before, current=stuck, column="used")
    assert found.moved_low > 3 * abs(found.shift)
    assert found.relative_low > 0.3


def test_a_column_that_is_gone_counts_as_missing():
    before, after = frames()
    gone = after.drop(columns="used")
    found = HarmEstimator().estimate(model, reference=before, current=gone, column="used")
    assert "not there" in found.note
    assert found.relative_low > 0.3


def test_a_column_of_another_type_counts_as_missing():
    before, after = frames(rows=500)
    text = after.assign(used="no number")
    found = HarmEstimator().estimate(model, reference=before, current=text, column="used")
    assert "taken as all missing" in found.note
    assert found.relative_low > 0.3


def test_rows_that_can_no_longer_be_scored_have_lost_all():
    before, after = frames(rows=500)
    gone = after.drop(columns="used")
    found = HarmEstimator().estimate(
        lambda frame: 1 / (1 + np.exp(-frame["used"])), reference=before, current=gone, column="used"
    )
    # All of it, but for what two samples of the reference differ by.
    assert 0.95 < found.relative <= 1.0
    assert found.relative_low > 0.8


@pytest.mark.parametrize("fault", ["type_changed", "missing_column", "empty_window", "all_missing"])
def test_the_way_from_faults_to_alarms_holds_with_an_estimate_of_harm(fault):
    before, after = frames(rows=600)
    days = 20_000 + np.arange(600) // 300
    reference = Reference.from_frame(before)
    broken = {
        "type_changed": after.assign(used="text"),
        "missing_column": after.drop(columns="used"),
        "empty_window": after[:0],
        "all_missing": after.assign(used=np.nan),
    }[fault]
    day = days[: len(broken)]
    harm_of = HarmEstimator().by_day(model, reference=before, current=broken, days=day)
    start = pd.Timestamp(20_001, unit="D", tz="Europe/Copenhagen")
    here = broken[day == 20_001] if len(broken) else broken
    window = Window(start=start, end=start + pd.Timedelta(1, "D"))
    alarms = raise_alarms(list(find_in_columns(reference, here, window=window)), harm_of=harm_of)
    assert fault in {each.kind for each in alarms}
    assert retraining_trigger(alarms).action == "repair"


def test_a_head_that_hardly_varies_does_not_dilute_the_one_that_carries_the_order():
    before, after = frames(rows=1500)
    stuck = after.assign(used=np.nan)

    def heads(frame):
        click = 0.04 * model(frame)
        return np.stack([click, np.full(len(frame), 0.92), np.log(click)], axis=1)

    found = HarmEstimator(max_rows=500).estimate(
        heads, reference=before, current=stuck, column="used", num_scores=1
    )
    assert found.usual < 0.04  # of the click, and not of the return
    assert found.moved_low / found.usual > 0.3
    # All predictions are the same: no order is left.
    assert found.order == pytest.approx(1.0, abs=0.01)
    idle = HarmEstimator().estimate(heads, reference=before, current=after, column="idle", num_scores=1)
    assert (idle.relative, idle.relative_high, idle.order_high) == (0.0, 0.0, 0.0)


def test_loss_of_order_is_one_less_spearmans_correlation():
    before, _ = frames(rows=400)
    turned = before.assign(used=-before["used"].abs())
    moved = HarmEstimator(max_rows=400).estimate(
        lambda frame: frame["used"] ** 2, reference=before, current=turned, column="used"
    )
    # Ranks are kept when numbers move, so that the smallest |x| of the moved column is the largest x.
    rank = before["used"].rank(method="first").to_numpy().astype(int) - 1
    after = np.sort(turned["used"].to_numpy())[rank] ** 2
    expected = 1 - before["used"].pow(2).corr(pd.Series(after), method="spearman")
    assert moved.order == pytest.approx(expected, abs=0.1)
    assert moved.order_low <= expected <= moved.order_high


def test_users_widen_the_interval():
    before, after = frames(shift=0.5, rows=1000)
    apart = HarmEstimator().estimate(model, reference=before, current=after, column="used")
    users = np.argsort(np.argsort(before["used"])) // 50
    together = HarmEstimator().estimate(model, reference=before, current=after, column="used", users=users)
    assert together.moved_high - together.moved_low > apart.moved_high - apart.moved_low


def test_bad_input():
    before, after = frames(rows=20)
    assert HarmEstimator().estimate(model, reference=before, current=after[:0], column="used") is None
    with pytest.raises(ValueError, match="no column 'else'"):
        HarmEstimator().estimate(model, reference=before, current=after, column="else")
    with pytest.raises(ValueError, match="NaN or infinite"):
        HarmEstimator().estimate(lambda f: f["used"] * np.nan, reference=before, current=after, column="used")
    with pytest.raises(ValueError, match="max_rows is 3"):
        HarmEstimator(max_rows=3)
