from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.data.contract import LogError
from holdfast.data.readers.kuairand import KuaiRand

LOG_COLUMNS = [
    "user_id", "video_id", "date", "hourmin", "time_ms", "is_click", "is_like", "is_follow", "is_comment",
    "is_forward", "is_hate", "long_view", "play_time_ms", "duration_ms", "profile_stay_time",
    "comment_stay_time", "is_profile_enter", "is_rand", "tab",
]  # fmt: skip


def milliseconds(text: str) -> int:
    """A moment in China's time, as the files have it: milliseconds since 1970 in UTC."""
    return int(pd.Timestamp(f"2022-04-{text}", tz="Asia/Shanghai").timestamp() * 1000)


def log_rows(rows: list[tuple[int, int, str, int, int, int, int]]) -> pd.DataFrame:
    """User, video, moment, click, play time, whether at random, tab; the rest as in the published files."""
    frame = pd.DataFrame(0, index=range(len(rows)), columns=LOG_COLUMNS)
    for place, name in enumerate(
        ("user_id", "video_id", "time_ms", "is_click", "play_time_ms", "is_rand", "tab")
    ):
        values = [row[place] for row in rows]
        frame[name] = [milliseconds(str(value)) for value in values] if name == "time_ms" else values
    # The second row's length is not known, and every play is a replay.
    frame["duration_ms"] = [0 if row == 1 else 7_000 for row in range(len(rows))]
    return frame


EARLY = [
    (0, 10, "20 23:50", 1, 151_024, 0, 1),
    (0, 11, "20 23:50", 0, 2_000, 0, 1),
    (1, 10, "21 08:00", 1, 0, 0, 4),
]
LATE = [
    (0, 12, "22 00:10", 1, 9_000, 0, 4),
    # Not in the order of time.
    (0, 12, "21 00:10", 0, 500, 0, 1),
]
RANDOM = [(1, 12, "24 09:00", 0, 0, 1, 1), (1, 11, "24 09:01", 1, 3_500, 1, 1)]


def user_rows() -> pd.DataFrame:
    ranges = {
        f"{name}_range": ["0", "(0,10]"] for name in ("follow_user_num", "fans_user_num", "friend_user_num")
    }
    return pd.DataFrame(
        {
            "user_id": [0, 1],
            "user_active_degree": ["full_active", "UNKNOWN"],
            "is_lowactive_period": 0,
            "is_live_streamer": [-124, 1],
            "is_video_author": [0, 1],
            "follow_user_num": [5, 514],
            "fans_user_num": [0, 1_986_249],
            "friend_user_num": [0, 3],
            "register_days": [14, 3_624],
            "register_days_range": ["8-14", "730+"],
            **ranges,
            **{f"onehot_feat{index}": [1, 2] for index in range(18)},
            "onehot_feat4": [np.nan, 4.0],
        }
    )


def video_rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": [12, 10, 11],
            "author_id": [7, 8, 9],
            "video_type": ["NORMAL", "UNKNOWN", "AD"],
            "upload_dt": ["2022-04-20", "2022-04-09", "2022-04-30"],
            "upload_type": ["Web", "Kmovie", "Web"],
            "visible_status": 0.0,
            "video_duration": [0.0, 87_433.0, np.nan],
            "server_width": [720.0, 720.0, np.nan],
            "server_height": 1280.0,
            "music_id": [9_155_697_141, 9_155_697_142, 0],
            "music_type": [9.0, np.nan, 4.0],
            "tag": ["39", "11,8", np.nan],
        }
    )


def write(root: Path, variant: str = "1k", ending: str = "csv") -> str:
    folder = root / "data"
    folder.mkdir()
    # The largest variant comes in parts.
    first, second = ("_part1", "_part2") if variant == "27k" else ("", "")
    files = {
        f"log_standard_4_08_to_4_21_{variant}{first}": log_rows(EARLY),
        f"log_standard_4_22_to_5_08_{variant}{second}": log_rows(LATE),
        f"log_random_4_22_to_5_08_{variant}": log_rows(RANDOM),
        f"user_features_{variant}": user_rows(),
        f"video_features_basic_{variant}": video_rows(),
        f"video_features_statistic_{variant}": video_rows()[["video_id"]].assign(play_cnt=1.5),
    }
    for name, frame in files.items():
        if ending == "csv":
            frame.to_csv(folder / f"{name}.csv", index=False)
        else:
            frame.to_parquet(folder / f"{name}.parquet")
    return str(root)


