"""Published benchmarks: files made after their exact schemas, with a signal planted, and the modules."""

from __future__ import annotations

import gzip
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from holdfast.core.shipped import shipped_folder

STUDY = shipped_folder("experiments") / "model_zoo" / "published"
NAMES = sorted(path.stem for path in STUDY.glob("*.py"))


@contextmanager
def study_modules(study: Path, names: Sequence[str]) -> Iterator[dict[str, ModuleType]]:
    """A study's modules by name, which are forgotten afterwards: studies call theirs alike."""
    before = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(study))
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(str(study))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)


@pytest.fixture(scope="session")
def modules_of():
    return study_modules


@pytest.fixture(scope="module")
def published(modules_of):
    """The study's modules by name; they find each other as they do when the study is run."""
    with modules_of(STUDY, NAMES) as found:
        yield found


def drawn(rng: np.random.Generator, logits: np.ndarray) -> np.ndarray:
    return (rng.random(len(logits)) < 1.0 / (1.0 + np.exp(-logits))).astype(int)


def write_aliexpress(path: Path, rows: int, seed: int) -> pd.DataFrame:
    """82 columns; a click depends on categorical_1 and numerical_1, a conversion on numerical_2 as well."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"search_id": np.arange(rows) // 4 + 1})
    for index in range(1, 17):
        frame[f"categorical_{index}"] = rng.integers(0, 8, rows)
    for index in range(1, 64):
        frame[f"numerical_{index}"] = rng.random(rows).round(6)
    click = drawn(
        rng,
        1.2 * (frame["categorical_1"] % 4 - 1.5).to_numpy() + 3.0 * (frame["numerical_1"] - 0.5).to_numpy(),
    )
    frame["click"] = click
    frame["conversion"] = click * drawn(rng, 8.0 * (frame["numerical_2"] - 0.6).to_numpy())
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)
    return frame


@pytest.fixture
def aliexpress_file() -> Callable[[Path, int, int], pd.DataFrame]:
    """Writes a file of so many rows, with a seed; returns what it wrote."""
    return write_aliexpress


@pytest.fixture
def aliexpress(tmp_path):
    folder = tmp_path / "aliexpress"
    write_aliexpress(folder / "train.csv", 2400, seed=1)
    write_aliexpress(folder / "test.csv", 1200, seed=2)
    return folder


def census_lines(published: dict[str, ModuleType], rows: int, seed: int) -> list[str]:
    """42 values between commas and spaces; income depends on education, marital status on age."""
    rng = np.random.default_rng(seed)
    lines = []
    for _ in range(rows):
        education, age = rng.integers(0, 5), rng.integers(15, 80)
        row = dict.fromkeys(published["census"].COLUMNS, "Not in universe")
        row |= {name: str(rng.integers(0, 40)) for name in published["census"].NUMERICAL}
        row |= {"age": str(age), "education": f"level {education}", "instance_weight": "1032.38"}
        row["birth_country"] = "?"
        row["marital_status"] = "Never married" if rng.random() < 0.9 * (age < 35) + 0.05 else "Divorced"
        row["income"] = "50000+." if rng.random() < 0.2 * education + 0.05 else "- 50000."
        lines.append(", ".join(row.values()))
    return lines


@pytest.fixture
def census(published, tmp_path):
    folder = tmp_path / "census"
    folder.mkdir()
    (folder / "census-income.data").write_text("\n".join(census_lines(published, 2000, seed=1)) + "\n")
    with gzip.open(folder / "census-income.test.gz", "wt") as file:
        file.write("\n".join(census_lines(published, 1600, seed=2)) + "\n")
    return folder


def feature(field: str, value: int) -> str:
    return f"{field}\x02{value}\x031.0"


def ali_ccp_files(folder: Path, part: str, rows: int, seed: int) -> None:
    """A click depends on the user's field 121 (a common feature), a purchase on the row's field 206."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    taste = rng.integers(0, 4, 50)
    common = [
        f"u{user},3,"
        + "\x01".join([feature("101", user + 1), feature("121", taste[user] + 1), feature("109_14", 7)])
        for user in range(50)
    ]
    samples = []
    for row in range(rows):
        user, kind, item = rng.integers(0, 50), rng.integers(0, 3), rng.integers(0, 30)
        click = int(rng.random() < 0.1 + 0.25 * taste[user])
        purchase = click * int(rng.random() < 0.1 + 0.4 * kind)
        features = "\x01".join([feature("205", item + 1), feature("206", kind + 1), feature("301", 1)])
        samples.append(f"{row + 1},{click},{purchase},u{user},3,{features}")
    # Left out: a purchase without a click.
    samples.append(f"{rows + 1},0,1,u0,1,{feature('205', 1)}")
    (folder / f"common_features_{part}.csv").write_text("\n".join(common) + "\n")
    (folder / f"sample_skeleton_{part}.csv").write_text("\n".join(samples) + "\n")


