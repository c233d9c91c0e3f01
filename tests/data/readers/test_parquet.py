import json

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard
from holdfast.data.contract import LogError, accept
from holdfast.data.log import Log
from holdfast.data.readers.parquet import ParquetLog
from holdfast.simulation.world import DefaultWorld

CARD = DatasetCard(
    name="made",
    outcomes=("click", "retention"),
    features=(
        Feature(name="tags", kind="sequence", owner="user"),
        Feature(name="n", kind="numeric", owner="item"),
    ),
)
UNTIL = pd.Timestamp("2024-03-09 12:00", tz="UTC")


def frame(num_rows: int = 6) -> pd.DataFrame:
    shown_at = pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(range(num_rows), "h")
    back = pd.Series([pd.Timestamp("2024-03-04", tz="UTC")] * num_rows)
    return pd.DataFrame(
        {
            "request_id": range(num_rows),
            "user_id": 1,
            "item_id": [str(row % 2) for row in range(num_rows)],
            "shown_at": shown_at,
            "click": [row % 2 == 0 for row in range(num_rows)],
            "next_visit_at": back,
            "tags": [[row, row + 1] if row else [] for row in range(num_rows)],
            "n": 1.5,
            "noise": "not on the card",
        }
    )


def made_log() -> Log:
    return accept(frame(), CARD, observed_until=UNTIL)


def test_a_written_log_is_read_back_bit_for_bit(tmp_path):
    log = made_log()
    log.write(tmp_path / "log")
    again = ParquetLog(root=str(tmp_path / "log")).read()
    assert (again.card, again.observed_until) == (log.card, UNTIL)
    assert again.frame.dtypes.equals(log.frame.dtypes)
    assert again.fingerprint() == log.fingerprint()


def test_shards_make_one_log_and_unneeded_columns_are_left_out(tmp_path):
    for name, part in (("b.parquet", frame()[:2]), ("a.parquet", frame()[2:])):
        part.to_parquet(tmp_path / name)
    CARD.write(tmp_path / "card.yaml")
    log = ParquetLog(root=str(tmp_path), observed_until=UNTIL.isoformat()).read()
    assert log.fingerprint() == made_log().fingerprint()


def test_one_file_is_read_with_the_card_beside_it_or_another(tmp_path):
    frame().to_parquet(tmp_path / "some.parquet")
    CARD.write(tmp_path / "card.yaml")
    assert ParquetLog(root=str(tmp_path / "some.parquet")).read().card.name == "made"
    (tmp_path / "clicks.yaml").write_text("name: clicks\noutcomes: [click]\n")
    log = ParquetLog(root=str(tmp_path / "some.parquet"), card=str(tmp_path / "clicks.yaml")).read()
    assert log.card.name == "clicks"
    assert "tags" not in log.frame


def test_the_end_is_given_or_written_or_just_after_the_last_moment_seen(tmp_path):
    frame().to_parquet(tmp_path / "some.parquet")
    CARD.write(tmp_path / "card.yaml")
    root = str(tmp_path / "some.parquet")
    assert ParquetLog(root=root).read().observed_until == pd.Timestamp("2024-03-04 00:00:00.000001", tz="UTC")
    (tmp_path / "observed.json").write_text(json.dumps({"observed_until": "2024-03-08T02:00:00+01:00"}))
    assert ParquetLog(root=root).read().observed_until == pd.Timestamp("2024-03-08 01:00", tz="UTC")
    given = ParquetLog(root=root, observed_until="2024-03-07T00:00:00Z").read()
    assert given.observed_until == pd.Timestamp("2024-03-07", tz="UTC")


@pytest.mark.parametrize(
    ("until", "words"), [("soon", "write a moment such as"), ("2024-03-07", "add its offset from UTC")]
)
def test_an_end_that_is_no_moment_is_refused(tmp_path, until, words):
    frame().to_parquet(tmp_path / "some.parquet")
    CARD.write(tmp_path / "card.yaml")
    with pytest.raises(UserError, match=words):
        ParquetLog(root=str(tmp_path), observed_until=until).read()


def test_moments_without_a_zone_are_refused_also_without_a_stated_end(tmp_path):
    naive = frame().assign(shown_at=frame()["shown_at"].dt.tz_localize(None))
    naive.to_parquet(tmp_path / "some.parquet")
    CARD.write(tmp_path / "card.yaml")
    with pytest.raises(LogError) as caught:
        ParquetLog(root=str(tmp_path)).read()
    assert [(fault.column, fault.rule) for fault in caught.value.faults] == [("shown_at", "no time zone")]


def test_shards_that_disagree_in_the_type_of_a_column_are_refused(tmp_path):
    frame()[:3].to_parquet(tmp_path / "a.parquet")
    frame()[3:].assign(user_id="one").to_parquet(tmp_path / "b.parquet")
    CARD.write(tmp_path / "card.yaml")
    with pytest.raises(UserError, match="differ in the type of a column"):
        ParquetLog(root=str(tmp_path)).read()


def test_bad_rows_are_set_aside_on_demand(tmp_path):
    bad = frame()
    bad.loc[3, "item_id"] = None
    bad.to_parquet(tmp_path / "log.parquet")
    CARD.write(tmp_path / "card.yaml")
    with pytest.raises(LogError, match=f"at {tmp_path}"):
        ParquetLog(root=str(tmp_path)).read()
    log = ParquetLog(root=str(tmp_path), on_bad_rows="quarantine").read()
    assert log.quarantined is not None
    assert (len(log), log.quarantined["row"].tolist()) == (5, [3])


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        ParquetLog(root=str(tmp_path / "absent")).read()
    with pytest.raises(UserError, match="no dataset card"):
        ParquetLog(root=str(tmp_path)).read()
    CARD.write(tmp_path / "card.yaml")
    with pytest.raises(UserError, match=r"no other \*\.parquet"):
        ParquetLog(root=str(tmp_path)).read()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="on_bad_rows is 'keep'"):
        ParquetLog(root=".", on_bad_rows="keep")


def test_candidates_are_read_where_a_log_has_them(tmp_path):
    log = DefaultWorld(num_users=40, num_items=40, num_days=3, burn_in_days=0, log_candidates=True).read()
    log.write(tmp_path / "log")
    back = ParquetLog(root=str(tmp_path / "log")).read()
    assert back.fingerprint() == log.fingerprint()
    np.testing.assert_array_equal(back.frame["candidates"].iloc[0], log.frame["candidates"].iloc[0])
