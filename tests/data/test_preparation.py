from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import FREQUENCY, RECENCY, TrailingHistory
from holdfast.data.log import Log
from holdfast.data.outcomes import follow_up_days, outcome_columns
from holdfast.data.preparation import Prepared, prepare_train, prepare_window, prepare_windows
from holdfast.data.splits import TemporalSplit

SPLIT = TemporalSplit(gap_days=2, validation_days=2, test_days=4, maturity_days=3)
REQUEST = {
    "history": TrailingHistory(),
    "encoder": EncoderSettings(),
    "objectives": ("click", "dwell", "retention"),
    "horizon_days": 4,
}


@pytest.fixture(scope="module")
def log(make_log) -> Log:
    return make_log(0)


@pytest.fixture(scope="module")
def prepared(log) -> Prepared:
    return prepare_windows(log, split=SPLIT, **REQUEST)


NAMES = ("train", "validation", "test")


def test_every_column_has_a_value_a_row_and_the_type_it_should(prepared):
    dtypes = {"categorical": "int32", "value": "float32", "event": "bool", "known": "bool", "day": "int64"}
    dtypes |= {"numeric": "float32", "spread": "float32", "propensity": "float64", "request": "int64"}
    dtypes |= {"user": "int64", "user_day": "int64", "slot": "int64", "follow_up_days": "int64"}
    dtypes |= {"recency_days": "float32", "active_days_7": "float32", "content_seconds": "float32"}
    dtypes |= {"policy": "int64", "item": "int64"}
    assert tuple(prepared.windows) == tuple(prepared.rows) == tuple(prepared.bounds) == NAMES
    for name, window in prepared.windows.items():
        assert window.name == name
        assert len(window) == len(prepared.rows[name]) > 50
        assert window.objectives == REQUEST["objectives"]
        assert {each.name for each in fields(window)} == {
            *dtypes,
            *("name", "objectives", "policies", "propensity_of", "lists"),
        }
        for column, dtype in dtypes.items():
            array = getattr(window, column)
            assert array.dtype == dtype, column
            assert len(array) == len(window)
            assert array.flags.c_contiguous
        assert window.value.shape == window.event.shape == window.known.shape == window.spread.shape
        assert window.value.shape[1] == 3


def test_rows_are_those_of_the_window_and_nothing_later_is_known_of_them(log, prepared):
    for name, bounds in prepared.bounds.items():
        rows, frame = prepared.rows[name], log.frame
        inside = frame[(frame["shown_at"] >= bounds.start) & (frame["shown_at"] < bounds.end)]
        assert rows["request_id"].tolist() == inside["request_id"].tolist()
        assert rows["item_id"].tolist() == inside["item_id"].tolist()
        assert rows.index.tolist() == list(range(len(rows)))
        assert rows["next_visit_at"].dropna().max() < bounds.as_of
        ended = rows["shown_at"] + pd.to_timedelta(rows["dwell_seconds"], unit="s")
        assert ended.dropna().max() <= bounds.as_of


def test_outcomes_are_those_of_the_view(log, prepared):
    for name, bounds in prepared.bounds.items():
        window, view = prepared.windows[name], bounds.view(log)
        for index, objective in enumerate(REQUEST["objectives"]):
            wanted = outcome_columns(view, objective, horizon_days=4)
            for part in ("value", "event", "known", "spread"):
                np.testing.assert_array_equal(getattr(window, part)[:, index], getattr(wanted, part))
        follow_up = follow_up_days(view, horizon_days=4)
        np.testing.assert_array_equal(window.follow_up_days, follow_up)
        assert prepared.maturity[name] == (follow_up == 4).mean()
    # By hand: three days after the test window, its last day has been followed for three days and those
    # before it for the four of the horizon; validation is looked at as it ends.
    assert prepared.maturity["validation"] == 0.0
    day = prepared.windows["test"].day
    assert prepared.maturity["test"] == (day < day.max()).mean()