@pytest.mark.parametrize(("variant", "ending"), [("1k", "csv"), ("27k", "csv"), ("1k", "parquet")])
def test_all_files_make_one_log_in_order_of_time(tmp_path, variant, ending):
    log = KuaiRand(root=write(tmp_path, variant, ending), variant=variant).read()
    frame = log.frame
    assert frame["item_id"].tolist() == [10, 11, 12, 10, 12, 12, 11]
    assert frame["user_id"].tolist() == [0, 0, 0, 1, 0, 1, 1]
    assert frame["click"].tolist() == [True, False, False, True, True, False, True]
    assert frame["shown_at"][0] == pd.Timestamp("2022-04-20 15:50", tz="UTC")
    assert frame["hour"].tolist() == [23, 23, 0, 8, 0, 9, 9]
    # Cut at the end of the last day in China's time.
    assert log.observed_until == pd.Timestamp("2022-04-24 16:00", tz="UTC")
    assert log.card.name == f"kuairand-{variant}"


def test_dwell_is_the_play_time_of_clicks_and_length_is_no_cap(tmp_path):
    frame = KuaiRand(root=write(tmp_path)).read().frame
    np.testing.assert_array_equal(frame["dwell_seconds"], [151.024, np.nan, np.nan, 0.0, 9.0, np.nan, 3.5])
    assert frame["content_seconds"].isna().all()


def test_propensity_is_known_at_random_only(tmp_path):
    log = KuaiRand(root=write(tmp_path)).read()
    np.testing.assert_array_equal(log.frame["propensity"], [np.nan] * 5 + [1 / 7583] * 2)
    assert log.frame["policy"].tolist() == ["standard"] * 5 + ["random"] * 2
    assert log.card.propensity_of == "item_in_slot"


def test_a_request_is_a_user_at_a_moment(tmp_path):
    frame = KuaiRand(root=write(tmp_path)).read().frame
    requests = frame["request_id"].tolist()
    assert requests[0] == requests[1]
    assert len(set(requests)) == 6


def test_returns_are_counted_in_chinas_days_over_all_rows(tmp_path):
    everything = KuaiRand(root=write(tmp_path)).read().frame["next_visit_at"]
    second, third = (pd.Timestamp(f"2022-04-{text}", tz="UTC") for text in ("20 16:10", "21 16:10"))
    last = pd.Timestamp("2022-04-24 01:00", tz="UTC")
    assert everything.tolist()[:4] == [second, second, third, last]
    assert everything[4:].isna().all()
    some = KuaiRand(root=str(tmp_path), rows="standard", tabs=[1]).read()
    assert some.frame["item_id"].tolist() == [10, 11, 12]
    # The third visit was on a tab that is not kept.
    assert some.frame["next_visit_at"].tolist() == [second, second, third]
    assert some.card.propensity_of is None
    assert some.observed_until == pd.Timestamp("2022-04-24 16:00", tz="UTC")


def test_pure_cannot_teach_return(tmp_path):
    log = KuaiRand(root=write(tmp_path, "pure"), variant="pure", rows="random").read()
    assert log.card.outcomes == ("click", "dwell")
    assert log.frame["next_visit_at"].isna().all()
    assert log.frame["item_id"].tolist() == [12, 11]
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    with pytest.raises(UserError, match="not gaps between visits"):
        KuaiRand(root=str(tmp_path), variant="pure", card=str(tmp_path / "mine.yaml")).read()


