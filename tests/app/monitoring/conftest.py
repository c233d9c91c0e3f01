from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.cli import main
from holdfast.data.log import Log
from holdfast.simulation.world import DefaultWorld

WORLD = {"num_users": 120, "num_items": 120, "num_days": 38}


@dataclass(frozen=True)
class Trained:
    """A small run with its bundle, and the log that it came from, which is stable."""

    run: Path
    log: Log


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    GlobalHydra.instance().clear()
    run = tmp_path_factory.mktemp("monitor") / "run"
    words = [f"data.{name}={value}" for name, value in WORLD.items()]
    stages = "stages=[prepare,fit,export,monitor,report]"
    code = main(
        ["run", "data=world", *words, "trainer.max_epochs=1", stages, f"run_dir={run}", "tracking=local"]
    )
    assert code == 0
    GlobalHydra.instance().clear()
    return Trained(run, DefaultWorld(**WORLD).read())


@pytest.fixture
def frame(trained: Trained) -> pd.DataFrame:
    """The log's rows, to be spoiled."""
    return trained.log.frame.copy()
