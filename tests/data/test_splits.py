from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.data.card import DatasetCard
from holdfast.data.log import Log, local_day
from holdfast.data.splits import TemporalSplit, Window, window_from_dict

ZONES = ("UTC", "Europe/Copenhagen", "America/Sao_Paulo", "Asia/Kathmandu")


def hourly(days: int, *, time_zone: str = "UTC", first: str = "2024-03-20") -> Log:
    """A row every hour of so many whole local days."""
    start = pd.Timestamp(first, tz=time_zone)
    end = pd.Timestamp(first).normalize() + pd.Timedelta(days=days)
    moments = pd.date_range(start, end.tz_localize(time_zone), freq="h", inclusive="left").tz_convert("UTC")
    frame = pd.DataFrame({"shown_at": moments.as_unit("us")})
    return Log(
        frame, DatasetCard(name="hourly", time_zone=time_zone), end.tz_localize(time_zone).tz_convert("UTC")
    )


SPLIT = TemporalSplit(gap_days=1, validation_days=2, test_days=3, maturity_days=2)


def test_the_plain_split_by_hand():
    windows = SPLIT.windows(hourly(12))
    days = {
        name: tuple(str(moment)[:10] for moment in (window.start, window.end, window.as_of))
        for name, window in windows.items()
    }
    assert list(windows) == ["train", "validation", "test"]
    assert days == {
        "train": ("2024-03-20", "2024-03-24", "2024-03-25"),
        "validation": ("2024-03-25", "2024-03-27", "2024-03-27"),
        "test": ("2024-03-27", "2024-03-30", "2024-04-01"),
    }


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("first", ["2024-03-20", "2018-10-25"])
def test_windows_are_whole_local_days(zone, first):
    log = hourly(20, time_zone=zone, first=first)
    windows = SPLIT.windows(log)
    lengths = {}
    for name, window in windows.items():
        for moment in (window.start, window.end, window.as_of):
            before = moment - pd.Timedelta(1, unit="us")
            assert local_day(before, zone) == local_day(moment, zone) - 1
        lengths[name] = local_day(window.end, zone) - local_day(window.start, zone)
    assert lengths == {"train": 12, "validation": 2, "test": 3}
    assert windows["validation"].start == windows["train"].as_of
    assert windows["test"].start == windows["validation"].end == windows["validation"].as_of
    assert windows["test"].as_of == log.observed_until


@pytest.mark.parametrize("zone", ZONES)
def test_no_row_is_in_two_windows(zone):
    log = hourly(20, time_zone=zone)
    windows = SPLIT.windows(log)
    seen = pd.concat([window.view(log).frame["shown_at"] for window in windows.values()])
    assert not seen.duplicated().any()
    total = sum(len(log.between(window.start, window.end)) for window in windows.values())
    assert len(seen) == total


def test_a_part_of_a_day_at_the_end_is_no_day():
    log = hourly(12)
    part = Log(log.frame, log.card, log.observed_until + pd.Timedelta(hours=13))
    windows = SPLIT.windows(part)
    assert windows["test"].end == SPLIT.windows(log)["test"].end
    assert windows["test"].as_of == part.observed_until


def test_a_train_window_of_fixed_length_ends_where_the_other_does():
    fixed = TemporalSplit(train_days=2, gap_days=1, validation_days=2, test_days=3, maturity_days=2)
    window, other = fixed.windows(hourly(12))["train"], SPLIT.windows(hourly(12))["train"]
    assert window.end == other.end
    assert window.start == other.end - pd.Timedelta(days=2)


def test_walking_forward_moves_every_cut_and_tests_each_day_once():
    log = hourly(30)
    settings = {"train_days": 5, "gap_days": 1, "validation_days": 2, "test_days": 3, "maturity_days": 4}
    folds = [TemporalSplit(num_folds=4, fold=fold, **settings).windows(log) for fold in range(4)]
    assert folds[3] == TemporalSplit(**settings).windows(log)
    for earlier, later in pairwise(folds):
        for name in earlier:
            for moment in ("start", "end", "as_of"):
                step = getattr(later[name], moment) - getattr(earlier[name], moment)
                assert step == pd.Timedelta(days=3)
        assert earlier["test"].end == later["test"].start
    # What an earlier fold knows of its test rows is no more than what the last one knows of its own.
    waits = {fold["test"].as_of - fold["test"].end for fold in folds}
    assert waits == {pd.Timedelta(days=4)}


def test_the_shortest_log_that_can_be_split():
    assert len(SPLIT.windows(hourly(9))) == 3
    with pytest.raises(UserError, match=r"covers 8 whole days, and the split needs 9"):
        SPLIT.windows(hourly(8))
    fixed = TemporalSplit(train_days=3, gap_days=1, validation_days=2, test_days=3, maturity_days=2)
    assert len(fixed.windows(hourly(11))) == 3
    with pytest.raises(UserError, match=r"covers 10 whole days, and the split needs 11"):
        fixed.windows(hourly(10))


def test_earlier_folds_need_a_longer_log():
    split = TemporalSplit(gap_days=1, validation_days=2, test_days=3, maturity_days=2, num_folds=3, fold=0)
    assert len(split.windows(hourly(15))) == 3
    with pytest.raises(UserError, match=r"needs 15 .*earlier folds 6"):
        split.windows(hourly(14))


def test_an_empty_window_is_named():
    log = hourly(12)
    day = log.local_days() - log.local_days()[0]
    hole = Log(log.frame[~np.isin(day, (5, 6))].reset_index(drop=True), log.card, log.observed_until)
    with pytest.raises(UserError, match=r"the validation window, 2024-03-25.*holds no row"):
        SPLIT.windows(hole)


def test_an_empty_log_is_refused():
    log = hourly(12)
    with pytest.raises(UserError, match="no rows"):
        SPLIT.windows(log.between(log.observed_until, log.observed_until))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("train_days", 0),
        ("gap_days", -1),
        ("validation_days", 0),
        ("test_days", 0),
        ("maturity_days", -1),
        ("num_folds", 0),
        ("fold", 1),
        ("fold", -1),
    ],
)
def test_a_value_out_of_range_is_named(name, value):
    with pytest.raises(ValueError, match=f"split.{name} is {value}"):
        TemporalSplit(**{name: value})


def test_a_window_views_its_rows_as_of_its_moment(make_log):
    log = make_log()
    start = log.frame["shown_at"].iloc[0].normalize()
    window = Window(
        name="w",
        start=start + pd.Timedelta(days=2),
        end=start + pd.Timedelta(days=4),
        as_of=start + pd.Timedelta(days=5),
    )
    view = window.view(log)
    assert view.frame["shown_at"].between(window.start, window.end, inclusive="left").all()
    assert view.frame["next_visit_at"].max() < window.as_of
    assert view.frame["next_visit_at"].isna().any()


def test_a_window_is_recorded_and_read_back():
    window = SPLIT.windows(hourly(12))["test"]
    assert window_from_dict(window.to_dict()) == window


def test_a_gap_before_test_lets_validation_labels_mature():
    windows = TemporalSplit(
        gap_days=1, validation_days=2, validation_gap_days=3, test_days=3, maturity_days=2
    ).windows(hourly(20))
    plain = SPLIT.windows(hourly(20))
    assert windows["test"] == plain["test"]
    assert windows["validation"].end == plain["validation"].end - pd.Timedelta(3, "D")
    assert windows["validation"].as_of == windows["test"].start
    assert windows["train"].as_of == windows["validation"].start
