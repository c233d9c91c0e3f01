"""The code of docs/monitoring.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "monitoring.md"


def rows(rng: np.random.Generator, num_days: int) -> tuple[pd.DataFrame, np.ndarray]:
    day = 20_089 + np.repeat(np.arange(num_days), 120)
    shown = pd.to_datetime(day, unit="D", utc=True) + pd.to_timedelta(rng.random(day.size), unit="D")
    frame = pd.DataFrame(
        {
            "shown_at": shown,
            "item_id": rng.integers(5, size=day.size),
            "price": rng.normal(size=day.size),
            "click_score": rng.random(day.size),
        }
    )
    return frame, day


@pytest.fixture
def names(tmp_path: Path) -> dict[str, object]:
    """What a reader has: rows of days, predictions and outcomes."""
    rng = np.random.default_rng(0)
    past, past_days = rows(rng, 15)
    now, now_days = rows(rng, 4)
    p = rng.uniform(0.05, 0.3, now_days.size)

    def by_day(frame: pd.DataFrame, days: np.ndarray) -> dict[pd.Timestamp, pd.DataFrame]:
        columns = frame.drop(columns="shown_at")
        return {pd.Timestamp(int(each), unit="D"): columns[days == each] for each in np.unique(days)}

    return {
        "train": past.drop(columns="shown_at"),
        "train_days": by_day(past, past_days),
        "new_days": by_day(now, now_days),
        "train_rows": past,
        "todays_rows": now,
        "rows": now.assign(click=rng.random(len(now)) < 0.2),
        "folder": tmp_path / "reference",
        "past": past.drop(columns="shown_at"),
        "past_days": past_days,
        "now": now.drop(columns="shown_at"),
        "now_days": now_days,
        "model": lambda frame: 1.0 / (1.0 + np.exp(-frame["price"].fillna(0.0))),
        "probability": p,
        "clicked": (rng.random(p.size) < p).astype(float),
        "user_codes": np.arange(p.size) % 40,
        "market": np.where(np.arange(p.size) % 2, "north", "south"),
        "known": np.ones(p.size, dtype=bool),
        "today": 20_104,
        "old_days": past_days - 10,
        "old_delays": np.where(rng.random(past_days.size) < 0.3, rng.integers(1, 8, past_days.size), np.nan),
        "delay_days": np.where(rng.random(p.size) < 0.3, rng.integers(1, 8, p.size), np.nan),
    }


def test_the_guide_runs(names: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    assert len(blocks) == 6
    for number, block in enumerate(blocks):
        own = dict(names)
        if "CalibrationWatch" in block or "late_labels" in block:
            own["days"] = names["now_days"]
        exec(compile(block, f"{GUIDE}, block {number + 1}", "exec"), own)
        if "trigger" in own:
            assert own["trigger"].action in ("none", "watch")  # type: ignore[attr-defined]
        if "completion" in own:
            assert own["table"]["known_share"].between(0, 1).all()  # type: ignore[index]
    assert capsys.readouterr().out.strip() in ("none", "watch")