@pytest.fixture
def ali_ccp(tmp_path):
    folder = tmp_path / "ali_ccp"
    ali_ccp_files(folder, "train", 3000, seed=1)
    ali_ccp_files(folder, "test", 1500, seed=2)
    return folder


KUAIRAND_LOG = (
    "user_id", "video_id", "date", "hourmin", "time_ms", "is_click", "is_like", "is_follow", "is_comment",
    "is_forward", "is_hate", "long_view", "play_time_ms", "duration_ms", "profile_stay_time",
    "comment_stay_time", "is_profile_enter", "is_rand", "tab",
)  # fmt: skip


@pytest.fixture
def kuairand(tmp_path):
    """A click depends on the tab, every other kind of feedback on the video's author."""
    folder = tmp_path / "KuaiRand-1K" / "data"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    author = rng.integers(0, 6, 60)
    days = {
        "log_standard_4_08_to_4_21_1k.csv": pd.date_range("2022-04-08", "2022-04-21"),
        "log_standard_4_22_to_5_08_1k.csv": pd.date_range("2022-04-22", "2022-05-08"),
    }
    for name, dates in days.items():
        rows = 100 * len(dates)
        frame = pd.DataFrame(0, index=range(rows), columns=list(KUAIRAND_LOG))
        day = dates.repeat(100)
        noon = day.tz_localize("Asia/Shanghai") + pd.Timedelta(hours=12)
        frame["date"] = day.strftime("%Y%m%d").astype(int)
        frame["time_ms"] = [int(each.timestamp() * 1000) for each in noon]
        frame["user_id"], frame["video_id"] = rng.integers(0, 20, rows), rng.integers(0, 60, rows)
        frame["tab"] = rng.integers(0, 4, rows)
        for task in (*KUAIRAND_LOG[5:12], "is_profile_enter"):
            odds = 2.0 * (author[frame["video_id"]] - 2.5)
            frame[task] = drawn(rng, 2.0 * (frame["tab"].to_numpy() - 1.5) if task == "is_click" else odds)
        frame.to_csv(folder / name, index=False)
    numbers = dict.fromkeys(("follow_user_num", "fans_user_num", "friend_user_num", "register_days"), 3)
    pd.DataFrame(
        {
            "user_id": range(20),
            "user_active_degree": "full_active",
            "is_live_streamer": 0,
            "is_video_author": 1,
        }
        | numbers
        | {f"onehot_feat{index}": 1 for index in range(18)}
    ).to_csv(folder / "user_features_1k.csv", index=False)
    pd.DataFrame(
        {
            "video_id": range(60),
            "author_id": author,
            "video_type": "NORMAL",
            "upload_dt": "2022-04-01",
            "upload_type": "LongImport",
            "visible_status": 1,
            "video_duration": 9000.0,
            "server_width": 720.0,
            "server_height": 1280.0,
            "music_id": 5,
            "music_type": 9.0,
            "tag": "12,34",
        }
    ).to_csv(folder / "video_features_basic_1k.csv", index=False)
    return folder.parent