def test_history_reaches_back_before_the_window(log, prepared):
    whole = TrailingHistory().compute(log)
    for name, bounds in prepared.bounds.items():
        inside = ((log.frame["shown_at"] >= bounds.start) & (log.frame["shown_at"] < bounds.end)).to_numpy()
        pd.testing.assert_frame_equal(
            prepared.rows[name][whole.columns], whole[inside].reset_index(drop=True), check_exact=True
        )
    assert prepared.rows["test"]["user_impressions_7d"].iloc[0] > 0


def test_the_encoder_reads_the_cards_features_and_the_history(log, prepared):
    names = [feature.name for feature in prepared.encoder.features]
    card = [feature.name for feature in log.card.features]
    assert names[: len(card)] == card
    assert set(names[len(card) :]) == {feature.name for feature in TrailingHistory().features()}
    for name, window in prepared.windows.items():
        again = prepared.encoder.transform(prepared.rows[name])
        np.testing.assert_array_equal(window.categorical, again.categorical)
        np.testing.assert_array_equal(window.numeric, again.numeric)


def test_numbers_are_standard_in_training(prepared):
    schema, numeric = prepared.encoder.schema, prepared.windows["train"].numeric
    index = schema.numeric.index("item_price")
    assert numeric[:, index].mean() == pytest.approx(0.0, abs=1e-5)
    assert numeric[:, index].std() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_codes_mean_what_they_say(log, prepared, name):
    window, rows = prepared.windows[name], prepared.rows[name]
    day = rows["shown_at"].dt.tz_convert(log.card.time_zone).dt.tz_localize(None).dt.floor("D")
    keys = {
        "request": rows["request_id"].astype(str),
        "user": rows["user_id"].astype(str),
        "user_day": rows["user_id"].astype(str) + "@" + day.astype(str),
    }
    for column, key in keys.items():
        pairs = pd.DataFrame({"code": getattr(window, column), "key": key}).drop_duplicates()
        assert not pairs["code"].duplicated().any()
        assert not pairs["key"].duplicated().any()
        assert pairs["code"].min() == 0
    epoch = (day - pd.Timestamp("1970-01-01")).dt.days
    np.testing.assert_array_equal(window.day, epoch)
    np.testing.assert_array_equal(window.slot, rows["slot"])
    np.testing.assert_array_equal(window.propensity, rows["propensity"])
    assert [window.policies[each] for each in window.policy] == rows["policy"].tolist()
    np.testing.assert_array_equal(window.recency_days, rows[RECENCY].astype("float32"))
    np.testing.assert_array_equal(window.active_days_7, rows[FREQUENCY])


def test_each_window_can_be_prepared_alone(log, prepared):
    request = {key: value for key, value in REQUEST.items() if key != "encoder"}
    encoder, train = prepare_train(log, prepared.bounds["train"], encoder=EncoderSettings(), **request)
    test = prepare_window(log, prepared.bounds["test"], encoder=encoder, **request)
    for one, name in ((train, "train"), (test, "test")):
        np.testing.assert_array_equal(one.encoded.numeric, prepared.windows[name].numeric)
        np.testing.assert_array_equal(one.encoded.categorical, prepared.windows[name].categorical)
        pd.testing.assert_frame_equal(one.rows, prepared.rows[name])


def test_objectives_come_in_the_order_asked_for(log):
    request = {**REQUEST, "objectives": ("retention", "click")}
    windows = prepare_windows(log, split=SPLIT, **request).windows
    assert windows["test"].objectives == ("retention", "click")
    assert windows["test"].value.shape[1] == 2
    np.testing.assert_array_equal(windows["test"].spread[:, 1], 1.0)


def test_columns_that_were_not_logged(log):
    null = {"propensity": np.nan, "slot": pd.array([None] * len(log), dtype="Int64")}
    absent = log.frame.drop(columns=["propensity", "slot", "content_seconds", "policy"])
    for frame in (log.frame.assign(**null, content_seconds=np.nan, policy=None), absent):
        window = prepare_windows(replace(log, frame=frame), split=SPLIT, **REQUEST).windows["test"]
        assert np.isnan(window.propensity).all()
        assert (window.slot == -1).all()
        assert (window.policy == -1).all()
        assert window.policies == ()
        assert np.isinf(window.content_seconds).all()


