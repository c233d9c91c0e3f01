import numpy as np
import pandas as pd
import pytest

from holdfast.data.readers.kuairand_side_tables import join_users, join_videos
from holdfast.data.readers.shipped_card import dataset_card
from holdfast.data.readers.tables import read_table


def rows(user: list[int], item: list[int]) -> pd.DataFrame:
    moment = pd.Timestamp("2022-04-12 04:00", tz="UTC")
    return pd.DataFrame({"user_id": user, "item_id": item, "shown_at": moment})


def test_a_user_or_video_that_the_tables_lack_has_nulls_and_keeps_its_row():
    card = dataset_card("kuairand")
    users = pd.DataFrame({"user_id": [3], "fans_user_num": [5], "is_live_streamer": [-124]})
    joined = join_users(rows([4, 3], [0, 0]), users, card)
    assert joined["fans_user_num"].isna().tolist() == [True, False]
    assert joined["is_live_streamer"].isna().all()


def test_only_columns_on_the_card_are_joined():
    card = dataset_card("kuairand")
    videos = pd.DataFrame(
        {
            "video_id": [1],
            "author_id": [2],
            "visible_status": [0.0],
            "upload_dt": ["2022-04-10"],
            "video_duration": [1500.0],
            "tag": ["1, 2"],
        }
    )
    joined = join_videos(rows([0], [1]), videos, card)
    assert set(joined) == {
        "user_id", "item_id", "shown_at", "author_id", "tag", "video_seconds", "upload_age_days"
    }  # fmt: skip
    assert joined["tag"][0].tolist() == [1, 2]
    assert (joined["video_seconds"][0], joined["upload_age_days"][0]) == (1.5, 2.0)


def test_the_real_tables_lose_their_stand_ins_and_nothing_else(shared_data):
    folder = shared_data / "kuairand_pure_features"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    card = dataset_card("kuairand")
    users = read_table(folder / "user_features_pure.parquet", dataset="kuairand")
    videos = read_table(folder / "video_features_basic_pure.parquet", dataset="kuairand")
    ids = np.arange(27_285)
    joined = join_videos(join_users(rows(list(ids), list(ids % 7_583)), users, card), videos, card)
    assert len(joined) == 27_285
    assert joined["is_live_streamer"].isna().sum() == 21_127
    assert joined["user_active_degree"].isna().sum() == 6
    assert joined["onehot_feat4"].isna().sum() == 874
    assert joined["fans_user_num"].max() == 1_986_249
    each_video = joined[:7_583]
    assert each_video["video_type"].isna().sum() == 1
    assert each_video["video_seconds"].isna().sum() == 239
    assert abs(each_video["video_seconds"].median() - 81.17) < 1e-3
    assert each_video["tag"].isna().sum() == 96
    several = each_video["tag"].dropna().map(len) > 1
    assert abs(several.mean() - 0.24) < 0.01
    assert each_video["author_id"].nunique() == 6_510
