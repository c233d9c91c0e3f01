"""KuaiRand-1K (Gao et al., 2022) with eight kinds of feedback, as NVIDIA's HSTU example asks for them.

N rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from benchmark import Benchmark, BenchmarkSettings, Rows, Windows
from strict_csv import binary, codes, first_of, read_columns

from holdfast.core.errors import UserError
from holdfast.data.card import DatasetCard
from holdfast.data.readers.kuairand_side_tables import join_users, join_videos
from holdfast.data.readers.shipped_card import dataset_card
from holdfast.data.readers.tables import read_table

TASKS = (
    "is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view",
    "is_profile_enter",
)  # fmt: skip
"""In the order of the example's ``task0`` to ``task7``."""
LOGS = ("log_standard_4_08_to_4_21_1k.csv", "log_standard_4_22_to_5_08_1k.csv")
KEYS = ("user_id", "video_id", "date", "time_ms", "tab")
VALIDATION_FROM, TEST_FROM = 20220501, 20220503
"""Train: 8 to 30 April; validation: 1 and 2 May; test: 3 to 8 May. A choice of this study."""
TYPES = {**dict.fromkeys(KEYS, pa.float64()), **dict.fromkeys(TASKS, pa.float32())}


def read(folder: Path, settings: BenchmarkSettings) -> Windows:
    """Both standard logs and the tables of users and videos, cut in three by the day."""
    folder = folder / "data" if (folder / "data").is_dir() else folder
    logs = [first_of(folder, [name], dataset="kuairand") for name in LOGS]
    users, videos = (
        read_table(first_of(folder, [f"{name}_1k.csv"], dataset="kuairand"), dataset="kuairand")
        for name in ("user_features", "video_features_basic")
    )
    card = dataset_card("kuairand")
    pieces = [_log(path, card) for path in logs]
    frame = pd.concat([piece for piece, _ in pieces], ignore_index=True)
    labels = np.concatenate([label for _, label in pieces])
    day = frame.pop("date").to_numpy()
    request = np.asarray(frame.groupby(["user_id", "shown_at"], sort=False).ngroup(), dtype=np.int64)
    rows = Rows(join_videos(join_users(frame, users, card), videos, card), labels, request)
    train, validation, test = (
        rows.take(where)
        for where in (day < VALIDATION_FROM, (day >= VALIDATION_FROM) & (day < TEST_FROM), day >= TEST_FROM)
    )
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        if not len(part):
            raise UserError(
                f"the logs at {folder} hold no row for the {name} window (validation from {VALIDATION_FROM}, "
                f"test from {TEST_FROM}); copy {' and '.join(LOGS)} again"
            )
    return Windows(train, validation, test)


def _log(path: Path, card: DatasetCard) -> tuple[pd.DataFrame, np.ndarray]:
    """One log in the words of the card, ``[N]``, and its labels, ``[N, T]``."""
    columns = read_columns(path, TYPES, dataset="kuairand")
    keys = {name: codes(path, name, columns[name], has_header=True) for name in KEYS}
    labels = [binary(path, name, columns.pop(name), has_header=True) for name in TASKS]
    shown_at = pd.Series(pd.to_datetime(keys["time_ms"], unit="ms", utc=True))
    frame = pd.DataFrame(
        {
            "user_id": keys["user_id"],
            "item_id": keys["video_id"],
            "shown_at": shown_at,
            "date": keys["date"],
            "tab": keys["tab"],
            "hour": shown_at.dt.tz_convert(card.time_zone).dt.hour,
        }
    )
    return frame, np.stack(labels, axis=1)


KUAIRAND = Benchmark(
    name="kuairand",
    title="KuaiRand-1K",
    dataset="kuairand",
    tasks=TASKS,
    features=dataset_card("kuairand").features,
    read=read,
)
