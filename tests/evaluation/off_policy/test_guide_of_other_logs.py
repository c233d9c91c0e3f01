"""The sections of docs/off_policy.md on slates, large item sets and several loggers run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from holdfast.evaluation.off_policy import is_answer

GUIDE = Path(__file__).parents[3] / "docs" / "off_policy.md"


def section(title: str) -> dict[str, object]:
    text = GUIDE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    names: dict[str, object] = {"np": np, "pd": pd, "draw": np.random.default_rng(0)}
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], str(GUIDE), "exec"), names)
    return names


def assert_answers(table: object, truth: float) -> None:
    assert isinstance(table, pd.DataFrame)
    assert table["status"].map(is_answer).all(), table
    # Twice the interval: the same draws make all of them, and one in twenty misses.
    half = table["high"] - table["value"]
    assert (abs(table["value"] - truth) < 2 * half).all(), table


def test_advice():
    names = section("Which estimator errs least")
    table = names["advice"].table.set_index("estimator")
    assert table["verdict"]["dm"] == "more error"
    assert table["verdict"]["dr"] != "more error"


def test_slates():
    names = section("Slates")
    truth = 0.7 * (0.3 + 0.25 + 0.2) + 0.3 * 3 * 0.2
    assert_answers(names["table"], truth)
    assert_answers(names["linear"], truth)


def test_large_item_sets():
    assert_answers(section("Large item sets")["table"], 0.1)


def test_several_loggers():
    assert_answers(section("Several loggers")["table"], 0.1 * 0.2 + 0.2 * 0.4 + 0.7 * 0.6)
