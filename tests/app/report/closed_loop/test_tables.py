from __future__ import annotations

from types import ModuleType

import numpy as np
import pandas as pd

from holdfast.app.report.closed_loop.tables import LoopCell, calibration_table, group_table

NAMES = ["uniform", "trained", "retrained", "long_term_oracle"]


def test_means_and_paired_differences_stand_in_blocks(made_content: ModuleType) -> None:
    summary, differences = made_content.loop_summary()
    table = group_table(summary, differences, group="value", contenders=NAMES)
    assert table is not None
    assert [label for label, _ in table.columns] == ["Value"]
    means, against = table.blocks
    assert [name for name, _ in means.lines] == NAMES
    assert means.lines[0][1] == [LoopCell("8.8", "8.1 to 9.5")]
    assert against.heading == "Difference to uniform"
    assert [name for name, _ in against.lines] == NAMES[1:]
    assert against.lines[0][1] == [LoopCell("+4.0", "3.5 to 4.5", clear=True)]


def test_shares_are_in_percent_and_only_clear_differences_stand_out(made_content: ModuleType) -> None:
    summary, differences = made_content.loop_summary()
    table = group_table(summary, differences, group="outcomes", contenders=NAMES)
    assert table is not None
    assert table.columns == [("Click rate", "clicks an impression, %")]
    means, against = (dict(block.lines) for block in table.blocks)
    assert means["trained"] == [LoopCell("7.33", "7.20 to 7.46")]
    assert means["retrained"] == [LoopCell()], "NaN is nothing"
    assert means["long_term_oracle"] == [LoopCell()], "absent is nothing"
    assert against["trained"] == [LoopCell("+2.22", "−1.00 to 5.00", clear=False)]


def test_a_quantity_that_is_not_known_is_shown_last(made_content: ModuleType) -> None:
    summary, differences = made_content.loop_summary()
    table = group_table(summary, differences, group="other", contenders=NAMES)
    assert table is not None
    assert table.columns == [("Made up", "")]
    assert len(table.blocks) == 1


def test_one_seed_has_values_alone_and_nothing_has_no_table() -> None:
    summary = pd.DataFrame(
        {
            "contender": ["a", "b"],
            "quantity": "gini",
            "mean": [0.5, np.nan],
            "low": np.nan,
            "high": np.nan,
            "num_seeds": 1,
        }
    )
    table = group_table(summary, pd.DataFrame(), group="diversity", contenders=["a", "b"])
    assert table is not None
    assert dict(table.blocks[0].lines) == {"a": [LoopCell("0.500")], "b": [LoopCell()]}
    assert group_table(summary, pd.DataFrame(), group="users", contenders=["a", "b"]) is None
    assert group_table(pd.DataFrame(), pd.DataFrame(), group="value", contenders=["a"]) is None


def test_calibration_of_those_who_predict(made_content: ModuleType) -> None:
    table = calibration_table(made_content.loop_calibration(), contenders=NAMES)
    assert table is not None
    assert [label for label, _ in table.columns] == ["Click", "Dwell", "Return on the next day"]
    lines = dict(table.blocks[0].lines)
    assert set(lines) == {"trained", "retrained"}
    assert [cell.value for cell in lines["trained"]] == ["1.10"] * 3
    unknown = made_content.loop_calibration().assign(observed=np.nan)
    assert calibration_table(unknown, contenders=NAMES) is None
