"""Whether the files of a bundle are the ones that were exported.

The hashes guard against accidents (a copy that was cut off, a file edited by hand). They are no signature:
somebody who may write to the folder can rewrite them too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from holdfast.core.errors import UserError
from holdfast.core.files import read_json, write_json, write_text

MANIFEST_FILE = "manifest.json"
SEAL_FILE = "manifest.sha256"
SCHEMA_VERSION = 1
FORMAT = "holdfast-bundle"
REMEDY = "Copy the bundle again or re-export it with 'holdfast export'."


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits; the file is read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def inventory(folder: Path) -> dict[str, dict[str, Any]]:
    """Hash and size of every file below ``folder`` by relative path, manifest and seal left out."""
    return {
        name: {"sha256": file_digest(folder / name), "bytes": (folder / name).stat().st_size}
        for name in _file_names(folder)
        if name not in (MANIFEST_FILE, SEAL_FILE)
    }


def seal(folder: Path, manifest: dict[str, Any]) -> str:
    """Write the manifest with the inventory of ``folder``, and the manifest's own hash beside it.

    Call it last: files that are written afterwards make the bundle invalid. The seal has the form that
    ``sha256sum --check`` reads.

    Returns:
        The hash of the manifest, which identifies the bundle.
    """
    header = {"format": FORMAT, "schema_version": SCHEMA_VERSION}
    write_json(folder / MANIFEST_FILE, {**manifest, **header, "files": inventory(folder)})
    digest = file_digest(folder / MANIFEST_FILE)
    write_text(folder / SEAL_FILE, f"{digest}  {MANIFEST_FILE}\n")
    return digest


def verified_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """Check every byte of a bundle and return its manifest and the manifest's hash.

    Raises:
        UserError: there is no bundle, it is of a newer layout, or a file is missing, extra or changed; the
            message names all such files.
    """
    manifest = _read_manifest(folder)
    digest = _checked_seal(folder)
    recorded: dict[str, dict[str, Any]] = manifest["files"]
    present = set(_file_names(folder)) - {MANIFEST_FILE, SEAL_FILE}
    faults = [f"{name} is missing" for name in sorted(set(recorded) - present)]
    faults += [f"{name} does not belong to it" for name in sorted(present - set(recorded))]
    for name in sorted(present & set(recorded)):
        size = (folder / name).stat().st_size
        if size != recorded[name]["bytes"]:
            faults.append(f"{name} has {size} bytes instead of {recorded[name]['bytes']}")
        elif file_digest(folder / name) != recorded[name]["sha256"]:
            faults.append(f"{name} was changed after the export")
    if faults:
        raise UserError(f"the bundle {folder} is not what was exported: {'; '.join(faults)}. {REMEDY}")
    return manifest, digest


def _file_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_FILE
    if not folder.is_dir():
        raise UserError(f"there is no bundle at {folder}; name the folder that 'holdfast export' wrote")
    if not path.is_file():
        raise UserError(f"{folder} is not a bundle: it has no {MANIFEST_FILE}. {REMEDY}")
    try:
        manifest = read_json(path)
    except ValueError as error:
        raise UserError(f"the bundle {folder} is damaged: {error}. {REMEDY}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UserError(f"{path} does not describe a bundle (its format is not {FORMAT!r}). {REMEDY}")
    # Before the hashes: a newer layout may keep them elsewhere.
    version = manifest.get("schema_version")
    if not isinstance(version, int):
        raise UserError(f"the bundle {folder} is damaged: {path} has no schema_version. {REMEDY}")
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path} has schema version {version}; this holdfast reads up to {SCHEMA_VERSION}. "
            "Install the holdfast that wrote it, or a newer one, or re-export with this one."
        )
    return manifest


def _checked_seal(folder: Path) -> str:
    path = folder / SEAL_FILE
    if not path.is_file():
        raise UserError(f"the bundle {folder} is not what was exported: {SEAL_FILE} is missing. {REMEDY}")
    digest = file_digest(folder / MANIFEST_FILE)
    if path.read_bytes() != f"{digest}  {MANIFEST_FILE}\n".encode():
        raise UserError(
            f"the bundle {folder} is not what was exported: {MANIFEST_FILE} and the hash in {SEAL_FILE} "
            f"disagree, so one of them was changed. {REMEDY}"
        )
    return digest
