"""``holdfast export``: write a bundle of a saved run, or prove that one still gives the model's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from holdfast.app.run_folder import RunFolder
from holdfast.core.errors import UserError

USAGE = """\
usage: holdfast export RUN             write the bundle of a saved run again, and check it
       holdfast export RUN --check     check every hash, and that the bundle gives the model's numbers
       holdfast export BUNDLE --check  the same with nothing but the bundle: its sample and its hashes

The exit code is 0 where everything agrees."""


def export_command(words: Sequence[str]) -> int:
    """Run ``holdfast export`` with the words that follow it; gives the exit code.

    Raises:
        UserError: the words are wrong, or the bundle is not what was exported.
    """
    unknown = [word for word in words if word.startswith("-") and word not in ("--check", "-h", "--help")]
    places = [word for word in words if not word.startswith("-")]
    if "-h" in words or "--help" in words:
        print(USAGE)
        return 0
    if unknown or len(places) != 1:
        raise UserError(f"holdfast export takes one folder and --check\n{USAGE}")
    folder = RunFolder(Path(places[0]))
    if not folder.path.is_dir():
        raise UserError(f"there is no folder {folder.path}; name a run or a bundle")
    if "--check" in words:
        return _check(folder)
    if not folder.is_run:
        raise UserError(
            f"{folder.path} holds no run; only a run can be exported. Check a bundle with --check"
        )
    from holdfast.app.hydra_entry import run_with_hydra

    return run_with_hydra([f"run_dir={_quoted(folder.path)}", "stages=[export]"])


def _check(folder: RunFolder) -> int:
    from holdfast.serving.verification import verify_bundle

    if not folder.is_run:
        report = verify_bundle(folder.path)
    else:
        from omegaconf import OmegaConf

        from holdfast.app.composition import plan
        from holdfast.app.console import Console
        from holdfast.app.hydra_entry import compose
        from holdfast.app.run import Run
        from holdfast.app.runner import completed, resolved_or_missing
        from holdfast.serving.parity import check_parity
        from holdfast.tracking.local import LocalRunLog

        saved = completed(folder.saved_config(), resolved_or_missing(compose([])))
        made = plan(OmegaConf.create(saved))
        run = Run(folder=folder, plan=made, console=Console(), run_log=LocalRunLog())
        if not folder.is_done("export"):
            raise UserError(
                f"the run in {folder.path} has no bundle of its present model; "
                f"`holdfast export {folder.path}` writes one"
            )
        prepared = run.prepared
        report = check_parity(
            folder.bundle,
            run.trained_ranker(),
            prepared.encoder(),
            run.served_plan.fusion,
            prepared.test_rows(),
        )
    print(report.summary())
    return 0 if report.passed else 1


def _quoted(path: Path) -> str:
    """A path as Hydra's override grammar takes it, whatever characters are in it."""
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
