"""The bundle: an exported model with all that is needed to serve it and to see that it is intact.

docs/bundle.md describes the layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.core.files import read_json
from holdfast.serving.integrity import verified_manifest

MODEL_FILE = "model.onnx"
ENCODER_FOLDER = "encoder"
SIGNATURE_FILE = "signature.json"
CONFIG_FILE = "config.yaml"
README_FILE = "README.txt"
SAMPLE_ROWS_FILE = "sample/rows.parquet"
SAMPLE_EXPECTED_FILE = "sample/expected.parquet"
REFERENCE_FOLDER = "reference"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte was checked.

    Attributes:
        folder: where it lies.
        identity: hash of its manifest, and through it of every file: the version to log with an exposure.
        manifest: see docs/bundle.md.
        signature: see docs/bundle.md.
    """

    folder: Path
    identity: str
    manifest: Mapping[str, Any]
    signature: Mapping[str, Any]

    @property
    def model_path(self) -> Path:
        """The ONNX graph."""
        return self.folder / MODEL_FILE

    @property
    def encoder_folder(self) -> Path:
        """What ``data.encoder.load_encoder`` reads."""
        return self.folder / ENCODER_FOLDER

    @property
    def reference_folder(self) -> Path:
        """What later days are watched against; absent in a bundle that was exported without it."""
        return self.folder / REFERENCE_FOLDER

    def sample(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Raw rows, and the outputs that the PyTorch model gave for them when it was exported."""
        rows = pd.read_parquet(self.folder / SAMPLE_ROWS_FILE)
        return rows, pd.read_parquet(self.folder / SAMPLE_EXPECTED_FILE)


@dataclass(frozen=True)
class BundleSummary:
    """What was written.

    Attributes:
        folder: where the bundle lies.
        identity: hash of its manifest.
        num_files: files in it.
        size_bytes: of all of them.
        outputs: names of the model's outputs, ``score`` the last.
    """

    folder: Path
    identity: str
    num_files: int
    size_bytes: int
    outputs: tuple[str, ...]


def load_bundle(folder: Path) -> Bundle:
    """Check every byte of a bundle and open it.

    Raises:
        UserError: there is none, it has a newer layout, or a file is missing, extra or changed.
    """
    manifest, identity = verified_manifest(folder)
    return Bundle(folder, identity, manifest, read_json(folder / SIGNATURE_FILE))
