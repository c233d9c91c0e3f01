"""The command line: ``holdfast run``, ``simulate``, ``export``, ``monitor``, ``pareto`` and ``compare``.

Nothing heavy is imported before it is known what was asked, so that help and completion are quick.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from holdfast import __version__
from holdfast.app import failures
from holdfast.app.help_text import run_help, simulate_help, top_help
from holdfast.core.errors import UserError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code: 0, 2 for the user's mistake, 1 for ours; more is a verdict."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Threads that wait by spinning take the cores from each other as soon as anything else runs beside them.
    # It has to be said before torch is imported; whoever sets it knows better.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with contextlib.suppress(ValueError):  # only the main thread may listen to signals
        signal.signal(signal.SIGTERM, _interrupted)
    try:
        return _dispatch(words)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where all messages are made
        return failures.report(error)


def _interrupted(number: int, frame: object) -> None:
    """Being told to stop is like Ctrl-C: the run is marked as ended, and can be resumed."""
    raise KeyboardInterrupt


def _dispatch(words: list[str]) -> int:
    command, rest = (words[0], words[1:]) if words else ("--help", [])
    if command in ("-h", "--help", "help"):
        print(top_help())
        return 0
    if command == "--version":
        print(f"holdfast {__version__}")
        return 0
    if command == "run":
        return _run(rest)
    if command == "simulate":
        return _simulate(rest)
    if command == "export":
        from holdfast.app.export_command import export_command

        return export_command(rest)
    if command == "monitor":
        from holdfast.app.monitoring.command import monitor_command

        return monitor_command(rest)
    if command == "pareto":
        from holdfast.app.pareto_of_runs import pareto_command

        return pareto_command(rest)
    if command == "compare":
        from holdfast.app.stressing.compare_command import compare_command

        return compare_command(rest)
    if command == "assist":
        from holdfast.app.ranks import assist_command

        return assist_command(rest)
    if command in ("-sc", "--shell-completion"):
        return _complete(rest)
    raise UserError(f"there is no command {command!r}; `holdfast --help` lists them")


def _run(words: list[str]) -> int:
    if any(word in ("-h", "--help") for word in words):
        print(run_help())
        return 0
    from holdfast.app.hydra_entry import run_with_hydra

    return run_with_hydra(words)


def _simulate(words: list[str]) -> int:
    """A short form of ``holdfast run stages=[simulate,report]``."""
    if any(word in ("-h", "--help") for word in words):
        print(simulate_help())
        return 0
    given = [word for word in words if word.startswith("stages=")]
    if given:
        raise UserError(
            f"holdfast simulate runs the stages simulate and report; for {given[0]} say holdfast run"
        )
    from holdfast.app.hydra_entry import run_with_hydra

    return run_with_hydra([*words, "stages=[simulate,report]"])


def _complete(words: list[str]) -> int:
    """Shell completion: subcommands are ours, everything after ``run`` is Hydra's."""
    from holdfast.app.hydra_entry import complete_with_hydra

    line = os.environ.get("COMP_LINE", "")
    typed = line.split()
    if words and words[0].startswith("query=") and (len(typed) < 2 or (len(typed) == 2 and line[-1] != " ")):
        print("run simulate export monitor pareto compare --help --version")
        return 0
    if words and words[0].startswith("query=") and len(typed) >= 2 and typed[1] not in ("run", "simulate"):
        return 0
    if len(typed) >= 2:
        os.environ["COMP_LINE"] = line.replace(f" {typed[1]}", "", 1)
    return complete_with_hydra(words)


if __name__ == "__main__":
    sys.exit(main())
