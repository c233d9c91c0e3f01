from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.core.errors import UserError
from holdfast.data.contract import LogError
from holdfast.data.readers.open_bandit import OpenBandit


def rounds(policy: str) -> pd.DataFrame:
    shift = 0 if policy == "random" else 1
    return pd.DataFrame(
        {
            # The last moment has no fraction of a second; the first two are the same.
            "timestamp": [
                "2019-11-24 00:03:13.442536+00:00",
                "2019-11-24 00:03:13.442536+00:00",
                "2019-11-25 23:59:59+00:00",
            ],
            "item_id": [2, 0, 1],
            "position": [3, 1, 2],
            "click": [0, 1 - shift, shift],
            "propensity_score": [1 / 3] * 3 if policy == "random" else [0.5, 0.25, 1.65e-4],
            "user_feature_0": ["aa", "bb", "aa"],
            "user_feature_1": ["cc"] * 3,
            "user_feature_2": ["dd"] * 3,
            "user_feature_3": ["ee"] * 3,
            # Columns in another order than their numbers.
            "user-item_affinity_1": [0.0, 0.0, 3.0],
            "user-item_affinity_0": [9.0, 2.0, 9.0],
            "user-item_affinity_2": [1.0, 9.0, 9.0],
        }
    )


def context(token: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item_id": [2, 0, 1],
            "item_feature_0": [0.2, 0.0, 0.1],
            **{f"item_feature_{index}": [f"{token}2", f"{token}0", f"{token}1"] for index in (1, 2, 3)},
        }
    )


def write(root: Path, policies: tuple[str, ...] = ("random", "bts")) -> str:
    for policy in policies:
        folder = root / policy / "men"
        folder.mkdir(parents=True)
        # With the unnamed index column of the published files.
        rounds(policy).to_csv(folder / "men.csv")
        context(policy).to_csv(folder / "item_context.csv")
    return str(root)


def test_rounds_keep_the_true_propensity_of_the_item_at_its_position(tmp_path):
    frame = OpenBandit(root=write(tmp_path), policy="bts", campaign="men").read().frame
    assert frame["item_id"].tolist() == [2, 0, 1]
    assert frame["slot"].tolist() == [2, 0, 1]
    assert frame["propensity"].tolist() == [0.5, 0.25, 1.65e-4]
    assert frame["click"].tolist() == [False, False, True]
    assert set(frame["policy"]) == {"bts"}
    assert frame["shown_at"][2] == pd.Timestamp("2019-11-25 23:59:59", tz="UTC")


def test_every_row_is_its_own_request_and_user(tmp_path):
    log = OpenBandit(root=write(tmp_path), campaign="men").read()
    assert log.frame["request_id"].nunique() == log.frame["user_id"].nunique() == 6
    assert log.card.outcomes == ("click",)
    assert log.card.propensity_of == "item_in_slot"


def test_affinity_is_that_of_the_shown_item(tmp_path):
    frame = OpenBandit(root=write(tmp_path), policy="random", campaign="men").read().frame
    assert dict(zip(frame["item_id"], frame["affinity"], strict=True)) == {2: 1.0, 0: 2.0, 1: 3.0}


@pytest.mark.parametrize("policy", ["random", "bts", "both"])
def test_item_features_come_from_one_file_whatever_the_policy(tmp_path, policy):
    frame = OpenBandit(root=write(tmp_path), policy=policy, campaign="men").read().frame
    assert (frame["item_feature_1"] == "random" + frame["item_id"].astype(str)).all()
    assert np.allclose(frame["item_feature_0"], frame["item_id"] / 10)


def test_the_other_policys_file_serves_where_it_is_the_only_one(tmp_path):
    frame = OpenBandit(root=write(tmp_path, ("bts",)), policy="bts", campaign="men").read().frame
    assert set(frame["item_feature_1"]) == {"bts0", "bts1", "bts2"}


def test_the_log_ends_at_midnight(tmp_path):
    log = OpenBandit(root=write(tmp_path), campaign="men").read()
    assert log.observed_until == pd.Timestamp("2019-11-26", tz="UTC")


