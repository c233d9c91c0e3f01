from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.core.errors import UserError
from holdfast.data.readers.ebnerd import EbNerd

MICROSECONDS = pa.timestamp("us")
INTEGERS = pa.large_list(pa.int32())


def moments(*texts: str) -> list[pd.Timestamp]:
    return [pd.Timestamp(f"2023-05-{text}") for text in texts]


def write_split(folder: Path, first_impression: int = 1) -> None:
    """Five impressions of two users, not in order of time, in the published schema."""
    behaviors = {
        "impression_id": pa.array(range(first_impression, first_impression + 5), pa.uint32()),
        # Null: the front page.
        "article_id": pa.array([None, 500, None, None, None], pa.int32()),
        # 22:30 UTC is 00:30 of the next day in Copenhagen.
        "impression_time": pa.array(
            moments("02 22:30", "01 10:00", "02 21:30", "04 09:00", "01 12:00"), MICROSECONDS
        ),
        "read_time": pa.array([9.0] * 5, pa.float32()),
        "scroll_percentage": pa.array([None, 80.0, None, None, None], pa.float32()),
        "device_type": pa.array([1, 2, 2, 3, 2], pa.int8()),
        "article_ids_inview": pa.array([[7, 5, 6], [5, 6], [8], [5, 7], [6, 9]], INTEGERS),
        # The second impression has two clicks, the fifth one of an article that its list lacks.
        "article_ids_clicked": pa.array([[6], [5, 6], [8], [7], [10]], INTEGERS),
        "user_id": pa.array([1, 1, 1, 1, 2], pa.uint32()),
        "is_sso_user": pa.array([False] * 5),
        "gender": pa.array([None, 1, 1, 1, 0], pa.int8()),
        "postcode": pa.array([None] * 5, pa.int8()),
        "age": pa.array([None, 40, 40, 40, 30], pa.int8()),
        "is_subscriber": pa.array([False, False, False, False, True]),
        "session_id": pa.array([3, 1, 3, 4, 2], pa.uint32()),
        "next_read_time": pa.array([12.5, 30.0, None, 0.0, 3.0], pa.float32()),
        "next_scroll_percentage": pa.array([None] * 5, pa.float32()),
    }
    history = {
        "user_id": pa.array([1, 99], pa.uint32()),
        "impression_time_fixed": pa.array(
            [moments("01 08:00", "01 10:00"), moments("01 08:00")], pa.large_list(MICROSECONDS)
        ),
        "scroll_percentage_fixed": pa.array([[None, 10.0], [None]], pa.large_list(pa.float32())),
        "article_id_fixed": pa.array([[100, 101], [102]], INTEGERS),
        "read_time_fixed": pa.array([[1.0, 2.0], [3.0]], pa.large_list(pa.float32())),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(behaviors), folder / "behaviors.parquet")
    pq.write_table(pa.table(history), folder / "history.parquet")


def write_articles(path: Path) -> None:
    articles = {
        "article_id": pa.array([5, 6, 7], pa.int32()),
        "title": ["a", "b", "c"],
        "category": pa.array([118, 140, 118], pa.int16()),
        "subcategory": pa.array([[133], [], [1, 2]], pa.large_list(pa.int16())),
        "topics": pa.array([["Sport", "Fodbold"], [], None], pa.large_list(pa.large_string())),
        "premium": [False, True, False],
        "article_type": ["article_default", "article_default", None],
        "sentiment_label": ["Neutral", "Negative", "Positive"],
        "published_time": pa.array(moments("01 06:00", "03 06:00", "02 10:30"), MICROSECONDS),
        "total_inviews": [10, 20, 30],
        "total_pageviews": [1, 2, 3],
        "total_read_time": [1.0, 2.0, 3.0],
    }
    pq.write_table(pa.table(articles), path)


def read(folder: Path) -> pd.DataFrame:
    log = EbNerd(root=str(folder)).read()
    return log.frame


def of(frame: pd.DataFrame, request: int, item: int) -> pd.Series:
    return frame[(frame["request_id"] == request) & (frame["item_id"] == item)].iloc[0]


def test_there_is_one_row_for_every_article_in_view(tmp_path):
    write_split(tmp_path)
    frame = read(tmp_path)
    assert frame.groupby("request_id")["item_id"].agg(list).to_dict() == {
        1: [7, 5, 6], 2: [5, 6], 3: [8], 4: [5, 7], 5: [6, 9, 10]
    }  # fmt: skip
    clicked = frame[frame["click"]]
    assert set(zip(clicked["request_id"], clicked["item_id"], strict=True)) == {
        (1, 6), (2, 5), (2, 6), (3, 8), (4, 7), (5, 10)
    }  # fmt: skip
    assert frame["shown_at"].is_monotonic_increasing
    assert frame["slot"].isna().all()
    assert frame["propensity"].isna().all()


def test_dwell_belongs_to_the_only_click_of_an_impression(tmp_path):
    write_split(tmp_path)
    frame = read(tmp_path)
    known = frame[frame["dwell_seconds"].notna()]
    found = zip(known["request_id"], known["item_id"], known["dwell_seconds"], strict=True)
    assert set(found) == {(1, 6, 12.5), (4, 7, 0.0), (5, 10, 3.0)}


