"""What KuaiRand tells of its users and videos, with its stand-ins for 'not known' made null.

N rows of the log.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from holdfast.data.card import DatasetCard

SENTINEL = -124
"""Stands for 'not known' in the user table."""
UNKNOWN = "UNKNOWN"


def join_users(frame: pd.DataFrame, users: pd.DataFrame, card: DatasetCard) -> pd.DataFrame:
    """Add the columns of the user table that are features of the card."""
    wanted = [
        feature.name for feature in card.features if feature.name in users and feature.name not in frame
    ]
    known = users[["user_id", *wanted]].copy()
    for name in wanted:
        known[name] = _without_stand_ins(known[name])
    return _join(frame, known, left_on="user_id", right_on="user_id")


def join_videos(frame: pd.DataFrame, videos: pd.DataFrame, card: DatasetCard) -> pd.DataFrame:
    """Add the columns of the video table that are features of the card, and the age of the upload.

    The table of month-long statistics is never read: its averages contain the test period.
    """
    derived = {"video_seconds", "upload_age_days", "tag"}
    features = {feature.name for feature in card.features}
    wanted = [name for name in videos if name in features and name not in frame and name not in derived]
    known = videos[["video_id", *wanted]].copy()
    for name in wanted:
        known[name] = _without_stand_ins(known[name])
    if "video_seconds" in features:
        seconds = videos["video_duration"].astype("float64") / 1000.0
        known["video_seconds"] = seconds.where(seconds > 0)
    if "tag" in features:
        known["tag"] = _tags(videos["tag"])
    if "upload_age_days" in features:
        known["uploaded"] = pd.to_datetime(videos["upload_dt"], errors="coerce")
    joined = _join(frame, known, left_on="item_id", right_on="video_id")
    if "upload_age_days" in features:
        local = joined["shown_at"].dt.tz_convert(card.time_zone).dt.tz_localize(None)
        age = (local.dt.normalize() - joined.pop("uploaded")).dt.days.astype("float64")
        joined["upload_age_days"] = age.where(age >= 0)
    return joined


def _without_stand_ins(column: pd.Series) -> pd.Series:
    return column.where(column != UNKNOWN) if column.dtype == "str" else column.where(column != SENTINEL)


def _tags(column: pd.Series) -> pd.Series:
    """Comma-separated codes as lists, each distinct text split once; None where there is none."""
    code, texts = pd.factorize(column.astype("str"))
    split = np.empty(len(texts) + 1, dtype=object)
    for place, text in enumerate(texts):
        split[place] = np.array([int(part) for part in str(text).split(",") if part.strip()], dtype=np.int64)
    return pd.Series(split[code], dtype=object, index=column.index)


def _join(frame: pd.DataFrame, known: pd.DataFrame, *, left_on: str, right_on: str) -> pd.DataFrame:
    """Add the columns of ``known``; null for a row that it does not know."""
    known = known.drop_duplicates(right_on, ignore_index=True)
    place = pd.Index(known[right_on].astype("int64")).get_indexer(pd.Index(frame[left_on].astype("int64")))
    joined = known.drop(columns=right_on).reindex(place).reset_index(drop=True)
    return pd.concat([frame.reset_index(drop=True), joined], axis=1)
