import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.contract import Fault, LogError, accept, check

UNTIL = pd.Timestamp("2024-03-06", tz="UTC")
CARD = DatasetCard(
    name="made",
    time_zone="UTC",
    propensity_of="item_in_slot",
    features=(
        Feature(name="item_id", kind="categorical", owner="item"),
        Feature(name="price", kind="numeric", owner="item"),
        Feature(name="colour", kind="categorical", owner="item"),
        Feature(name="tags", kind="multi_valued", owner="item"),
    ),
)
CLICK_ONLY = replace(CARD, outcomes=("click",), propensity_of=None, features=())


def good_log() -> pd.DataFrame:
    """Two users on 1 March, one of whom is back on 3 March; three requests of two slots each."""
    first, second, third = (
        pd.Timestamp(text, tz="UTC") for text in ("2024-03-01 08:00", "2024-03-01 09:00", "2024-03-03 10:00")
    )
    return pd.DataFrame(
        {
            "request_id": ["a", "a", "b", "b", "c", "c"],
            "user_id": [1, 1, 2, 2, 1, 1],
            "item_id": [10, 11, 10, 12, 11, 13],
            "shown_at": pd.Series([first, first, second, second, third, third]).dt.as_unit("us"),
            "slot": [0, 1, 0, 1, 0, 1],
            "propensity": [0.5, 1.0, 0.25, 0.5, 0.125, 0.5],
            "policy": "uniform-1",
            "click": [True, False, False, True, True, False],
            "dwell_seconds": [12.0, np.nan, np.nan, 30.0, np.nan, np.nan],
            "content_seconds": [20.0, np.nan, np.nan, 30.0, 9.0, np.nan],
            "next_visit_at": pd.Series([third, third, None, None, None, None], dtype="datetime64[us, UTC]"),
            "price": [1.5, np.nan, 2.0, 3.0, 4.0, 5.0],
            "colour": ["red", None, "blue", "red", "red", "red"],
            "tags": [[1, 2], [], None, [3], [1], [2]],
        }
    )


def broken(card: DatasetCard = CARD, *, until: pd.Timestamp = UNTIL, **columns: object) -> list[Fault]:
    return check(good_log().assign(**columns), card, observed_until=until)


def change(name: str, row: int, value: object) -> pd.Series:
    column = good_log()[name].astype(object).copy()
    column[row] = value
    return column


def only(faults: list[Fault]) -> Fault:
    assert len(faults) == 1, faults
    return faults[0]


def test_a_good_log_has_no_fault():
    assert broken() == []


def test_accepting_a_good_log_gives_canonical_types_and_keeps_the_values():
    log = accept(good_log(), CARD, observed_until=UNTIL)
    assert log.quarantined is None
    assert log.frame.dtypes.astype(str).to_dict() == {
        "request_id": "str",
        "user_id": "int64",
        "item_id": "int64",
        "shown_at": "datetime64[us, UTC]",
        "slot": "Int64",
        "propensity": "float64",
        "policy": "str",
        "click": "bool",
        "dwell_seconds": "float64",
        "content_seconds": "float64",
        "next_visit_at": "datetime64[us, UTC]",
        "price": "float64",
        "colour": "str",
        "tags": "object",
    }
    assert log.frame["tags"].map(lambda cell: None if cell is None else cell.tolist()).tolist() == [
        [1, 2], [], None, [3], [1], [2]
    ]  # fmt: skip
    np.testing.assert_array_equal(log.frame["price"], good_log()["price"])
    assert check(log.frame, CARD, observed_until=UNTIL) == []


def test_what_a_log_may_lack_is_null_and_what_nobody_named_is_left_out():
    frame = good_log()[["request_id", "user_id", "item_id", "shown_at", "click"]].assign(noise=1)
    log = accept(frame, CLICK_ONLY, observed_until=UNTIL)
    assert "noise" not in log.frame
    absent = ["slot", "propensity", "policy", "dwell_seconds", "content_seconds", "next_visit_at"]
    assert log.frame[absent].isna().all(axis=None)
    assert str(log.frame["next_visit_at"].dtype) == "datetime64[us, UTC]"


