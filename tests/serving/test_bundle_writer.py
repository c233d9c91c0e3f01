"""A bundle is written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import holdfast.serving.bundle_writer as bundle_writer
from holdfast.core.errors import UserError
from holdfast.serving.bundle import BundleSummary, load_bundle
from holdfast.serving.integrity import SCHEMA_VERSION

if TYPE_CHECKING:
    from conftest import Exported

Write = Callable[..., BundleSummary]


def test_the_bundle_holds_what_the_guide_says(exported: Exported) -> None:
    files = {path.relative_to(exported.folder).as_posix() for path in exported.folder.rglob("*.*")}
    assert {
        "model.onnx",
        "manifest.json",
        "manifest.sha256",
        "signature.json",
        "config.yaml",
        "sample/rows.parquet",
        "sample/expected.parquet",
        "README.txt",
        "encoder/encoder.json",
    } <= files
    assert not [path for path in exported.folder.parent.iterdir() if path != exported.folder]
    assert (exported.folder / "config.yaml").read_text() == "seed: 3\n"
    sizes = [path.stat().st_size for path in exported.folder.rglob("*") if path.is_file()]
    assert (exported.summary.num_files, exported.summary.size_bytes) == (len(sizes), sum(sizes))


def test_the_manifest_says_where_the_model_comes_from(exported: Exported) -> None:
    bundle = load_bundle(exported.folder)
    manifest: dict[str, Any] = dict(bundle.manifest)
    assert bundle.identity == exported.summary.identity
    assert manifest["schema_version"] == SCHEMA_VERSION
    assert manifest["versions"]["code"] == "abc123"
    assert manifest["versions"]["onnx_opset"] == 18
    assert manifest["data"] == {"fingerprint": "f00d", "card": {"name": "made", "licence": "none"}}
    assert manifest["known_until"] == "2024-03-11T00:00:00+00:00"
    assert list(manifest["windows"]) == ["train", "validation", "test"]
    assert manifest["fusion"]["name"] == "weighted_product"
    assert manifest["heads"]["dwell"]["score"] == "dwell_seconds"
    assert manifest["heads"]["dwell"]["outputs"]["dwell_seconds"] == {"unit": "seconds", "steps": 1}
    assert manifest["heads"]["retention"]["outputs"]["return_by_day"] == {"unit": "probability", "steps": 7}


def test_the_sample_has_rows_and_what_to_expect(exported: Exported) -> None:
    rows, expected = load_bundle(exported.folder).sample()
    assert len(rows) == len(expected) == 2 * len(exported.encoder.features) + 4 + 100
    assert rows["user_id"].isna().sum() >= 2
    assert list(expected)[-1] == "score"


@pytest.mark.usefixtures("export_by_copy")
def test_an_earlier_bundle_is_replaced(bundle_copy: Path, write: Write) -> None:
    before = load_bundle(bundle_copy).identity
    summary = write(bundle_copy, code_version="def456")
    after = load_bundle(bundle_copy)
    assert after.manifest["versions"]["code"] == "def456"
    assert before != after.identity == summary.identity
    assert list(bundle_copy.parent.iterdir()) == [bundle_copy]


def test_somebodys_own_files_are_not_replaced(tmp_path: Path, write: Write) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds files and is no bundle"):
        write(tmp_path)
    with pytest.raises(UserError, match="is a file"):
        write(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path, write: Write) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"could not be written to .*file/bundle.*choose a folder"):
        write(tmp_path / "file" / "bundle")


@pytest.mark.usefixtures("export_by_copy")
def test_a_full_disk_half_way_leaves_nothing(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundle_writer, "seal", full)
    with pytest.raises(UserError, match="No space left on device"):
        write(tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


def test_an_interrupted_export_leaves_the_earlier_bundle(
    bundle_copy: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = load_bundle(bundle_copy).identity
    monkeypatch.setattr(bundle_writer, "export_onnx", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(bundle_copy)
    assert load_bundle(bundle_copy).identity == before
    assert list(bundle_copy.parent.iterdir()) == [bundle_copy]


def test_a_sample_without_a_feature_is_refused_before_anything_is_written(
    exported: Exported, tmp_path: Path, write: Write
) -> None:
    with pytest.raises(ValueError, match="age"):
        write(tmp_path / "bundle", sample_rows=exported.rows.drop(columns="age"))
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == "[]"
