"""One small trained-looking model, its encoder and its bundle, shared by the tests of serving."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import holdfast.serving.bundle_writer as bundle_writer
from holdfast.core.features import Feature, InputSchema
from holdfast.data.encoder import Encoder, EncoderSettings, fit_encoder
from holdfast.data.splits import Window
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.mixtures.mmoe import MMoE
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.fusion import WeightedProduct
from holdfast.serving.bundle import BundleSummary
from holdfast.serving.bundle_writer import write_bundle
from holdfast.serving.export_onnx import ExportedGraph, input_names

FEATURES = (
    Feature(name="user_id", kind="categorical", owner="user"),
    Feature(name="item_id", kind="categorical", owner="item", vocabulary="item"),
    Feature(name="subscriber", kind="categorical", owner="user"),
    Feature(name="age", kind="numeric", owner="user"),
    Feature(name="user_clicks_7d", kind="numeric", owner="user", scale="log"),
    Feature(name="tags", kind="multi_valued", owner="item", max_length=3),
    Feature(name="seen", kind="sequence", owner="user", vocabulary="item", max_length=5),
)


@dataclass(frozen=True)
class Exported:
    """What was exported, and where to."""

    model: Ranker
    encoder: Encoder
    fusion: WeightedProduct
    rows: pd.DataFrame
    summary: BundleSummary

    @property
    def folder(self) -> Path:
        return self.summary.folder


def raw_rows(num_rows: int) -> pd.DataFrame:
    """Raw rows: users with whole numbers as ids, items with text, lists of both, some values missing."""
    random = np.random.default_rng(5)
    items = np.array([f"item-{number}" for number in range(30)], dtype=object)
    rows = pd.DataFrame(
        {
            "user_id": random.integers(0, 40, num_rows),
            "item_id": pd.Series(random.choice(items, num_rows), dtype="str"),
            "subscriber": random.random(num_rows) < 0.3,
            "age": np.where(random.random(num_rows) < 0.1, np.nan, random.normal(40.0, 12.0, num_rows)),
            "user_clicks_7d": random.poisson(3.0, num_rows),
            "tags": [list(random.integers(0, 9, random.integers(0, 5))) for _ in range(num_rows)],
            "seen": [
                None if random.random() < 0.1 else random.choice(items, random.integers(0, 8))
                for _ in range(num_rows)
            ],
            "content_seconds": np.where(
                random.random(num_rows) < 0.3, np.nan, random.uniform(5, 400, num_rows)
            ),
        }
    )
    rows.index = pd.Index(random.permutation(num_rows) + 1000)
    return rows


def make_ranker(encoder: Encoder) -> Ranker:
    """All three heads on MMoE, with weights large enough that inputs matter."""
    model = build_ranker(
        encoder.schema,
        settings=RankerSettings(embedding_dim=8, embedding_scale=1.0, tower_widths=[16], dropout=0.2),
        mixture=MMoE(num_experts=3, expert_widths=[32, 16]),
        heads={"click": Bernoulli(), "dwell": CensoredLogNormal(), "retention": DiscreteHazard()},
        seed=3,
    )
    with torch.no_grad():
        for module in (*model.towers.values(), model.mixture):
            for weight in module.parameters():
                weight.mul_(1.8)
    return model


def bundle_arguments(exported_rows: pd.DataFrame, encoder: Encoder, model: Ranker) -> dict[str, Any]:
    """Arguments of ``write_bundle`` but the folder."""
    days = pd.date_range("2024-03-01", periods=4, freq="10D", tz="UTC")
    windows = {
        name: Window(name=name, start=days[index], end=days[index + 1], as_of=days[index + 1])
        for index, name in enumerate(("train", "validation", "test"))
    }
    return {
        "model": model,
        "fusion": WeightedProduct(),
        "fusion_description": {"name": "weighted_product", "weights": {"click": 1.0}},
        "encoder": encoder,
        "card": {"name": "made", "licence": "none"},
        "resolved_config_text": "seed: 3\n",
        "code_version": "abc123",
        "data_fingerprint": "f00d",
        "windows": windows,
        "sample_rows": exported_rows,
        "history_features": ["user_clicks_7d"],
    }


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    rows = raw_rows(400)
    encoder = fit_encoder(rows.iloc[:300], FEATURES, EncoderSettings())
    model = make_ranker(encoder)
    folder = tmp_path_factory.mktemp("serving") / "bundle"
    arguments = bundle_arguments(rows, encoder, model)
    summary = write_bundle(folder, **arguments)
    return Exported(model, encoder, arguments["fusion"], rows, summary)


@pytest.fixture
def bundle_copy(exported: Exported, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported.folder, tmp_path / "copy"))


@pytest.fixture
def export_by_copy(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares ``write_bundle`` the seconds of an export: the same model gives the same graph."""

    def copied(_model: object, _fusion: object, schema: InputSchema, path: Path) -> ExportedGraph:
        shutil.copy(exported.folder / "model.onnx", path)
        return ExportedGraph(input_names(schema), exported.summary.outputs, (path,))

    monkeypatch.setattr(bundle_writer, "export_onnx", copied)


@pytest.fixture
def write(exported: Exported) -> Callable[..., BundleSummary]:
    """``write_bundle`` with the arguments of the shared bundle, which may be replaced."""

    def write_with(folder: Path, **replaced: Any) -> BundleSummary:
        arguments = bundle_arguments(exported.rows, exported.encoder, exported.model)
        return write_bundle(folder, **(arguments | replaced))

    return write_with
