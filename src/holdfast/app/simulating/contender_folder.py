"""What a contender leaves in one world: its figures, its log, and the truth apart from it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.app.simulating.server import Calibration
from holdfast.core.files import read_json, whole_file, write_json
from holdfast.simulation.day_figures import DayFigures
from holdfast.simulation.log_folder import write_log, write_truth
from holdfast.simulation.publishing import Publication
from holdfast.simulation.record import Day

FIRST_MODELS = "first_models"
"""What lies beside the folders of the contenders; no contender has this name."""


class ContenderFolder:
    """The folder of one contender in one world.

    ``days.parquet`` is written last: where it is, all is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log"
        self.truth = path / "truth"
        self.models = path / "models"
        self.days_file = path / "days.parquet"
        self.calibration_file = path / "calibration.parquet"
        self.stopped_file = path / "stopped.npz"
        self.served_days = path / "served_days"
        self._recipe_file = path / "recipe.json"

    def begin(self, recipe: Mapping[str, Any], *, resume: bool) -> str | None:
        """Note the recipe, and throw away what lies here unless it was made by the same one.

        Args:
            recipe: all that the figures depend on.
            resume: whether to go on with what was made by the same recipe; else it is thrown away too.

        Returns:
            Why days that were served are thrown away; None where there were none, or they stay.
        """
        written = read_json(self._recipe_file) if self._recipe_file.is_file() else {}
        names = dict.fromkeys([*recipe, *written])
        others = [name for name in names if recipe.get(name) != written.get(name)]
        if resume and not others:
            return None
        lost = any(each.exists() for each in (self.days_file, self.stopped_file, self.log))
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        write_json(self._recipe_file, dict(recipe))
        if not lost:
            return None
        return f"it was made with other values of {', '.join(others)}" if others else "it is done again"

    @property
    def finished(self) -> bool:
        """Whether all of it is there."""
        return self.days_file.is_file()

    def write_log(
        self, publication: Publication, days: Sequence[Day], *, until_day: int, threads: int
    ) -> None:
        """Write the log, as far as it goes, and the truth behind it; nothing where nobody came."""
        if len(days):
            write_log(self.log, publication, days, until_day=until_day, threads=threads)
            write_truth(self.truth, publication.parts, days)

    def finish(self, figures: Sequence[DayFigures], calibration: Sequence[Calibration]) -> None:
        """Write the figures, and throw away what was only there to go on from."""
        with whole_file(self.calibration_file) as temporary:
            calibration_table(calibration).to_parquet(temporary, index=False)
        with whole_file(self.days_file) as temporary:
            pd.DataFrame([vars(each) for each in figures]).to_parquet(temporary, index=False)
        self.stopped_file.unlink(missing_ok=True)
        shutil.rmtree(self.served_days, ignore_errors=True)

    def figures(self) -> pd.DataFrame:
        """A row a day, with the columns of ``DayFigures``."""
        return pd.read_parquet(self.days_file)

    def calibration(self) -> pd.DataFrame:
        """A row a day and objective, with the columns of ``Calibration``."""
        return pd.read_parquet(self.calibration_file)


def calibration_table(rows: Sequence[Calibration]) -> pd.DataFrame:
    """The rows as a table, which has its columns also where there are none."""
    names = [each.name for each in fields(Calibration)]
    table = pd.DataFrame([vars(each) for each in rows], columns=names)
    kinds = {"day": "int64", "objective": "str", "predicted": "float64", "observed": "float64", "n": "int64"}
    return table.astype(kinds)