def test_days_are_counted_in_copenhagen_and_moments_taken_as_utc(tmp_path):
    write_split(tmp_path)
    frame = read(tmp_path)
    # 1 May 10:00, then 2 May 21:30 and 22:30 UTC: the last is on 3 May in Copenhagen.
    assert of(frame, 2, 5)["next_visit_at"] == pd.Timestamp("2023-05-02 21:30", tz="UTC")
    assert of(frame, 3, 8)["next_visit_at"] == pd.Timestamp("2023-05-02 22:30", tz="UTC")
    assert of(frame, 1, 7)["next_visit_at"] == pd.Timestamp("2023-05-04 09:00", tz="UTC")
    assert pd.isna(of(frame, 4, 5)["next_visit_at"])
    assert pd.isna(of(frame, 5, 6)["next_visit_at"])
    assert of(frame, 1, 7)["hour"] == 0


def test_features_hold_what_was_known_and_nothing_of_what_came_after(tmp_path):
    write_split(tmp_path)
    frame = read(tmp_path)
    assert [cell.tolist() for cell in (of(frame, 2, 5)["history"], of(frame, 1, 7)["history"])] == [
        [100],
        [100, 101],
    ]
    assert of(frame, 5, 6)["history"].tolist() == []
    assert (of(frame, 2, 5)["page"], of(frame, 1, 7)["page"]) == ("article", "front page")
    assert pd.isna(of(frame, 1, 7)["gender"])
    assert (of(frame, 5, 6)["gender"], of(frame, 5, 6)["age"]) == (0, 30.0)
    assert frame["postcode"].isna().all()
    assert not {"read_time", "scroll_percentage", "next_read_time", "next_scroll_percentage"} & set(frame)


def test_both_splits_and_the_articles_of_the_published_layout_are_read(tmp_path):
    write_split(tmp_path / "train")
    write_split(tmp_path / "validation", first_impression=11)
    write_articles(tmp_path / "articles.parquet")
    frame = read(tmp_path)
    assert sorted(frame["request_id"].unique()) == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]
    row = of(frame, 11, 7)
    assert (row["category"], row["subcategory"].tolist(), row["topics"]) == (118, [1, 2], None)
    assert row["article_age_hours"] == 12.0
    assert of(frame, 1, 5)["topics"].tolist() == ["Sport", "Fodbold"]
    # Shown before it was published, as the table has it.
    assert np.isnan(of(frame, 1, 6)["article_age_hours"])
    # An article that the table lacks.
    assert pd.isna(of(frame, 3, 8)["category"])
    assert not [name for name in frame if name.startswith("total_")]


def test_without_articles_the_card_has_no_article_features(tmp_path):
    write_split(tmp_path)
    names = {feature.name for feature in EbNerd(root=str(tmp_path)).read().card.features}
    assert "history" in names
    assert not names & {"category", "topics", "article_age_hours"}


def test_the_log_ends_with_its_last_impression(tmp_path):
    write_split(tmp_path)
    log = EbNerd(root=str(tmp_path)).read()
    assert log.observed_until == pd.Timestamp("2023-05-04 09:00:00.000001", tz="UTC")


def test_missing_files_and_columns_are_named(tmp_path):
    with pytest.raises(UserError, match=r"behaviors\.parquet.*datasets/ebnerd/README\.md"):
        EbNerd(root=str(tmp_path)).read()
    write_split(tmp_path)
    (tmp_path / "history.parquet").unlink()
    with pytest.raises(UserError, match=r"history\.parquet"):
        EbNerd(root=str(tmp_path)).read()
    behaviors = pq.read_table(tmp_path / "behaviors.parquet")
    pq.write_table(behaviors.drop_columns(["article_ids_clicked"]), tmp_path / "behaviors.parquet")
    with pytest.raises(UserError, match=r"lacks the columns \['article_ids_clicked'\]"):
        EbNerd(root=str(tmp_path)).read()


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="on_bad_rows"):
        EbNerd(root=".", on_bad_rows="")


def test_the_real_slice_has_its_known_figures(shared_data):
    folder = shared_data / "ebnerd_slice"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    log = EbNerd(root=str(folder)).read()
    frame = log.frame
    assert (len(frame), int(frame["click"].sum())) == (10_848, 1_047)
    assert (frame["request_id"].nunique(), frame["user_id"].nunique()) == (1_046, 38)
    # 1,018 reading times are known; one belongs to the impression with two clicks.
    assert frame["dwell_seconds"].notna().sum() == 1_017
    assert frame["dwell_seconds"].max() == 1_486.0
    assert frame["item_id"].nunique() == 1_403
    assert log.observed_until == pd.Timestamp("2023-03-02 06:28:54.000001", tz="UTC")
    # Every history of the slice ends before its behaviors begin, so each is there to its last read.
    histories = pq.read_table(folder / "history.parquet").to_pandas().set_index("user_id")["article_id_fixed"]
    for _, row in frame.drop_duplicates("user_id").iterrows():
        np.testing.assert_array_equal(row["history"], histories[row["user_id"]][-30:])


def test_whoever_read_an_article_was_here(tmp_path):
    write_split(tmp_path)
    log = EbNerd(root=str(tmp_path)).read()
    assert log.visits is not None
    first = log.visits.groupby("user_id")["visited_at"].min()
    assert first[1] < log.frame.loc[log.frame["user_id"] == 1, "shown_at"].min()
    assert first[99] < log.frame["shown_at"].min(), "a user of the history alone"