def test_rows_are_sorted_by_moment_then_request_then_slot():
    shuffled = good_log().sample(frac=1.0, random_state=3)
    assert only(check(shuffled, CARD, observed_until=UNTIL)).rule == "earlier than the row before"
    log = accept(shuffled, CARD, observed_until=UNTIL)
    assert list(zip(log.frame["request_id"], log.frame["slot"], strict=True)) == [
        ("a", 0), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 1)
    ]  # fmt: skip
    assert log.fingerprint() == accept(good_log(), CARD, observed_until=UNTIL).fingerprint()


def test_integers_that_a_null_made_floating_are_integers_again():
    log = accept(
        good_log().assign(slot=[0.0, 1.0, np.nan, np.nan, 0.0, 1.0], colour=[1.0, np.nan, 2, 3, 1, 1]),
        CARD,
        observed_until=UNTIL,
    )
    assert log.frame["slot"].tolist() == [0, 1, pd.NA, pd.NA, 0, 1]
    assert str(log.frame["colour"].dtype) == "Int64"


def test_dwell_within_tolerance_above_the_content_is_cut_and_beyond_it_refused():
    log = accept(
        good_log().assign(dwell_seconds=change("dwell_seconds", 0, 20.9)), CARD, observed_until=UNTIL
    )
    assert log.frame["dwell_seconds"][0] == 20.0
    fault = only(broken(dwell_seconds=change("dwell_seconds", 0, 21.1)))
    assert (fault.column, fault.first_rows) == ("dwell_seconds", (0,))
    assert "above content_seconds" in fault.rule


@pytest.mark.parametrize(
    ("column", "row", "value", "rule"),
    [
        ("request_id", 2, None, "null"),
        ("user_id", 5, None, "null"),
        ("item_id", 5, None, "null"),
        ("click", 1, None, "null"),
        ("slot", 1, -1, "below 0"),
        ("propensity", 1, 0.0, "outside (0, 1]"),
        ("propensity", 1, 1.0000001, "outside (0, 1]"),
        ("propensity", 1, -0.5, "outside (0, 1]"),
        ("propensity", 1, np.inf, "outside (0, 1]"),
        ("dwell_seconds", 0, -0.1, "negative"),
        ("dwell_seconds", 3, np.inf, "not finite"),
        ("dwell_seconds", 1, 3.0, "known without a click"),
        ("content_seconds", 2, 0.0, "not a length above 0"),
        ("content_seconds", 2, np.inf, "not a length above 0"),
        ("price", 4, -np.inf, "infinite"),
    ],
)
def test_a_bad_value_is_a_fault_of_its_row(column, row, value, rule):
    fault = only(broken(**{column: change(column, row, value)}))
    assert (fault.column, fault.rule, fault.num_rows, fault.first_rows) == (column, rule, 1, (row,))
    assert not fault.whole_log


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [("propensity", 0, None), ("propensity", 0, 1.0), ("dwell_seconds", 0, 0.0), ("price", 0, None)],
)
def test_values_at_the_edge_are_allowed(column, row, value):
    assert broken(**{column: change(column, row, value)}) == []


def test_a_null_moment_is_a_fault_and_does_not_disturb_the_other_rules():
    fault = only(broken(shown_at=change("shown_at", 2, pd.NaT)))
    assert (fault.column, fault.rule, fault.first_rows) == ("shown_at", "null", (2,))


@pytest.mark.parametrize(
    ("values", "rule", "rows"),
    [
        (["2024-02-29 08:00"] * 2, "not after shown_at", (0, 1)),
        (["2024-03-01 08:00"] * 2, "not after shown_at", (0, 1)),
        (["2024-03-01 23:00"] * 2, "on the day of shown_at in UTC", (0, 1)),
        (["2024-03-02 01:00", "2024-03-03 10:00"], "differs within a user's day", (0, 1)),
        (["2024-03-02 01:00", None], "differs within a user's day", (0, 1)),
        ([None, None], "null or too late: the log itself shows", (0, 1)),
        (["2024-03-04 00:00"] * 2, "null or too late: the log itself shows", (0, 1)),
    ],
)
def test_a_next_visit_is_on_a_later_day_the_same_for_the_user_day_and_agrees_with_the_log(values, rule, rows):
    moments = pd.Series([*values, None, None, None, "2024-03-05"], dtype="object")
    moments[4] = moments[5]
    fault = only(broken(next_visit_at=pd.to_datetime(moments, utc=True, format="ISO8601")))
    assert fault.rule.startswith(rule)
    assert fault.first_rows == rows


