"""What suites left in runs' folders, read back: which there are, and whether they still say what they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.app.run_folder import RunFolder
from holdfast.app.stressing.settings import HELD_OUT_PREFIX, STANDARD, STANDARD_PREFIX
from holdfast.core.errors import UserError
from holdfast.core.files import read_json
from holdfast.evaluation.robustness.ship_score import SCORE_VERSION


def prefixes_in(folder: RunFolder) -> list[str]:
    """Prefixes of the suites that a run was stressed by: the standard one first, held-out ones last."""
    names = [path.stem for path in folder.stress.glob("*.json")]
    ordered = sorted(
        names, key=lambda name: (name.startswith(HELD_OUT_PREFIX), name != STANDARD_PREFIX, name)
    )
    return [name for name in ordered if name.split("_")[0] == STANDARD_PREFIX]


def suite_of_prefix(prefix: str) -> str:
    """The suite's name, as ``stress=...`` takes it."""
    if prefix == STANDARD_PREFIX:
        return STANDARD
    if prefix.startswith(f"{HELD_OUT_PREFIX}_"):
        return prefix.removeprefix(f"{HELD_OUT_PREFIX}_")
    return prefix.removeprefix(f"{STANDARD_PREFIX}_")


def is_current(record: Any) -> bool:
    """Whether a record says what its numbers were measured by, and they mean what they mean today."""
    if not isinstance(record, Mapping) or not isinstance(record.get("yardstick"), Mapping):
        return False
    return "suite_fingerprint" in record and record["yardstick"].get("score_version") == SCORE_VERSION


def record_of(folder: RunFolder, prefix: str) -> dict[str, Any]:
    """What a suite left, as ``summary_of`` made it.

    Raises:
        UserError: the run was not stressed by this suite, or by an older version of the score.
    """
    path = folder.stress / f"{prefix}.json"
    suite = suite_of_prefix(prefix)
    if not path.is_file() or not folder.is_done("stress"):
        there = [suite_of_prefix(each) for each in prefixes_in(folder)] if folder.is_done("stress") else []
        others = f"; it was by {' and '.join(there)}, which --suite=NAME compares" if there else ""
        raise UserError(
            f"{folder.path} was not stressed by the suite {suite}{others}. Do it: {_command(folder, suite)}"
        )
    record: dict[str, Any] = read_json(path)
    if not is_current(record):
        raise old_numbers(folder, str(record.get("suite", suite)) if isinstance(record, dict) else suite)
    return record


def old_numbers(folder: RunFolder, suite: str) -> UserError:
    """The error for a run that was stressed before numbers said what they were measured by."""
    return UserError(
        f"{folder.path} was stressed by an older version, whose numbers do not say what they were measured "
        f"by and whose ship score means something else. Stress it again: {_command(folder, suite)}"
    )


def _command(folder: RunFolder, suite: str) -> str:
    return f"holdfast run run_dir={folder.path} stages=[stress,report] stress={suite}"
