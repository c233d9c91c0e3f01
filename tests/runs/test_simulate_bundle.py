"""A bundle that takes part in a simulation; the run that all tests of runs share has exported one."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd

from holdfast.app.run_folder import RunFolder


def test_a_bundle_serves_as_its_model_does(saved_run, command, tmp_path):
    shutil.copytree(saved_run.path, tmp_path / "copy")
    folder = RunFolder(tmp_path / "copy")
    done = command(
        "run",
        f"run_dir={folder.path}",
        "stages=[simulate]",
        "policy=[trained,bundle]",
        f"policy.bundle.scorer.folder={saved_run.bundle}",
        "simulation.num_days=3",
    )
    assert done.code == 0, done.err
    days = pd.read_parquet(folder.tables / "simulation_days.parquet")
    days = days.drop(columns=["policy"]).set_index(["contender", "day"])
    pd.testing.assert_frame_equal(days.loc["trained"], days.loc["bundle"])
    predicted = pd.read_parquet(folder.tables / "simulation_calibration.parquet").pivot_table(
        index=["day", "objective"], columns="contender", values="predicted"
    )
    assert len(predicted) == 3 + 3 + 2, "click and dwell of every day, return of all but the last"
    np.testing.assert_allclose(predicted["trained"], predicted["bundle"], rtol=1e-4)