def test_a_visit_without_an_impression_before_the_next_one_is_allowed():
    assert broken(next_visit_at=pd.Series([pd.Timestamp("2024-03-02", tz="UTC")] * 2 + [pd.NaT] * 4)) == []


def test_a_later_day_is_counted_in_the_time_zone_of_the_card():
    # 23:30 and 00:30 UTC are two days in London's winter, and one day in Copenhagen's.
    shown, back = pd.Timestamp("2024-03-01 23:30", tz="UTC"), pd.Timestamp("2024-03-02 00:30", tz="UTC")
    frame = good_log().iloc[:2].assign(shown_at=shown, next_visit_at=back)
    assert check(frame, CARD, observed_until=UNTIL) == []
    fault = only(check(frame, replace(CARD, time_zone="Europe/Copenhagen"), observed_until=UNTIL))
    assert fault.rule == "on the day of shown_at in Europe/Copenhagen"


def test_a_visit_that_the_log_cannot_have_seen_is_refused():
    until = pd.Timestamp("2024-03-04", tz="UTC")
    moments = pd.Series([pd.Timestamp("2024-03-03 10:00", tz="UTC")] * 2 + [until] * 2 + [pd.NaT] * 2)
    fault = only(broken(until=until, next_visit_at=moments))
    assert (fault.rule, fault.first_rows) == ("at or after observed_until", (2, 3))


def test_a_slot_is_taken_once_a_request():
    fault = only(broken(slot=[0, 1, 0, 0, 0, 1]))
    assert (fault.column, fault.rule, fault.first_rows) == ("request_id, slot", "repeated", (3,))


def test_an_item_is_shown_once_a_request_unless_slots_tell_them_apart():
    items = [10, 10, 10, 12, 11, 13]
    assert broken(item_id=items) == []
    fault = only(broken(item_id=items, slot=None))
    assert (fault.column, fault.first_rows) == ("request_id, item_id", (1,))


def test_a_request_has_one_user():
    fault = only(broken(user_id=[1, 1, 2, 3, 1, 1]))
    assert (fault.column, fault.first_rows) == ("request_id, user_id", (2, 3))


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("click", [1, 0, 0, 1, 1, 0], "found int64, wanted booleans"),
        ("click", ["yes", "no", "no", "yes", "yes", "no"], "found str, wanted booleans"),
        ("user_id", [1.5, 1.5, 2, 2, 1, 1], "found float64, wanted integers or text"),
        ("user_id", [1, 1, "2", "2", 1, 1], "found mixed-integer objects, wanted integers or text"),
        ("user_id", np.array([1, 1, 2, 2, 2**63, 2**63], dtype=np.uint64), "beyond 64 bits"),
        ("shown_at", ["2024-03-01"] * 6, "found str, wanted timestamps in UTC"),
        ("shown_at", [1709280000] * 6, "found int64, wanted timestamps in UTC"),
        ("slot", [0.5, 1, 0, 1, 0, 1], "found float64, wanted integers"),
        ("propensity", ["a"] * 6, "found str, wanted numbers"),
        ("propensity", [True] * 6, "found bool, wanted numbers"),
        ("policy", [1] * 6, "found int64, wanted text"),
        ("price", ["cheap"] * 6, "found str, wanted numbers"),
        ("colour", [0.5] * 6, "found float64, wanted integers, booleans or text"),
        ("tags", ["a,b"] * 6, "found str, wanted lists"),
        ("tags", [[1, 2], ["a"], None, [], [1], [1]], "integers in some lists, text in others"),
        ("tags", [[1.5], [2], None, [], [1], [1]], "lists of something else"),
        ("tags", [[1, None], [2], None, [], [1], [1]], "lists of something else"),
        ("tags", [1, [2], None, [], [1], [1]], "found int, wanted lists"),
    ],
)
def test_a_wrong_type_is_a_fault_of_the_whole_log_and_names_both_types(column, values, words):
    fault = only(broken(**{column: values}))
    assert fault.column == column
    assert words in fault.rule
    assert fault.whole_log