def test_a_log_without_users_has_each_row_on_its_own(log):
    frame = log.frame.drop(columns=["user_id", "request_id"])
    card = replace(log.card, outcomes=("click",))
    request = {**REQUEST, "objectives": ("click",)}
    window = prepare_windows(Log(frame, card, log.observed_until), split=SPLIT, **request).windows["test"]
    for codes in (window.user, window.request, window.user_day):
        assert len(set(codes)) == len(window)
    assert np.isnan(window.recency_days).all()
    assert (window.active_days_7 == 0).all()


def test_an_objective_that_the_window_cannot_teach_is_named(log):
    never_opened = log.frame.assign(click=False, dwell_seconds=np.nan)
    with pytest.raises(UserError, match="no outcome of dwell is known in the train window"):
        prepare_windows(replace(log, frame=never_opened), split=SPLIT, **REQUEST)
    day_before = TemporalSplit(train_days=1, gap_days=0, validation_days=2, test_days=4, maturity_days=3)
    with pytest.raises(UserError, match="no outcome of retention is known"):
        prepare_windows(log, split=day_before, **REQUEST)


@pytest.mark.parametrize("population", ["opened", "all"])
def test_a_window_in_which_no_stay_ends_is_refused(log, population):
    always_cut = log.frame.assign(content_seconds=1e-3)
    with pytest.raises(UserError, match=r"known dwells of the train window, .*, are cut off"):
        prepare_windows(replace(log, frame=always_cut), split=SPLIT, **REQUEST, dwell_population=population)


def test_dwell_over_all_rows_knows_what_was_not_opened(log):
    opened = prepare_windows(log, split=SPLIT, **REQUEST).windows["test"]
    everywhere = prepare_windows(log, split=SPLIT, **REQUEST, dwell_population="all").windows["test"]
    click, dwell = opened.index_of("click"), opened.index_of("dwell")
    stays = opened.known[:, dwell]
    np.testing.assert_array_equal(everywhere.value[stays, dwell], opened.value[stays, dwell])
    np.testing.assert_array_equal(everywhere.event[stays, dwell], opened.event[stays, dwell])
    closed = opened.known[:, click] & (opened.value[:, click] == 0.0)
    assert closed.any()
    assert (everywhere.value[closed, dwell] == 0.0).all()
    np.testing.assert_array_equal(everywhere.known[:, dwell], stays | closed)


def test_an_objective_that_the_card_does_not_name_is_named(log):
    card = replace(log.card, outcomes=("click", "dwell"))
    with pytest.raises(UserError, match=r"does not know \['retention'\]"):
        prepare_windows(replace(log, card=card), split=SPLIT, **REQUEST)
    with pytest.raises(UserError, match="no objectives"):
        prepare_windows(log, split=SPLIT, **{**REQUEST, "objectives": ()})


@pytest.mark.parametrize("name", ["click", "dwell_seconds", "next_visit_at", "propensity"])
def test_a_feature_that_tells_the_outcome_is_refused(log, name):
    card = log.card.with_features([Feature(name=name, kind="numeric", owner="context")])
    with pytest.raises(UserError, match=rf"\['{name}'\] would tell the outcome"):
        prepare_windows(replace(log, card=card), split=SPLIT, **REQUEST)


def test_a_column_that_the_history_would_cover_is_named(log):
    frame = log.frame.assign(user_clicks_7d=1)
    with pytest.raises(UserError, match=r"already has columns \['user_clicks_7d'\]"):
        prepare_windows(replace(log, frame=frame), split=SPLIT, **REQUEST)


def test_the_log_stays_as_it_was(log):
    before = log.fingerprint()
    prepare_windows(log, split=SPLIT, **REQUEST)
    assert log.fingerprint() == before
