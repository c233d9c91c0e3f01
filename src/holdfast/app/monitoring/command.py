"""``holdfast monitor``: has the world moved since a model was trained, where, and does it matter?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.core.errors import UserError

USAGE = """\
usage: holdfast monitor reference=RUN_OR_BUNDLE log=FOLDER_OR_FILE [key=value ...]
       holdfast monitor reference=RUN_OR_BUNDLE data=world data.num_days=60 [key=value ...]

Compares the days of a log with what the model was trained on, raises alarms at the rate that you choose, and
leaves monitor.json, monitor.html and tables in a folder.

  reference=...    a run, or the bundle of one
  log=...          Parquet with the columns that the model reads; outcomes may be missing, or come late
  data=...         any log that a run can read (holdfast run --help), instead of log=...
  output=monitor   the folder for the results
  window=1d        whole days of one window            rate=0.05      of false alarms
  start=, end=     first day, and the day after the last   control=bh     or holm, sequential, none
  slices=[market]  features to tell calibration by     ignore=[...]   columns that are not compared
  season=weekday   or none                             tolerance=0.05 relative harm that is tolerated
  looks=2          windows in a row, or columns and heads in one, that ask for training

The exit code is 0 where nothing is the matter, 3 where there is an alarm, 4 where the model should be trained
again; 2 for a mistake of yours, 1 for a defect of ours. docs/monitoring.md tells the rest."""
OWN = ("reference", "log", "output")


def monitor_command(words: Sequence[str]) -> int:
    """Run ``holdfast monitor`` with the words that follow it; gives the exit code.

    Raises:
        UserError: the words are wrong, or there is nothing to watch.
    """
    if not words or any(word in ("-h", "--help") for word in words):
        print(USAGE)
        return 0
    own, overrides = _told_apart(words)
    if "reference" not in own:
        raise UserError(f"holdfast monitor needs reference=RUN_OR_BUNDLE\n{USAGE}")
    from_config = any(word.startswith("data=") for word in overrides)
    if ("log" in own) == from_config:
        raise UserError("holdfast monitor needs one log: log=FOLDER_OR_FILE, or data=... with its settings")
    from holdfast.app.composition import check_config
    from holdfast.app.console import Console
    from holdfast.app.hydra_entry import compose
    from holdfast.app.monitoring.sayings import lines
    from holdfast.app.monitoring.watched_log import watch_log
    from holdfast.app.schema import build

    config = compose(overrides)
    check_config(config)
    settings: MonitorSettings = build(config, "monitor")
    output = Path(own.get("output", "monitor"))
    _check_output(output)
    console = Console()
    with console.working("monitor", "reading the log, scoring, comparing"):
        made = watch_log(
            Path(own["reference"]),
            settings=settings,
            log=Path(own["log"]) if "log" in own else None,
            source=build(config, "data") if from_config else None,
            output=output,
        )
    for line in lines(made):
        console.say("monitor", line)
    for warning in made["warnings"]:
        console.warn("monitor", warning)
    console.say("monitor", str(output / "monitor.html"))
    code: int = made["exit_code"]
    return code


def _told_apart(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Words of the command itself, and overrides of the configuration."""
    known = [field.name for field in fields(MonitorSettings)]
    own: dict[str, str] = {}
    overrides: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        root = key.lstrip("+~").split(".", maxsplit=1)[0]
        if not equals:
            raise UserError(f"holdfast monitor takes key=value, and {word!r} is none\n{USAGE}")
        if key in OWN:
            own[key] = value
        elif key in known:
            overrides.append(f"monitor.{word}")
        elif root in ("data", "monitor"):
            overrides.append(word)
        else:
            raise UserError(
                f"holdfast monitor has no setting {key!r}; it has {', '.join((*OWN, 'data', *known))}"
            )
    return own, overrides


def _check_output(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; choose a folder with output=...")