@pytest.mark.parametrize(
    ("moments", "words"),
    [
        (good_log()["shown_at"].dt.tz_localize(None), "no time zone"),
        (good_log()["shown_at"].dt.tz_convert("Europe/Copenhagen"), "in Europe/Copenhagen, not in UTC"),
        (
            change("shown_at", 3, pd.Timestamp("2024-03-01 10:00", tz="Europe/Copenhagen")),
            "mixed time zones: Europe/Copenhagen, UTC",
        ),
        (change("shown_at", 3, pd.Timestamp("2024-03-01 09:00")), "mixed time zones: UTC, none"),
    ],
)
def test_moments_are_in_utc(moments, words):
    fault = only(broken(shown_at=moments))
    assert fault.rule == words
    assert fault.whole_log


def test_another_name_or_unit_of_utc_is_utc():
    for moments in (
        good_log()["shown_at"].dt.tz_convert("+00:00"),
        good_log()["shown_at"].dt.tz_convert("Etc/UTC").dt.as_unit("ns"),
        good_log()["shown_at"].astype(object),
    ):
        log = accept(good_log().assign(shown_at=moments), CARD, observed_until=UNTIL)
        pd.testing.assert_series_equal(log.frame["shown_at"], good_log()["shown_at"])


@pytest.mark.parametrize("missing", ["request_id", "user_id", "item_id", "shown_at", "click"])
def test_no_log_is_without_these_columns(missing):
    faults = check(good_log().drop(columns=missing), CARD, observed_until=UNTIL)
    assert ("missing column", missing) in [(fault.rule, fault.column) for fault in faults]


@pytest.mark.parametrize("missing", ["propensity", "dwell_seconds", "next_visit_at"])
def test_the_card_says_which_other_columns_are_needed(missing):
    frame = good_log().drop(columns=missing)
    fault = only(check(frame, CARD, observed_until=UNTIL))
    assert (fault.column, fault.rule, fault.whole_log) == (missing, "missing column", True)
    assert check(frame.drop(columns="propensity", errors="ignore"), CLICK_ONLY, observed_until=UNTIL) == []


def test_a_feature_that_is_missing_or_repeats_an_outcome_is_refused():
    card = CARD.with_features(
        [
            Feature(name="size", kind="numeric", owner="item"),
            Feature(name="click", kind="categorical", owner="context"),
            Feature(name="propensity", kind="numeric", owner="context"),
            Feature(name="next_visit_at", kind="numeric", owner="context"),
        ]
    )
    faults = {(fault.column, fault.rule) for fault in broken(card)}
    assert ("size", "missing column of a numeric feature") in faults
    repeated = {name for name, rule in faults if rule == "a feature that repeats an outcome"}
    assert repeated == {"click", "propensity", "next_visit_at"}


def test_a_contract_column_has_to_suit_the_kind_of_feature_that_it_is():
    card = CLICK_ONLY.with_features([Feature(name="request_id", kind="numeric", owner="context")])
    fault = only(broken(card, propensity=None))
    assert fault.rule == "wrong type: found str, wanted numbers"


def test_rows_lie_before_the_end_of_what_is_known():
    fault = only(broken(until=pd.Timestamp("2024-03-03 10:00", tz="UTC"), next_visit_at=pd.NaT,
                        card=replace(CARD, outcomes=("click", "dwell"))))  # fmt: skip
    assert fault.column == "shown_at"
    assert (fault.num_rows, fault.first_rows, fault.whole_log) == (2, (4, 5), True)


def test_a_moment_without_a_zone_is_no_end():
    assert only(broken(until=pd.Timestamp("2024-04-01"))).column == "observed_until"


def test_an_empty_log_has_one_fault():
    assert only(check(good_log().iloc[:0], CARD, observed_until=UNTIL)).rule == "the log has no rows"


@pytest.mark.parametrize(
    ("columns", "named", "rule"),
    [
        ({"click": False, "dwell_seconds": np.nan}, {"click", "dwell_seconds"}, "in every row"),
        ({"click": True}, {"click"}, "true in every row"),
        ({"dwell_seconds": np.nan}, {"dwell_seconds"}, "null in every row"),
        ({"next_visit_at": pd.NaT}, {"next_visit_at"}, "null in every row"),
        ({"propensity": np.nan}, {"propensity"}, "null in every row"),
    ],
)
def test_an_outcome_that_never_varies_is_told_to_leave_the_card(columns, named, rule):
    faults = broken(**columns)
    assert {fault.column for fault in faults} == named
    assert all(fault.whole_log and rule in fault.rule and "card" in fault.remedy for fault in faults)


