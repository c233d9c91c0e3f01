"""Writes a bundle: a whole folder, or nothing."""

from __future__ import annotations

import platform
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from holdfast.core.errors import UserError
from holdfast.core.files import whole_folder, write_json, write_text
from holdfast.core.protocols import Fusion
from holdfast.data.splits import Window
from holdfast.models.fitted import state_of
from holdfast.serving.bundle import (
    CONFIG_FILE,
    ENCODER_FOLDER,
    MODEL_FILE,
    README_FILE,
    SAMPLE_EXPECTED_FILE,
    SAMPLE_ROWS_FILE,
    SIGNATURE_FILE,
    Bundle,
    BundleSummary,
)
from holdfast.serving.eager import eager_outputs
from holdfast.serving.export_onnx import OPSET, ExportedGraph, export_onnx
from holdfast.serving.integrity import MANIFEST_FILE, seal
from holdfast.serving.probes import num_probes, probe_rows
from holdfast.serving.scorer import open_session, outputs_frame
from holdfast.serving.signature import signature_of

if TYPE_CHECKING:
    from holdfast.data.encoder import Encoder
    from holdfast.models.ranker import Ranker

_PLAIN_SAMPLE_ROWS = 100
_UNITS = {
    "_probability": "probability",
    "_by_day": "probability",
    "_hazard": "probability",
    "_seconds": "seconds",
    "_log_mean": "log seconds",
    "_log_scale": "log seconds",
}
_README = """\
A ranking model exported by Holdfast.

  model.onnx      heads and fusion, for any number of rows
  encoder/        turns raw rows into the model's inputs
  manifest.json   hashes, versions, windows, heads, fusion; its own hash is in manifest.sha256
  signature.json  inputs and outputs of the model, and the columns of a raw row
  config.yaml     configuration of the run
  sample/         raw rows, and the outputs that the PyTorch model gave for them
  reference/      what columns, predictions and outcomes were like; holdfast monitor compares with it

Check it:   holdfast export --check <this folder>
Score rows: Scorer(load_bundle(folder)).score(rows); see holdfast.serving.bundle and holdfast.serving.scorer
"""


def write_bundle(
    folder: Path,
    *,
    model: Ranker,
    fusion: Fusion,
    fusion_description: Mapping[str, Any],
    encoder: Encoder,
    card: Mapping[str, Any],
    resolved_config_text: str,
    code_version: str,
    data_fingerprint: str,
    windows: Mapping[str, Window],
    sample_rows: pd.DataFrame,
    history_features: Collection[str] = (),
    add_reference: Callable[[Bundle], None] | None = None,
) -> BundleSummary:
    """Export a model with all that is needed to serve it; an earlier bundle in ``folder`` is replaced.

    Args:
        folder: where the bundle goes.
        model: the trained ranker.
        fusion: makes one score of the heads' scores.
        fusion_description: its name and settings, plain containers.
        encoder: fitted on the training window.
        card: the dataset card, plain containers.
        resolved_config_text: the run's configuration as YAML.
        code_version: of the code that trained the model.
        data_fingerprint: of the log that it was trained on.
        windows: of the run, by name; what the model may know ended at the ``as_of`` of ``train``.
        sample_rows: raw rows, at least one, of which some are kept in the bundle with the expected outputs.
        history_features: features that are trailing counts and rates, which whoever serves must keep.
        add_reference: writes ``reference_folder`` of a bundle that scores already and is not sealed yet.

    Raises:
        UserError: the folder cannot be written, or holds something that is not a bundle.
        ValueError: there are no sample rows, or they lack a feature.
        RuntimeError: the model cannot be expressed in ONNX.
    """
    _refuse_to_replace(folder)
    manifest = {
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(code_version),
        "data": {"fingerprint": data_fingerprint, "card": dict(card)},
        "windows": {name: window.to_dict() for name, window in windows.items()},
        "known_until": windows["train"].as_of.isoformat() if "train" in windows else None,
        "heads": _describe_heads(model),
        "calibration": None if model.calibration is None else model.calibration.to_dict(),
        "fusion": dict(fusion_description),
    }
    sample = _sample(model, fusion, encoder, sample_rows)
    try:
        with whole_folder(folder) as temporary:
            graph = export_onnx(model, fusion, encoder.schema, temporary / MODEL_FILE)
            signature = signature_of(
                open_session(temporary / MODEL_FILE),
                encoder.schema,
                encoder.features,
                sample_rows,
                history_features=history_features,
            )
            encoder.save(temporary / ENCODER_FOLDER)
            write_json(temporary / SIGNATURE_FILE, signature)
            write_text(temporary / CONFIG_FILE, resolved_config_text)
            write_text(temporary / README_FILE, _README)
            _write_sample(temporary, *sample)
            if add_reference is not None:
                add_reference(Bundle(temporary, "", manifest, signature))
            identity = seal(temporary, manifest)
    except OSError as error:
        raise UserError(
            f"the bundle could not be written to {folder}: {error.strerror or error}; "
            "choose a folder that may be written and has room, or free it"
        ) from error
    return _summary(folder, identity, graph)


def _sample(
    model: Ranker, fusion: Fusion, encoder: Encoder, rows: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Raw rows that ask much of a bundle, and the outputs that PyTorch gives for them."""
    probes = probe_rows(rows, encoder.features, num_rows=num_probes(encoder.features) + _PLAIN_SAMPLE_ROWS)
    return probes, outputs_frame(eager_outputs(model, fusion, encoder.transform(probes)))


def _write_sample(folder: Path, probes: pd.DataFrame, expected: pd.DataFrame) -> None:
    (folder / SAMPLE_ROWS_FILE).parent.mkdir()
    probes.to_parquet(folder / SAMPLE_ROWS_FILE, index=False)
    expected.to_parquet(folder / SAMPLE_EXPECTED_FILE, index=False)


def _summary(folder: Path, identity: str, graph: ExportedGraph) -> BundleSummary:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return BundleSummary(
        folder=folder,
        identity=identity,
        num_files=len(files),
        size_bytes=sum(path.stat().st_size for path in files),
        outputs=graph.outputs,
    )


def _refuse_to_replace(folder: Path) -> None:
    """Writing a folder removes what was there before: never somebody's own files."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MANIFEST_FILE).is_file():
        raise UserError(
            f"{folder} holds files and is no bundle; choose an empty or a new folder for the bundle"
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; choose a new folder for the bundle")


def _versions(code_version: str) -> dict[str, Any]:
    libraries = ("torch", "onnx", "onnxruntime", "numpy", "pandas", "pyarrow")
    return {
        "code": code_version,
        "holdfast": version("holdfast"),
        "python": platform.python_version(),
        "onnx_opset": OPSET,
        **{name: version(name) for name in libraries},
    }


def _describe_heads(model: Ranker) -> dict[str, Any]:
    """Each objective's outputs with their units and numbers a row, which of them ranks, and what was fitted.

    The graph holds what was fitted as constants; here it says what the columns of an output stand for.
    """
    described = {}
    for objective, head in model.heads.items():
        outputs = head.predict(torch.zeros(2, head.num_parameters), torch.ones(2))
        described[objective] = {
            "head": type(head).__name__,
            "score": head.score,
            "outputs": {
                name: {"unit": _unit_of(name), "steps": each[0].numel()} for name, each in outputs.items()
            },
            "fitted": state_of(head),
        }
    return described


def _unit_of(output: str) -> str | None:
    """Outputs carry their unit in their name; None where the name says nothing."""
    return next((unit for ending, unit in _UNITS.items() if output.endswith(ending)), None)