def test_the_name_that_the_owners_text_gives_the_propensity_is_known_too(tmp_path):
    root = write(tmp_path, ("random",))
    path = tmp_path / "random" / "men" / "men.csv"
    rounds("random").rename(columns={"propensity_score": "action_prob"}).to_csv(path)
    frame = OpenBandit(root=root, policy="random", campaign="men").read().frame
    assert np.allclose(frame["propensity"], 1 / 3)


def test_an_item_without_context_or_affinity_has_nulls(tmp_path):
    root = write(tmp_path, ("random",))
    rounds("random").assign(item_id=[2, 0, 7]).to_csv(tmp_path / "random" / "men" / "men.csv")
    frame = OpenBandit(root=root, policy="random", campaign="men").read().frame.set_index("item_id")
    assert frame.loc[7, ["affinity", "item_feature_0", "item_feature_1"]].isna().all()


def test_bad_values_are_refused(tmp_path):
    root = write(tmp_path, ("random",))
    path = tmp_path / "random" / "men" / "men.csv"
    rounds("random").assign(click=[0, 2, 0], propensity_score=[0.3, 0.0, 1.2]).to_csv(path)
    with pytest.raises(LogError) as caught:
        OpenBandit(root=root, policy="random", campaign="men").read()
    assert {fault.column for fault in caught.value.faults} == {"click", "propensity"}
    rounds("random").assign(timestamp="yesterday").to_csv(path)
    with pytest.raises(UserError, match="timestamp is not a moment"):
        OpenBandit(root=root, policy="random", campaign="men").read()


def test_missing_files_and_columns_are_named(tmp_path):
    with pytest.raises(UserError, match=r"item_context\.csv.*datasets/open_bandit/README\.md"):
        OpenBandit(root=str(tmp_path), campaign="men").read()
    root = write(tmp_path, ("random",))
    with pytest.raises(UserError, match=r"bts/men/men\.csv or .*bts_men\.parquet"):
        OpenBandit(root=root, policy="both", campaign="men").read()
    rounds("random").drop(columns="position").to_csv(tmp_path / "random" / "men" / "men.csv")
    with pytest.raises(UserError, match=r"lacks the columns \['position'\]"):
        OpenBandit(root=root, policy="random", campaign="men").read()


@pytest.mark.parametrize("settings", [{"policy": "ts"}, {"campaign": "children"}, {"on_bad_rows": "x"}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        OpenBandit(root=".", **settings)


def test_the_real_sample_has_its_known_figures(shared_data):
    folder = shared_data / "open_bandit_small"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    log = OpenBandit(root=str(folder), campaign="men").read()
    frame = log.frame
    assert frame.groupby("policy").size().to_dict() == {"bts": 10_000, "random": 10_000}
    assert frame.groupby("policy")["click"].sum().to_dict() == {"bts": 69, "random": 46}
    uniform = frame[frame["policy"] == "random"]
    np.testing.assert_allclose(uniform["propensity"], 1 / 34, rtol=1e-12)
    by_day = uniform.groupby(uniform["shown_at"].dt.day)["click"].sum()
    assert by_day.tolist() == [10, 3, 6, 4, 5, 7, 11]
    np.testing.assert_allclose(uniform.groupby("slot")["click"].mean(), [0.0030, 0.0065, 0.0042], atol=5e-5)
    # One set of tokens for both policies: 7, 16 and 4 levels.
    assert frame[["item_feature_1", "item_feature_2", "item_feature_3"]].nunique().tolist() == [7, 16, 4]
    assert frame.notna().all()[["affinity", "item_feature_0", "user_feature_3"]].all()
    # The affinity of the shown item, row by row from the file.
    raw = pd.read_parquet(folder / "random_men.parquet")
    expected = sorted(row[f"user-item_affinity_{row['item_id']}"] for _, row in raw.iterrows())
    assert sorted(uniform["affinity"]) == expected
    assert log.observed_until == pd.Timestamp("2019-12-01", tz="UTC")