def test_a_propensity_needs_a_word_on_what_it_is_of():
    fault = only(broken(replace(CARD, propensity_of=None)))
    assert (fault.column, fault.rule) == ("propensity", "the card does not say of what")


def test_every_fault_is_told_at_once():
    frame = good_log().assign(
        propensity=[2.0, 1.0, 0.0, 0.5, 0.1, 0.5], click=[1, 0, 0, 1, 1, 0], slot=[0, 0, 0, 1, 0, 1]
    )
    with pytest.raises(LogError) as caught:
        accept(frame.drop(columns="price"), CARD, observed_until=UNTIL, where="at some/where")
    message = str(caught.value)
    assert {fault.column for fault in caught.value.faults} == {
        "click",
        "price",
        "propensity",
        "request_id, slot",
    }
    for words in ("at some/where", "4 ways", "outside (0, 1]", "0, 2", "found int64", "request_id, slot"):
        assert words in message
    assert isinstance(caught.value, UserError)
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults


def test_bad_rows_are_refused_by_default_with_what_to_do():
    frame = good_log().assign(propensity=[2.0, 1.0, 0.0, 0.5, 0.1, 0.5])
    with pytest.raises(LogError, match=r"2 of 6 rows aside with data\.on_bad_rows=quarantine"):
        accept(frame, CARD, observed_until=UNTIL)


def test_quarantine_sets_exactly_the_bad_rows_aside_with_every_rule_they_break():
    frame = good_log().assign(propensity=[0.5, 2.0, 0.25, 0.5, 0.125, 0.0], price=[1, np.inf, 2, 3, 4, 5])
    log = accept(frame, CARD, observed_until=UNTIL, on_bad_rows="quarantine")
    assert log.frame["item_id"].tolist() == [10, 10, 12, 11]
    assert log.quarantined is not None
    assert log.quarantined["item_id"].tolist() == [11, 13]
    assert log.quarantined["row"].tolist() == [1, 5]
    assert log.quarantined["rule"].tolist() == [
        "propensity: outside (0, 1]; price: infinite",
        "propensity: outside (0, 1]",
    ]
    assert log.as_of(UNTIL).quarantined is log.quarantined


def test_row_numbers_count_the_rows_as_they_were_given():
    frame = good_log().iloc[::-1].reset_index(drop=True).assign(propensity=[0.5, 1.0, 0.2, 0.5, 0.1, 3.0])
    log = accept(frame, CARD, observed_until=UNTIL, on_bad_rows="quarantine")
    assert log.quarantined is not None
    assert log.quarantined[["row", "item_id"]].to_numpy().tolist() == [[5, 10]]


def test_quarantine_does_not_help_against_a_fault_of_the_whole_log():
    with pytest.raises(LogError, match="cannot be blamed on rows"):
        accept(good_log().drop(columns="click"), CARD, observed_until=UNTIL, on_bad_rows="quarantine")


def test_quarantine_does_not_leave_an_empty_log_or_an_outcome_without_events():
    with pytest.raises(LogError, match="no row is without a fault"):
        accept(good_log().assign(propensity=2.0), CARD, observed_until=UNTIL, on_bad_rows="quarantine")
    without_clicks = good_log().assign(propensity=[2.0, 1.0, 0.5, 2.0, 2.0, 0.5])
    with pytest.raises(LogError, match="without its quarantined rows") as caught:
        accept(without_clicks, CARD, observed_until=UNTIL, on_bad_rows="quarantine")
    assert "click" in {fault.column for fault in caught.value.faults}


def test_a_column_without_its_quarantined_nulls_has_its_plain_type():
    frame = good_log().assign(click=change("click", 1, None), user_id=change("user_id", 5, None))
    log = accept(frame, CARD, observed_until=UNTIL, on_bad_rows="quarantine")
    assert (log.frame["click"].dtype, log.frame["user_id"].dtype) == (np.dtype(bool), np.dtype(np.int64))


def test_an_unknown_way_to_treat_bad_rows_is_refused():
    with pytest.raises(ValueError, match="on_bad_rows is 'drop'"):
        accept(good_log(), CARD, observed_until=UNTIL, on_bad_rows="drop")


