"""The code of docs/off_policy.md runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdfast.evaluation.off_policy import COLUMNS

GUIDE = Path(__file__).parents[3] / "docs" / "off_policy.md"


def test_the_guide_runs(capsys):
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    assert len(blocks) >= 3
    tables = []
    for block in blocks[:3]:
        exec(compile(block, str(GUIDE), "exec"), names)
        tables.append(names["table"])
    assert "dr" in capsys.readouterr().out
    values, differences, streamed = tables
    # Half of the rows are worth .3 + .1 (.1 + 2 * .8), the others .2 + .1 (.4 + 2 * .4).
    row = values.set_index("estimator").loc["dr"]
    assert row["status"] == "ok"
    assert row["low"] < (0.47 + 0.32) / 2 < row["high"]
    assert tuple(values.columns) == COLUMNS
    assert set(differences["objective"]) == {"click", "dwell_seconds", "value"}
    assert list(streamed["value"]) == pytest.approx(list(values["value"]), rel=1e-9)


def test_the_first_block_is_short():
    first = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)[0]
    assert len([line for line in first.splitlines() if not line.startswith(("import", "from"))]) <= 10


def test_every_column_is_explained():
    text = GUIDE.read_text()
    for column in COLUMNS[3:]:
        assert f"`{column}`" in text, column
