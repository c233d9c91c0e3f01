from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from holdfast.core.errors import UserError
from holdfast.serving.bundle import load_bundle
from holdfast.serving.bundle_scorer import BundleScorer
from holdfast.serving.eager import EagerScorer, eager_outputs

if TYPE_CHECKING:
    from conftest import Exported


def test_scores_are_those_of_the_model(exported: Exported) -> None:
    expected = eager_outputs(exported.model, exported.fusion, exported.encoder.transform(exported.rows))
    scorer = EagerScorer(exported.model, exported.fusion, exported.encoder, device="cpu")
    scores = scorer(exported.rows)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, expected["score"], rtol=1e-6)
    assert scores.std() > 0.01
    np.testing.assert_array_equal(scorer(exported.rows), scores)


@pytest.mark.parametrize("chunk_rows", [7, 400, 10_000])
def test_chunks_change_nothing(exported: Exported, chunk_rows: int) -> None:
    expected = eager_outputs(exported.model, exported.fusion, exported.encoder.transform(exported.rows))
    eager = EagerScorer(exported.model, exported.fusion, exported.encoder, chunk_rows=chunk_rows)
    bundle = BundleScorer(load_bundle(exported.folder), chunk_rows=chunk_rows)
    for found in (eager.outputs(exported.rows), bundle.outputs(exported.rows)):
        assert list(found) == list(expected)
        for name, values in expected.items():
            assert found[name].shape == values.shape, name
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-6, err_msg=name)


def test_no_rows_give_every_output_without_rows(exported: Exported) -> None:
    none = exported.rows.iloc[:0]
    eager = EagerScorer(exported.model, exported.fusion, exported.encoder)
    bundle = BundleScorer(load_bundle(exported.folder))
    assert eager(none).shape == bundle(none).shape == (0,)
    shapes = {name: each.shape for name, each in eager.outputs(none).items()}
    assert shapes == {name: each.shape for name, each in bundle.outputs(none).items()}
    assert shapes["return_by_day"][0] == 0 < shapes["return_by_day"][1]


def test_the_model_is_left_alone_and_may_be_trained_further(exported: Exported) -> None:
    model = copy.deepcopy(exported.model)
    model.train()
    model.towers["click"].eval()
    modes = [module.training for module in model.modules()]
    scorer = EagerScorer(model, exported.fusion, exported.encoder)
    before = scorer(exported.rows)
    assert [module.training for module in model.modules()] == modes
    assert all(each.requires_grad for each in model.parameters())
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    np.testing.assert_array_equal(scorer(exported.rows), before)


def test_a_bundle_scores_like_the_model_it_was(exported: Exported) -> None:
    bundle = BundleScorer(load_bundle(exported.folder), num_threads=2, device="cpu")
    eager = EagerScorer(exported.model, exported.fusion, exported.encoder, device="cpu")
    scores = bundle(exported.rows)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, eager(exported.rows), rtol=1e-5)


def test_impossible_settings_are_refused(exported: Exported) -> None:
    parts = exported.model, exported.fusion, exported.encoder
    with pytest.raises(ValueError, match="chunk_rows is 0"):
        EagerScorer(*parts, chunk_rows=0)
    with pytest.raises(ValueError, match=r"device is 'toaster'.*try cpu"):
        EagerScorer(*parts, device="toaster")
    bundle = load_bundle(exported.folder)
    with pytest.raises(ValueError, match="chunk_rows is 0"):
        BundleScorer(bundle, chunk_rows=0)
    with pytest.raises(ValueError, match="device is 'toaster'; choose one of cpu, cuda, auto"):
        BundleScorer(bundle, device="toaster")  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so nothing is refused")
def test_a_gpu_that_is_not_there_is_refused(exported: Exported) -> None:
    with pytest.raises(ValueError, match=r"device is 'cuda'.*try cpu"):
        EagerScorer(exported.model, exported.fusion, exported.encoder, device="cuda")
    with pytest.raises(ValueError, match=r"device is 'cuda'.*or take cpu"):
        BundleScorer(load_bundle(exported.folder), device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_same_scores(exported: Exported) -> None:
    parts = exported.model, exported.fusion, exported.encoder
    scorer = EagerScorer(*parts)
    assert scorer.device.type == "cuda"
    np.testing.assert_allclose(
        scorer(exported.rows), EagerScorer(*parts, device="cpu")(exported.rows), rtol=1e-4
    )


def test_rows_that_lack_a_column_are_refused(exported: Exported) -> None:
    scorer = EagerScorer(exported.model, exported.fusion, exported.encoder)
    with pytest.raises(UserError, match=r"no column for the features \['age'\]"):
        scorer(exported.rows.drop(columns="age"))