def test_a_log_written_and_checked_again_is_the_same(tmp_path):
    log = accept(good_log(), CARD, observed_until=UNTIL)
    log.write(tmp_path / "log")
    again = accept(pd.read_parquet(tmp_path / "log" / "log.parquet"), CARD, observed_until=UNTIL)
    assert again.fingerprint() == log.fingerprint()


@pytest.mark.parametrize("seed", range(5))
def test_repeats_and_disagreements_are_those_of_a_plain_loop(seed):
    random = np.random.default_rng(seed)
    num = 60
    frame = pd.DataFrame(
        {
            "request_id": random.integers(0, 12, num),
            "user_id": random.integers(0, 3, num),
            "item_id": random.integers(0, 4, num),
            "shown_at": pd.Timestamp("2024-03-01", tz="UTC"),
            "slot": pd.array(random.integers(0, 5, num), dtype="Int64"),
            "click": random.random(num) < 0.5,
        }
    )
    frame.loc[random.random(num) < 0.4, "slot"] = pd.NA
    faults = {fault.column: fault for fault in check(frame, CLICK_ONLY, observed_until=UNTIL)}
    seen: set[tuple[object, ...]] = set()
    expected: dict[str, list[int]] = {"request_id, slot": [], "request_id, item_id": []}
    for row, (request, item, slot) in enumerate(
        frame[["request_id", "item_id", "slot"]].itertuples(index=False)
    ):
        name = "request_id, item_id" if slot is pd.NA else "request_id, slot"
        key = (name, request, item if slot is pd.NA else slot)
        if key in seen:
            expected[name].append(row)
        seen.add(key)
    users = frame.groupby("request_id")["user_id"].transform("nunique")
    expected["request_id, user_id"] = np.flatnonzero(users > 1).tolist()
    found = {name: fault.rows.tolist() for name, fault in faults.items() if fault.rows is not None}
    assert found == {name: rows for name, rows in expected.items() if rows}


def test_an_empty_list_among_text_survives_the_canonical_form(tmp_path):
    frame = good_log()
    frame["tags"] = [[], ["new"], None, ["old", "new"], [], ["old"]]
    log = accept(frame, CARD, observed_until=UNTIL, on_bad_rows="refuse")
    log.write(tmp_path / "log")
    again = pd.read_parquet(tmp_path / "log" / "log.parquet")["tags"]
    assert [None if each is None else list(each) for each in again] == [
        None if each is None else list(each) for each in log.frame["tags"]
    ]
    assert sorted(len(each) for each in again if each is not None) == [0, 0, 1, 1, 2]


def test_a_negative_slot_blames_its_own_row_only():
    frame = good_log().assign(slot=[0, 1, -1, 1, 0, 1])
    faults = check(frame, CARD, observed_until=UNTIL)
    assert [(fault.column, fault.num_rows) for fault in faults] == [("slot", 1)]


def test_a_slot_of_the_wrong_type_is_the_only_fault():
    frame = good_log().assign(slot=[0.5] * 6)
    assert [fault.column for fault in check(frame, CARD, observed_until=UNTIL)] == ["slot"]


def test_a_slate_has_one_propensity():
    card = replace(CARD, propensity_of="slate")
    (fault,) = check(good_log(), card, observed_until=UNTIL)
    assert (fault.column, fault.rule) == ("request_id, propensity", "differs within a slate")
    same = good_log().assign(propensity=0.25)
    assert check(same, card, observed_until=UNTIL) == []


def test_visits_must_name_users_as_the_log_does():
    visits = pd.DataFrame({"user_id": ["x"], "visited_at": pd.to_datetime(["2024-02-20"], utc=True)})
    with pytest.raises(UserError, match="write user_id differently"):
        accept(good_log(), CARD, observed_until=UNTIL, visits=visits)
    naive = pd.DataFrame({"user_id": [1], "visited_at": pd.to_datetime(["2024-02-20"])})
    with pytest.raises(UserError, match="timestamps in UTC"):
        accept(good_log(), CARD, observed_until=UNTIL, visits=naive)
    with pytest.raises(UserError, match="no column"):
        accept(good_log(), CARD, observed_until=UNTIL, visits=naive.drop(columns="user_id"))
