"""Days of runs that were trained again: of the same log only."""

from __future__ import annotations

import pandas as pd
import pytest

from holdfast.app.prepared_run import SUMMARY_FILE
from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.later_days import days_of_successors
from holdfast.core.errors import UserError
from holdfast.core.files import write_json


def test_a_run_of_another_log_is_no_successor(tmp_path):
    folder = RunFolder(tmp_path)
    for each in (folder.prepared, folder.tables):
        each.mkdir(parents=True, exist_ok=True)
    whole = dict.fromkeys(["objectives", "card", "windows", "log"])
    write_json(folder.prepared / SUMMARY_FILE, {**whole, "fingerprint": "another"})
    pd.DataFrame({"day": [1]}).to_parquet(folder.tables / "stress_days.parquet")
    folder.mark("stress", done=True)
    write_json(folder.path / "stress" / "stress.json", {})
    with pytest.raises(UserError, match="was prepared from another log"):
        days_of_successors([str(tmp_path)], last_train_day=0, prefix="stress", data="mine")


def test_a_run_that_was_not_stressed_is_refused(tmp_path):
    with pytest.raises(UserError, match="was not stressed"):
        days_of_successors([str(tmp_path)], last_train_day=0, prefix="stress", data="mine")
    assert days_of_successors([], last_train_day=0, prefix="stress", data="mine").empty
