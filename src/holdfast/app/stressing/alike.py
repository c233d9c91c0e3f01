"""Whether numbers of several runs may stand beside each other: measured by one yardstick, on one window."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.app.prepared_run import SUMMARY_FILE, PreparedRun
from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.records import old_numbers, record_of, suite_of_prefix
from holdfast.app.stressing.settings import STANDARD_PREFIX
from holdfast.app.stressing.yardstick import differences
from holdfast.core.errors import UserError
from holdfast.core.files import read_json


def check_one_yardstick(records: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to compare what was measured by different yardsticks.

    Args:
        records: what suites left, by run, as ``record_of`` gives them.

    Raises:
        UserError: two fingerprints differ; it lists every part that does.
    """
    (first, reference), *others = records.items()
    for run, each in others:
        if each["suite_fingerprint"] == reference["suite_fingerprint"]:
            continue
        found = "; ".join(differences(reference["yardstick"], each["yardstick"]))
        raise UserError(
            f"{first} and {run} were not measured alike (fingerprints {reference['suite_fingerprint']} and "
            f"{each['suite_fingerprint']}). They differ in {found}. Stress both by one suite with the same "
            "settings, on one log with the same windows: stages=[stress,report] stress=standard"
        )


def check_alike(metric: str, entries: Mapping[Path, Mapping[str, Any]]) -> None:
    """Refuse to choose between values of a metric that were not measured alike.

    Metrics of suites carry the fingerprint of what they were measured by. For all others the log and the
    window that they are of must be the same, as far as the runs say: the train window may differ.

    Args:
        metric: name in ``metrics.json``.
        entries: of it, by folder of the run.

    Raises:
        UserError: something differs, or a run was stressed before numbers carried fingerprints.
    """
    prefix = metric.split("/")[0]
    if prefix == STANDARD_PREFIX or prefix.startswith(f"{STANDARD_PREFIX}_"):
        for folder, entry in entries.items():
            if "suite_fingerprint" not in entry:
                raise old_numbers(RunFolder(folder), suite_of_prefix(prefix))
        check_one_yardstick({str(folder): record_of(RunFolder(folder), prefix) for folder in entries})
        return
    known = {folder: _measured_on(folder, prefix) for folder in entries}
    first, *others = known
    for folder in others:
        shared = [key for key in known[first] if key in known[folder]]
        one, other = ({key: known[each][key] for key in shared} for each in (first, folder))
        found = "; ".join(differences(one, other))
        if found:
            raise UserError(
                f"{first} and {folder} were not measured on the same rows: they differ in {found}. Choose "
                "between runs of one log and one split"
            )


def _measured_on(folder: Path, prefix: str) -> dict[str, Any]:
    """The log and the window of a metric, as far as a run says."""
    run, found = RunFolder(folder), dict[str, Any]()
    if run.manifest_file.is_file():
        fingerprint = read_json(run.manifest_file).get("data_fingerprint")
        found |= {} if fingerprint is None else {"data": fingerprint}
    if (run.prepared / SUMMARY_FILE).is_file():
        window = "validation" if prefix == "validation" else "test"
        of_window = PreparedRun(run.prepared).summary["windows"][window]
        found["window"] = {window: {**of_window["window"], "rows": of_window["rows"]}}
    return found
