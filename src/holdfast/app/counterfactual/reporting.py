"""From what the stage counterfactual left in a run's folder to its part of the report."""

from __future__ import annotations

import pandas as pd

from holdfast.app.counterfactual.outcomes import UNITS
from holdfast.app.counterfactual.reading import PREFERRED
from holdfast.app.report.content import CounterfactualSection
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import read_json


def counterfactual_section(folder: RunFolder) -> CounterfactualSection | None:
    """The tables of the stage; None where it has not been run."""
    if not folder.is_done("counterfactual"):
        return None
    values, slots, weights = (
        pd.read_parquet(folder.tables / f"counterfactual{name}.parquet")
        for name in ("", "_overlap", "_weights")
    )
    about = read_json(folder.counterfactual_file)["about"]
    return CounterfactualSection(
        values=values, slots=slots, weights=weights, about=about, units=UNITS, preferred=PREFERRED
    )
