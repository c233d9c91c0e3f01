"""What every fusion keeps to; those in the tree of settings are found by themselves."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import yaml

from holdfast.app.schema import TARGET, component_class
from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.core.fitted_state import restored, state_of
from holdfast.core.protocols import FittedFusion, Fusion
from holdfast.core.scored_rows import ScoredRows
from holdfast.core.shipped import shipped_folder
from holdfast.models.calibration.fitting import HeadRows, fit_calibration
from holdfast.models.calibration.settings import CalibrationSettings
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.heads.zero_inflated_log_normal import ZeroInflatedLogNormal
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.serving.export_onnx import export_onnx

FILES = sorted((shipped_folder("configs") / "fusion").glob("*.yaml"))
CALIBRATIONS = sorted((shipped_folder("configs") / "calibration").glob("*.yaml"))
SCHEMA = InputSchema(
    categorical=("item", "market"),
    numeric=("age",),
    vocabulary_of={"item": "item", "market": "market"},
    num_rows={"item": 40, "market": 6},
)
HEADS = {"click": Bernoulli(), "dwell": ZeroInflatedLogNormal(), "retention": DiscreteHazard(horizon_days=3)}
ROWS = 240


def component(path: Path, **changes: Any) -> Any:
    values = yaml.safe_load(path.read_text()) | changes
    return component_class(values.pop(TARGET))(**values)


def fusion_of(path: Path) -> Any:
    values = yaml.safe_load(path.read_text())
    return component(path, **({"segment": "market"} if "segment" in values else {}))


def columns(random: np.random.Generator) -> tuple[dict[str, np.ndarray], Inputs]:
    scores = {
        "click": random.uniform(0.01, 0.4, ROWS),
        "dwell": random.uniform(5.0, 90.0, ROWS),
        "retention": random.uniform(0.2, 0.9, ROWS),
    }
    market = np.repeat(random.integers(0, 6, ROWS // 4), 4)
    categorical = np.stack([random.integers(0, 40, ROWS), market], axis=1).astype(np.int32)
    content = torch.as_tensor(random.uniform(10.0, 100.0, ROWS).astype(np.float32))
    numeric = torch.as_tensor(random.normal(size=(ROWS, 1)).astype(np.float32))
    return scores, Inputs(torch.as_tensor(categorical), numeric, (), content)


def rows_of(scores: dict[str, np.ndarray], inputs: Inputs, order: np.ndarray | None = None) -> ScoredRows:
    order = np.arange(ROWS) if order is None else order
    random = np.random.default_rng(7)
    gains = {
        "click": (random.random(ROWS) < scores["click"]).astype(float),
        "dwell": random.exponential(scores["dwell"]),
        "retention": scores["retention"],
    }
    request = np.arange(ROWS) // 4
    return ScoredRows(
        scores={name: each[order] for name, each in scores.items()},
        gains={name: each[order] for name, each in gains.items()},
        request=request[order],
        user=request[order] // 3,
        categorical=inputs.categorical.numpy()[order],
        schema=SCHEMA,
    )


def ready(path: Path) -> tuple[Fusion, dict[str, np.ndarray], Inputs]:
    scores, inputs = columns(np.random.default_rng(0))
    fusion = fusion_of(path)
    return (
        (fusion.fitted(rows_of(scores, inputs)), scores, inputs)
        if isinstance(fusion, FittedFusion)
        else (fusion, scores, inputs)
    )


def tensors(scores: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.as_tensor(each) for name, each in scores.items()}


def test_the_tree_holds_what_it_is_thought_to_hold():
    assert [path.stem for path in FILES] == [
        "constrained",
        "learned",
        "per_segment",
        "weighted_product",
        "weighted_sum",
    ]
    assert [path.stem for path in CALIBRATIONS] == ["beta", "isotonic", "none", "temperature"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rows_are_fused_one_by_one(path):
    fusion, scores, inputs = ready(path)
    fused = fusion.fuse(tensors(scores), inputs)
    assert fused.shape == (ROWS,)
    assert torch.isfinite(fused).all()
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(0))
    moved = Inputs(inputs.categorical[order], inputs.numeric[order], (), inputs.content_seconds[order])
    again = fusion.fuse({name: each[order] for name, each in tensors(scores).items()}, moved)
    torch.testing.assert_close(again, fused[order])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_fusion_survives_pickling_and_json(path):
    fusion, scores, inputs = ready(path)
    expected = fusion.fuse(tensors(scores), inputs)
    assert torch.equal(pickle.loads(pickle.dumps(fusion)).fuse(tensors(scores), inputs), expected)
    loaded = restored(fusion_of(path), json.loads(json.dumps(state_of(fusion))))
    assert torch.equal(loaded.fuse(tensors(scores), inputs), expected)


FITTED = [path for path in FILES if "weighted" not in path.stem]


@pytest.mark.parametrize("path", FITTED, ids=lambda path: path.stem)
def test_what_is_learned_does_not_depend_on_the_order_of_rows(path):
    scores, inputs = columns(np.random.default_rng(0))
    fusion = fusion_of(path)
    order = np.random.default_rng(1).permutation(ROWS)
    one, other = (fusion.fitted(rows_of(scores, inputs, each)) for each in (None, order))
    assert dict(one.weights) == pytest.approx(dict(other.weights))
    assert one.notes
    assert fusion.notes is None
    assert all(weight >= 0.0 for _, weight in one.weights)


def ranker_with(calibration: CalibrationSettings) -> Ranker:
    ranker = build_ranker(
        SCHEMA,
        settings=RankerSettings(embedding_dim=4, embedding_scale=1.0, tower_widths=[8]),
        mixture=SharedBottom(widths=[8]),
        heads=HEADS,
        seed=0,
    ).eval()
    _, inputs = columns(np.random.default_rng(0))
    random = np.random.default_rng(3)
    with torch.inference_mode():
        outputs = {name: each.numpy() for name, each in ranker.predict(inputs).items()}
    days = outputs["return_by_day"].astype(float)
    click, dwell = (outputs[HEADS[name].score].astype(float)[:, None] for name in ("click", "dwell"))
    drawn = random.random((ROWS, 1))
    rows = [
        HeadRows(
            objective=name,
            output=HEADS[name].score,
            predicted=predicted,
            observed=observed,
            weight=np.ones(ROWS),
            content_seconds=content,
        )
        for name, predicted, observed, content in (
            ("click", click, (drawn < 0.7 * click).astype(float), None),
            (
                "dwell",
                dwell,
                1.3 * dwell * random.uniform(0.5, 1.5, (ROWS, 1)),
                inputs.content_seconds.numpy(),
            ),
            ("retention", days, (drawn < days**1.2).astype(float), None),
        )
    ]
    categorical = inputs.categorical.numpy()
    ranker.calibration = fit_calibration(calibration, rows, categorical=categorical, schema=SCHEMA)
    return ranker


PAIRS = [
    ("learned", "beta", ""),
    ("per_segment", "isotonic", "market"),
    ("constrained", "temperature", "market"),
]


@pytest.mark.parametrize(("fusion", "calibration", "by"), PAIRS)
def test_the_exported_graph_gives_the_same_numbers(fusion, calibration, by, tmp_path):
    # Every fusion and calibration that is fitted is in one of the pairs; tests/serving export the others.
    assert {each for each, _, _ in PAIRS} >= {path.stem for path in FITTED}
    assert {each for _, each, _ in PAIRS} == {path.stem for path in CALIBRATIONS} - {"none"}
    folder = shipped_folder("configs")
    settings = component(folder / "calibration" / f"{calibration}.yaml", slice=by, shrinkage_rows=20.0)
    ranker = ranker_with(settings)
    fused, _, inputs = ready(folder / "fusion" / f"{fusion}.yaml")
    with torch.inference_mode():
        outputs = ranker.predict(inputs)
        expected = {**outputs, "score": fused.fuse(ranker.scores_of(outputs), inputs)}
    graph = export_onnx(ranker, fused, SCHEMA, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    given = {
        "categorical": inputs.categorical.numpy(),
        "numeric": inputs.numeric.numpy(),
        "content_seconds": inputs.content_seconds.numpy(),
    }
    found = dict(zip(graph.outputs, session.run(None, given), strict=True))
    assert set(found) == set(expected)
    for name, each in expected.items():
        scale = np.maximum(1.0, np.abs(each.numpy()))
        assert (np.abs(found[name] - each.numpy()) / scale).max() <= 1e-5, name
    one = session.run(None, {name: each[:1] for name, each in given.items()})
    np.testing.assert_allclose(one[-1], found["score"][:1], rtol=1e-5)


@pytest.mark.parametrize("calibration", ["temperature", "isotonic", "beta"])
def test_calibration_keeps_the_order_of_every_head(calibration):
    path = shipped_folder("configs") / "calibration" / f"{calibration}.yaml"
    ranker = ranker_with(component(path))
    _, inputs = columns(np.random.default_rng(5))
    uncapped = Inputs(
        inputs.categorical, inputs.numeric, (), torch.full_like(inputs.content_seconds, torch.inf)
    )
    with torch.inference_mode():
        after = ranker.scores(uncapped)
        ranker.calibration = None
        before = ranker.scores(uncapped)
    for name, each in before.items():
        assert not torch.equal(each, after[name])
        order = each.argsort(stable=True)
        # In single precision two neighbours may meet; none may pass another.
        assert (after[name][order].diff() >= 0.0).all()
    with torch.inference_mode():
        days = ranker_with(component(path)).predict(uncapped)["return_by_day"]
    assert (days.diff(dim=1) >= 0.0).all()
