"""Folders that travel with the code: settings, studies and dataset cards."""

from __future__ import annotations

from pathlib import Path

import holdfast


def shipped_folder(name: str) -> Path:
    """Where ``configs``, ``experiments`` or ``datasets`` lies.

    Inside the package when it was installed from a wheel, at the top of the checkout when it was not.

    Raises:
        FileNotFoundError: neither place has it; the installation is not whole.
    """
    package = Path(holdfast.__file__).parent
    for candidate in (package / name, package.parent.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"the folder {name!r} is missing beside {package}; install holdfast again")
