"""A bundle that is not what was exported is refused by name."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from holdfast.core.errors import UserError
from holdfast.serving.integrity import inventory, seal, verified_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "bundle"
    (root / "encoder").mkdir(parents=True)
    (root / "model.onnx").write_bytes(b"graph")
    (root / "encoder" / "vocabulary.json").write_bytes(b"{}")
    (root / "empty.txt").touch()
    seal(root, {"heads": {"click": 1}})
    return root


def test_inventory_holds_the_hash_and_size_of_every_file_but_the_manifest(folder: Path) -> None:
    assert inventory(folder) == {
        "empty.txt": {"sha256": hashlib.sha256(b"").hexdigest(), "bytes": 0},
        "encoder/vocabulary.json": {"sha256": hashlib.sha256(b"{}").hexdigest(), "bytes": 2},
        "model.onnx": {"sha256": hashlib.sha256(b"graph").hexdigest(), "bytes": 5},
    }


def test_an_intact_bundle_gives_its_manifest_and_identity(folder: Path) -> None:
    manifest, identity = verified_manifest(folder)
    assert manifest["heads"] == {"click": 1}
    assert identity == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert (folder / "manifest.sha256").read_text() == f"{identity}  manifest.json\n"


@pytest.mark.parametrize(
    "name", ["model.onnx", "encoder/vocabulary.json", "manifest.json", "manifest.sha256"]
)
def test_every_single_changed_byte_is_caught(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(UserError, match=re.escape(name.split("/")[-1])):
            verified_manifest(folder)
    path.write_bytes(whole)
    verified_manifest(folder)


@pytest.mark.parametrize("name", ["model.onnx", "empty.txt", "encoder/vocabulary.json", "manifest.sha256"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match=rf"{re.escape(name)} is missing.*re-export"):
        verified_manifest(folder)


def test_all_faults_are_named_at_once(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"graphs")
    (folder / "encoder" / "vocabulary.json").write_bytes(b"[]")
    (folder / "empty.txt").unlink()
    (folder / "encoder" / "notes.txt").write_text("mine")
    with pytest.raises(UserError) as caught:
        verified_manifest(folder)
    for fault in (
        "empty.txt is missing",
        "encoder/notes.txt does not belong to it",
        "model.onnx has 6 bytes instead of 5",
        "encoder/vocabulary.json was changed",
    ):
        assert fault in str(caught.value)


def test_a_newer_layout_is_refused_before_its_hashes_are_looked_at(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 2}))
    with pytest.raises(UserError, match="schema version 2; this holdfast reads up to 1"):
        verified_manifest(folder)


def test_a_folder_that_is_no_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no bundle at"):
        verified_manifest(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"has no manifest\.json"):
        verified_manifest(tmp_path)
    for text, message in (("{", "not valid JSON"), ("[]", "does not describe a bundle"), ("{}", "format")):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(UserError, match=message):
            verified_manifest(tmp_path)
