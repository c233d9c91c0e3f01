"""The bundle says what the PyTorch model says, or the report says that it does not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import torch

from holdfast.core.errors import UserError
from holdfast.objectives.fusion import WeightedSum
from holdfast.serving.integrity import MANIFEST_FILE, seal
from holdfast.serving.parity import check_parity, verify_bundle

if TYPE_CHECKING:
    from conftest import Exported


def test_the_bundle_agrees_with_the_model_at_every_batch_size(exported: Exported) -> None:
    report = check_parity(exported.folder, exported.model, exported.encoder, exported.fusion, exported.rows)
    assert report.passed, report.summary()
    assert list(report.per_batch_size) == [1, 7, 500]
    assert report.tolerance == 1e-5
    assert report.num_rows == 2 * len(exported.encoder.features) + 4 + 100
    outputs = set(report.per_output)
    assert {"click_probability", "dwell_seconds", "return_probability", "score"} <= outputs
    assert {f"return_by_day_{day}" for day in range(1, 8)} <= outputs
    # Everything up to 1 agrees absolutely; seconds are what the absolute difference comes from.
    for name in ("click_probability", "return_probability", "return_hazard_3"):
        assert report.per_output[name].absolute <= 1e-5
    assert report.max_scaled_difference <= report.max_absolute_difference
    assert "agree on" in report.summary()


def test_few_rows_are_enough(exported: Exported) -> None:
    report = check_parity(
        exported.folder,
        exported.model,
        exported.encoder,
        exported.fusion,
        exported.rows.iloc[:1],
        batch_sizes=[500],
    )
    assert report.passed


def test_another_model_is_told_apart(exported: Exported) -> None:
    other = copy.deepcopy(exported.model)
    with torch.no_grad():
        other.towers["click"][-1].bias.add_(1e-3)
    report = check_parity(
        exported.folder, other, exported.encoder, exported.fusion, exported.rows, batch_sizes=[7]
    )
    assert not report.passed
    apart = {name for name, each in report.per_output.items() if each.scaled > report.tolerance}
    assert apart == {"click_probability", "score"}
    assert "DISAGREE" in report.summary()


def test_another_fusion_is_told_apart(exported: Exported) -> None:
    report = check_parity(
        exported.folder, exported.model, exported.encoder, WeightedSum(), exported.rows, batch_sizes=[7]
    )
    assert {name for name, each in report.per_output.items() if each.scaled > 1e-5} == {"score"}


def test_the_model_stays_in_training_mode(exported: Exported) -> None:
    model = copy.deepcopy(exported.model)
    model.train()
    assert check_parity(
        exported.folder, model, exported.encoder, exported.fusion, exported.rows, batch_sizes=[7]
    ).passed
    assert all(module.training for module in model.modules())


def test_a_bundle_checks_itself(exported: Exported) -> None:
    report = verify_bundle(exported.folder)
    assert report.passed, report.summary()
    assert list(report.per_batch_size) == [1, 7, 500]


def test_a_bundle_whose_graph_was_exchanged_and_sealed_again_disagrees(bundle_copy: Path) -> None:
    expected = bundle_copy / "sample" / "expected.parquet"
    frame = pd.read_parquet(expected)
    frame.loc[3, "score"] += 1e-3
    frame.to_parquet(expected, index=False)
    with pytest.raises(UserError, match=r"sample/expected\.parquet"):
        verify_bundle(bundle_copy)
    manifest: dict[str, Any] = json.loads((bundle_copy / MANIFEST_FILE).read_text())
    seal(bundle_copy, manifest)
    report = verify_bundle(bundle_copy, batch_sizes=[7])
    assert not report.passed
    assert {name for name, each in report.per_output.items() if each.scaled > 1e-5} == {"score"}
