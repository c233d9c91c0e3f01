from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from holdfast.tracking.fan_out import Fanout


class Listener:
    def __init__(self, name: str, heard: list[tuple[Any, ...]], *, breaks: bool = False) -> None:
        self.name, self.heard, self.breaks = name, heard, breaks

    def start(self, config: Any, **labels: Any) -> None:
        self.heard.append((self.name, "start", config, labels["group"]))

    def log_metrics(self, values: Any, *, step: int) -> None:
        self.heard.append((self.name, "metrics", values, step))

    def log_summary(self, values: Any) -> None:
        self.heard.append((self.name, "summary", values))

    def log_table(self, name: str, frame: pd.DataFrame) -> None:
        self.heard.append((self.name, "table", name, len(frame)))

    def rewind(self, step: int) -> None:
        self.heard.append((self.name, "rewind", step))

    def finish(self, *, failed: bool) -> None:
        self.heard.append((self.name, "finish", failed))
        if self.breaks:
            raise OSError("disk full")


def test_everybody_hears_everything_in_order(tmp_path: Path) -> None:
    heard: list[tuple[Any, ...]] = []
    log = Fanout([Listener("a", heard), Listener("b", heard)])
    log.start({"x": 1}, name="n", group="g", job_type="j", tags=[], folder=tmp_path)
    log.log_metrics({"loss": 1.0}, step=4)
    log.log_summary({"auc": 0.7})
    log.log_table("t", pd.DataFrame({"c": [1, 2]}))
    log.rewind(3)
    log.finish(failed=True)
    calls = [
        ("start", {"x": 1}, "g"),
        ("metrics", {"loss": 1.0}, 4),
        ("summary", {"auc": 0.7}),
        ("table", "t", 2),
        ("rewind", 3),
        ("finish", True),
    ]
    assert heard == [(name, *call) for call in calls for name in ("a", "b")]


@pytest.mark.parametrize("broken", [0, 1])
def test_all_are_closed_even_where_one_cannot_be(broken: int) -> None:
    heard: list[tuple[Any, ...]] = []
    log = Fanout([Listener(name, heard, breaks=index == broken) for index, name in enumerate("ab")])
    with pytest.raises(OSError, match="disk full"):
        log.finish(failed=False)
    assert heard == [("a", "finish", False), ("b", "finish", False)]
