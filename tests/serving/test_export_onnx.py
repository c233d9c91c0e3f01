"""The graph gives what the model gives, for any number of rows."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.mixtures.mmoe import MMoE
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.objectives.fusion import WeightedProduct
from holdfast.serving.export_onnx import OPSET, export_onnx, input_names

if TYPE_CHECKING:
    from conftest import Exported

NUMBERS_ONLY = InputSchema(categorical=(), numeric=("age",))


def small_ranker(*, click_output: str = "click_probability") -> Ranker:
    return build_ranker(
        NUMBERS_ONLY,
        settings=RankerSettings(tower_widths=[64], dropout=0.5),
        mixture=MMoE(num_experts=2, expert_widths=[32]),
        heads={"click": Bernoulli(output=click_output), "dwell": CensoredLogNormal()},
        seed=1,
    )


def random_inputs(schema: InputSchema, num_rows: int) -> Inputs:
    """Every id of every vocabulary, missing and unknown included; half of the content without an end."""
    random = torch.Generator().manual_seed(num_rows)

    def ids(name: str, width: int) -> Tensor:
        top = schema.num_rows[schema.vocabulary_of[name]]
        return torch.randint(0, top, (num_rows, width), generator=random, dtype=torch.int32)

    columns = [ids(name, 1) for name in schema.categorical]
    content = torch.rand(num_rows, generator=random) * 300
    content[::2] = math.inf
    return Inputs(
        torch.cat(columns, 1) if columns else torch.zeros((num_rows, 0), dtype=torch.int32),
        torch.randn((num_rows, len(schema.numeric)), generator=random),
        tuple(ids(field.name, field.max_length) for field in schema.lists),
        content,
    )


def run(path: Path, schema: InputSchema, inputs: Inputs) -> dict[str, np.ndarray]:
    """The graph's outputs, called without anything of Holdfast's."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = {"categorical": inputs.categorical, "numeric": inputs.numeric}
    given |= {f"list_{each.name}": ids for each, ids in zip(schema.lists, inputs.lists, strict=True)}
    given |= {"content_seconds": inputs.content_seconds}
    feed = {each.name: given[each.name].numpy() for each in session.get_inputs()}
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, feed), strict=True))


@pytest.mark.parametrize("num_rows", [1, 2, 7, 500])
def test_the_graph_agrees_with_the_model(exported: Exported, num_rows: int) -> None:
    schema = exported.encoder.schema
    inputs = random_inputs(schema, num_rows)
    outputs = run(exported.folder / "model.onnx", schema, inputs)
    model = copy.deepcopy(exported.model).eval()
    with torch.no_grad():
        expected = model.predict(inputs)
        expected["score"] = exported.fusion.fuse(model.scores(inputs))
    assert list(outputs) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(outputs[name], values.numpy(), rtol=1e-5, atol=1e-5, err_msg=name)
        assert np.isfinite(outputs[name]).all()


def test_inputs_and_outputs_keep_their_names_types_and_free_batch_axis(exported: Exported) -> None:
    path = exported.folder / "model.onnx"
    schema = exported.encoder.schema
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = {each.name: (each.type, each.shape[1:]) for each in session.get_inputs()}
    assert inputs == {
        "categorical": ("tensor(int32)", [3]),
        "numeric": ("tensor(float)", [len(schema.numeric)]),
        "list_tags": ("tensor(int32)", [3]),
        "list_seen": ("tensor(int32)", [5]),
        "content_seconds": ("tensor(float)", []),
    }
    assert tuple(inputs) == input_names(schema)
    eager = [name for names in exported.model.output_names.values() for name in names]
    assert [each.name for each in session.get_outputs()] == [*eager, "score"]
    assert exported.summary.outputs == (*eager, "score")
    for each in (*session.get_inputs(), *session.get_outputs()):
        assert isinstance(each.shape[0], str), each.name
    assert [each.version for each in onnx.load(path).opset_import if each.domain == ""] == [OPSET]


def test_a_schema_of_numbers_alone_and_weights_in_a_file_of_their_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    model = small_ranker().train()
    before = copy.deepcopy(model.state_dict())
    path = tmp_path / "model.onnx"
    graph = export_onnx(model, WeightedProduct(), NUMBERS_ONLY, path, largest_single_file=100)
    # The model is left as it was, and the exporter has nothing to say.
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
    # A kind of input of which the schema has none is no input of the graph.
    assert graph.inputs == ("numeric", "content_seconds")
    assert graph.files == (path, tmp_path / "model.onnx.data")
    assert sorted(tmp_path.iterdir()) == sorted(graph.files)
    inputs = random_inputs(NUMBERS_ONLY, 5)
    with torch.no_grad():
        expected = model.eval().predict(inputs)["dwell_seconds"]
    np.testing.assert_allclose(run(path, NUMBERS_ONLY, inputs)["dwell_seconds"], expected.numpy(), rtol=1e-5)


@pytest.mark.parametrize("name", ["score", "content_seconds"])
def test_an_output_with_the_name_of_another_thing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        export_onnx(small_ranker(click_output=name), WeightedProduct(), NUMBERS_ONLY, tmp_path / "model.onnx")


@pytest.mark.slow
def test_what_onnx_cannot_express_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    class Branching:
        def fuse(self, scores: Mapping[str, Tensor], inputs: Inputs | None = None) -> Tensor:
            click = scores["click"]
            return click if click.sum().item() > 0 else -click

    with pytest.raises(RuntimeError, match="could not be exported to ONNX"):
        export_onnx(small_ranker(), Branching(), NUMBERS_ONLY, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
