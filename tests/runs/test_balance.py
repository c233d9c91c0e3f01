"""A run whose objectives are balanced by their gradients: what it leaves, and what it refuses."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.composition import plan
from holdfast.app.hydra_entry import compose
from holdfast.app.run_folder import RunFolder
from holdfast.core.errors import UserError


def test_weights_and_conflicts_are_in_the_run_and_on_its_page(new_run):
    balance = ("objective/balance=upgrad", "objective.balance.preference.dwell=2")
    run = new_run((*balance, "trainer.accumulate_batches=2", "stages=[prepare,fit,report]"))
    table = pd.read_parquet(run.tables / "balance.parquet")
    weights = table[table["quantity"] == "weight"].set_index(["objective", "epoch"])["value"]
    # Without conflict a quarter, a half and a quarter; what opposes nothing only adds to that.
    assert (weights["click"] >= 0.25 - 1e-9).all()
    assert (weights["dwell"] >= 0.5 - 1e-9).all()
    assert (table[table["quantity"] == "cosine"]["value"].abs() < 1.0).all()
    logged = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert all("balance/weight/click" in row and "balance/conflict_share" in row for row in logged)
    assert "two gradients opposed each other" in run.report_file.read_text()


def test_a_training_with_weights_that_never_move_leaves_no_table_of_an_earlier_one(
    saved_run, command, tmp_path
):
    run = RunFolder(shutil.copytree(saved_run.path, tmp_path / "run"))
    stale = run.tables / "balance.parquet"
    stale.write_bytes(b"of an earlier training")
    done = command("run", f"run_dir={run.path}", "stages=[fit]", "resume=false")
    assert done.code == 0, done.err
    assert not stale.exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("~objective.balance.preference.dwell", r"objective\.balance: preference has 2 entries and none for"),
        ("objective.balance.preference.dwell=-1", r"objective\.balance: preference\.dwell is -1\.0"),
        ("+objective.balance.preference.like=1", r"objective\.balance: preference names \['like'\]"),
        ("objective.balance.preference={click:0,dwell:0,retention:0}", "preference is 0 for all of"),
        ("objective.balance.gramian=tower", r"objective\.balance: gramian is 'tower'; choose from"),
        ("trainer.accumulate_batches=0", r"trainer: accumulate_batches is 0; it must be at least 1"),
        ("objective/balance=famo objective.balance.learning_rate=0", r"learning_rate is 0\.0"),
    ],
)
def test_a_balance_that_does_not_fit_is_refused_before_anything_is_read(override, said):
    GlobalHydra.instance().clear()
    with pytest.raises(UserError, match=said):
        plan(compose(["objective/balance=mgda", *override.split()]))
    GlobalHydra.instance().clear()
