"""Whose mistake it was: one clear message, exit code 2 (the user's) or 1 (ours)."""

from __future__ import annotations

import os
import re
import sys
import traceback
from pathlib import Path

import yaml

from holdfast.app.help_text import shipped_options
from holdfast.core.errors import UserError

DEBUG_VARIABLE = "HOLDFAST_DEBUG"
USER_MISTAKE, OUR_MISTAKE, INTERRUPTED = 2, 1, 130
_PACKAGE = Path(__file__).parent.parent


def wants_traceback() -> bool:
    """Whether the user asked for tracebacks with ``HOLDFAST_DEBUG=1``."""
    return os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0")


def exit_code(error: BaseException) -> int:
    """The exit code that tells a script whose mistake it was."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return USER_MISTAKE if _is_users_mistake(error) else OUR_MISTAKE


def message(error: BaseException) -> str:
    """What went wrong and what to do, without a traceback."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted; go on where it was with resume=true"
    text = _text(error)
    if _is_users_mistake(error):
        return text
    return (
        f"holdfast failed: {type(error).__name__}: {text}\n"
        f"This is a defect of ours, not of your command. Set {DEBUG_VARIABLE}=1 to see where it happened, "
        "and please report it."
    )


def report(error: BaseException) -> int:
    """Print the message on standard error (the traceback too, when asked for) and give the exit code."""
    if wants_traceback():
        traceback.print_exception(error)
    print(f"error: {message(error)}", file=sys.stderr)
    return exit_code(error)


def _text(error: BaseException) -> str:
    if lacking := re.search(r"Could not (?:load|find) '([^']+)/([^'/]+)'", str(error)):
        # Hydra names the options of a group where one was chosen, and not where several were.
        options = re.findall(r"^\t([^=\n]+)$", str(error), re.MULTILINE) or shipped_options(lacking[1])
        listed = f"it has {', '.join(options)}" if options else "`holdfast run --help` lists the groups"
        return f"there is no option {lacking[2]!r} in the group {lacking[1]!r}; {listed}"
    if isinstance(error, OSError) and error.filename is not None and not isinstance(error, UserError):
        return f"{error.strerror or error}: {error.filename}; check that the path exists and is writable"
    if isinstance(error, OSError) and not isinstance(error, UserError):
        return f"could not read or write a file ({error}); is the disk full?"
    if isinstance(error, yaml.YAMLError):
        return f"a settings file is not valid YAML: {error}"
    if unknown := re.match(r"Could not override '([^']+)'", str(error)):
        return f"there is no setting {unknown[1]!r}; `holdfast run --cfg job` lists them all"
    lines = [str(error).strip()]
    if override := getattr(error, "override", None):  # Hydra's parser says what is wrong, but not where
        lines.insert(0, f"cannot read {override!r}; quote a value with special characters: key='...'.")
    cause = error.__cause__
    # Hydra says that composing failed, and only its cause says why.
    if cause is not None and type(error).__module__.startswith("hydra") and str(cause) not in str(error):
        lines.append(str(cause).strip())
    return "\n".join(line for line in lines if line) or type(error).__name__


def _is_users_mistake(error: BaseException) -> bool:
    # An OSError is the state of the machine, a full disk or a read-only folder, and no defect.
    if isinstance(error, (UserError, OSError, yaml.YAMLError)):
        return True
    if type(error).__module__.startswith(("hydra.errors", "hydra.core", "omegaconf")):
        return True
    # A ValueError that our own code or Hydra raised is a refused argument; any other is a defect of ours.
    return isinstance(error, ValueError) and _raised_in_holdfast_or_hydra(error)


def _raised_in_holdfast_or_hydra(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return False
    place = Path(frames[-1].filename)
    return place.is_relative_to(_PACKAGE) or "hydra" in place.parts
