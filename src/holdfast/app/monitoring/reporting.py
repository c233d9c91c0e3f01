"""From what the stage monitor left in a run's folder to its part of the report."""

from __future__ import annotations

import pandas as pd

from holdfast.app.monitoring.results import RESULT_FILE
from holdfast.app.monitoring.watch_reference import findings_of
from holdfast.app.report.content import MonitorSection
from holdfast.app.run_folder import RunFolder
from holdfast.core.files import read_json


def monitor_section_of(folder: RunFolder) -> MonitorSection | None:
    """The section; None where the stage has not been run."""
    if not folder.is_done("monitor"):
        return None
    return MonitorSection(
        told=read_json(folder.monitor / RESULT_FILE),
        findings=findings_of(pd.read_parquet(folder.monitor / "findings.parquet")),
    )
