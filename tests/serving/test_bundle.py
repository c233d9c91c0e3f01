"""A bundle opens when every byte is right, and not otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from holdfast.core.errors import UserError
from holdfast.serving.bundle import load_bundle
from holdfast.serving.scorer import Scorer

if TYPE_CHECKING:
    from conftest import Exported


def test_a_bundle_works_from_any_folder(exported: Exported, bundle_copy: Path) -> None:
    rows = exported.rows.iloc[:9]
    here, there = (Scorer(load_bundle(folder)).score(rows) for folder in (exported.folder, bundle_copy))
    assert here.equals(there)
    assert load_bundle(bundle_copy).identity == exported.summary.identity


def test_one_changed_byte_in_any_file_is_caught(bundle_copy: Path) -> None:
    files = [path for path in bundle_copy.rglob("*") if path.is_file()]
    assert len(files) >= 10
    for path in files:
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(UserError) as caught:
            load_bundle(bundle_copy)
        assert path.name in str(caught.value)
        assert "re-export" in str(caught.value)
        path.write_bytes(whole)
    load_bundle(bundle_copy)


def test_every_missing_file_is_named(bundle_copy: Path) -> None:
    for path in [path for path in bundle_copy.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        path.unlink()
        with pytest.raises(UserError) as caught:
            load_bundle(bundle_copy)
        assert path.name in str(caught.value)
        path.write_bytes(whole)


def test_an_extra_file_is_named(bundle_copy: Path) -> None:
    (bundle_copy / "encoder" / "more.parquet").touch()
    with pytest.raises(UserError, match=r"encoder/more\.parquet does not belong"):
        load_bundle(bundle_copy)