def test_features_are_joined_with_their_stand_ins_made_null(tmp_path):
    frame = KuaiRand(root=write(tmp_path)).read().frame
    zero, one = frame.iloc[0], frame.iloc[3]
    assert pd.isna(zero["is_live_streamer"])
    assert (one["is_live_streamer"], zero["user_active_degree"]) == (1, "full_active")
    assert pd.isna(one["user_active_degree"])
    assert pd.isna(zero["onehot_feat4"])
    assert one["onehot_feat4"] == 4
    assert zero["tag"].tolist() == [11, 8]
    assert frame["tag"][1] is None
    assert pd.isna(zero["video_type"])
    assert frame["music_id"][2] == 9_155_697_141
    np.testing.assert_array_equal(frame["video_seconds"][:3], [87.433, np.nan, np.nan])
    # 20 April, uploaded on the 9th; a video that was uploaded later than it was shown; 21 and 20 April.
    np.testing.assert_array_equal(frame["upload_age_days"][:3], [11.0, np.nan, 1.0])
    assert "play_cnt" not in frame


def test_a_repeated_row_is_refused_or_set_aside(tmp_path):
    root = write(tmp_path)
    log_rows([*RANDOM, RANDOM[1]]).to_csv(tmp_path / "data" / "log_random_4_22_to_5_08_1k.csv", index=False)
    with pytest.raises(LogError, match="repeated, slot not known"):
        KuaiRand(root=root).read()
    log = KuaiRand(root=root, on_bad_rows="quarantine").read()
    assert log.quarantined is not None
    assert (len(log), len(log.quarantined)) == (7, 1)


def test_a_null_moment_is_a_fault_of_its_row(tmp_path):
    root = write(tmp_path)
    rows = log_rows(RANDOM).astype("Int64")
    rows.loc[0, "time_ms"] = pd.NA
    rows.to_csv(tmp_path / "data" / "log_random_4_22_to_5_08_1k.csv", index=False)
    with pytest.raises(LogError) as caught:
        KuaiRand(root=root).read()
    assert [(fault.column, fault.rule, fault.num_rows) for fault in caught.value.faults] == [
        ("shown_at", "null", 1)
    ]


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"user_features_1k\.csv.*datasets/kuairand/README\.md"):
        KuaiRand(root=str(tmp_path)).read()
    root = write(tmp_path)
    (tmp_path / "data" / "log_random_4_22_to_5_08_1k.csv").unlink()
    with pytest.raises(UserError, match=r"log_random_\*_1k"):
        KuaiRand(root=root).read()
    with pytest.raises(UserError, match="user_features_pure"):
        KuaiRand(root=root, variant="pure").read()


@pytest.mark.parametrize(
    "settings", [{"variant": "2k"}, {"rows": "some"}, {"tabs": []}, {"on_bad_rows": "maybe"}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        KuaiRand(root=".", **settings)


def test_all_rows_tell_when_users_were_here_whichever_are_kept(tmp_path):
    everything = KuaiRand(root=write(tmp_path)).read()
    some = KuaiRand(root=str(tmp_path), rows="standard", tabs=[1]).read()
    assert some.visits is not None
    pd.testing.assert_frame_equal(some.visits, everything.visits)
    days = {
        (user, moment.tz_convert("Asia/Shanghai").date())
        for user, moment in some.visits.itertuples(index=False)
    }
    rows = everything.frame[["user_id", "shown_at"]].itertuples(index=False)
    assert days == {(user, moment.tz_convert("Asia/Shanghai").date()) for user, moment in rows}


def test_flags_that_are_neither_0_nor_1_are_not_guessed(tmp_path):
    root = Path(write(tmp_path))
    path = next((root / "data").glob("log_random*"))
    rows = pd.read_csv(path)
    rows.assign(is_click=7).to_csv(path, index=False)
    with pytest.raises(UserError, match="click"):
        KuaiRand(root=str(root)).read()
    rows.assign(is_rand=np.nan).to_csv(path, index=False)
    with pytest.raises(UserError, match="is_rand that is neither 0 nor 1"):
        KuaiRand(root=str(root)).read()
