"""What every interaction in configs/model/interaction must do."""

from __future__ import annotations

import math
import pickle

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from torch import Tensor, nn

from holdfast.app.schema import TARGET, component_class
from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema, ListField
from holdfast.core.protocols import Interaction
from holdfast.core.representation import EmbeddedFields, FieldsShape
from holdfast.core.shipped import shipped_folder
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import RankerSettings, build_ranker

FILES = sorted((shipped_folder("configs") / "model" / "interaction").glob("*.yaml"))
SHAPE = FieldsShape(fields=("user", "item", "recent"), embedding_dim=4, num_numeric=2)
SCHEMA = InputSchema(
    categorical=("user", "item"),
    numeric=("age", "length"),
    lists=(ListField(name="recent", max_length=3, ordered=True, target="item"),),
    vocabulary_of={"user": "users", "item": "items", "recent": "items"},
    num_rows={"users": 20, "items": 9},
)


def read(path) -> Interaction:
    values = yaml.safe_load(path.read_text())
    return component_class(values.pop(TARGET))(**values)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def interaction(request) -> Interaction:
    return read(request.param)


def built(interaction: Interaction, seed: int = 0, shape: FieldsShape = SHAPE):
    torch.manual_seed(seed)
    return interaction.build(shape).eval()


def rows(number: int, shape: FieldsShape = SHAPE, dtype: torch.dtype = torch.float32) -> EmbeddedFields:
    generator = torch.Generator().manual_seed(number)
    vectors = torch.randn(number, len(shape.fields), shape.embedding_dim, generator=generator, dtype=dtype)
    return EmbeddedFields(vectors, torch.randn(number, shape.num_numeric, generator=generator, dtype=dtype))


def inputs(number: int) -> Inputs:
    generator = torch.Generator().manual_seed(number)
    return Inputs(
        torch.randint(0, 9, (number, 2), generator=generator, dtype=torch.int32),
        torch.randn(number, 2, generator=generator),
        (torch.randint(0, 9, (number, 3), generator=generator, dtype=torch.int32),),
        torch.full((number,), math.inf),
    )


def ranker(interaction: Interaction):
    return build_ranker(
        SCHEMA,
        settings=RankerSettings(embedding_dim=4, embedding_scale=1.0, tower_widths=[4]),
        interaction=interaction,
        mixture=SharedBottom(widths=[8]),
        heads={"click": Bernoulli(), "dwell": CensoredLogNormal()},
        seed=0,
    )


def test_all_are_found():
    assert {path.stem for path in FILES} >= {"none", "fm", "dcn_v2", "two_stream", "self_attention"}


def test_is_an_interaction_that_survives_pickling(interaction):
    assert isinstance(interaction, Interaction)
    assert pickle.loads(pickle.dumps(interaction)) == interaction


def test_gives_one_vector_a_row(interaction):
    module = built(interaction)
    for number in (0, 1, 5):
        assert module(rows(number)).shape == (number, module.output_width)


@pytest.mark.parametrize(
    ("names", "num_numeric"), [((), 3), (("item",), 0), (("item",), 1)], ids=["no ids", "one id", "one each"]
)
def test_few_inputs_are_enough(interaction, names, num_numeric):
    shape = FieldsShape(fields=names, embedding_dim=4, num_numeric=num_numeric)
    module = built(interaction, shape=shape)
    out = module(rows(5, shape))
    assert out.shape == (5, module.output_width)
    assert bool(torch.isfinite(out).all())


def test_a_row_does_not_see_the_others(interaction):
    module, five = built(interaction), rows(5)
    alone = EmbeddedFields(five.vectors[2:3], five.numeric[2:3])
    torch.testing.assert_close(module(five)[2:3], module(alone))


def test_the_seed_decides_the_weights(interaction):
    if not list(built(interaction).parameters()):
        assert torch.equal(built(interaction)(rows(4)), built(interaction, seed=1)(rows(4)))
        return
    assert torch.equal(built(interaction)(rows(4)), built(interaction)(rows(4)))
    first, other = (
        torch.cat([each.flatten() for each in built(interaction, seed).parameters()]) for seed in (0, 1)
    )
    assert not torch.equal(first, other)


def test_every_weight_and_every_input_gets_a_gradient(interaction):
    module, many = built(interaction), rows(64)
    many.vectors.requires_grad_()
    many.numeric.requires_grad_()
    torch.randn(64, module.output_width).mul(module(many)).sum().backward()
    for name, parameter in (*module.named_parameters(), ("vectors", many.vectors), ("numeric", many.numeric)):
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name
    assert bool((many.vectors.grad != 0).flatten(2).any(2).any(0).all()), "a field takes no part"
    assert bool((many.numeric.grad != 0).any(0).all()), "a number takes no part"


def test_gradients_are_right_in_double_precision(interaction):
    module, few = built(interaction).double(), rows(3, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda vectors, numeric: module(EmbeddedFields(vectors, numeric)),
        (few.vectors.requires_grad_(), few.numeric.requires_grad_()),
    )


def test_half_precision_gives_nearly_the_same_and_finite_gradients(interaction):
    model, batch = ranker(interaction), inputs(32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(batch)
    for objective, full in model(batch).items():
        assert half[objective].dtype == torch.float32
        torch.testing.assert_close(half[objective], full, rtol=0.05, atol=0.05)
    sum(each.sum() for each in half.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        values = parameter.grad.coalesce().values() if parameter.grad.is_sparse else parameter.grad
        assert bool(torch.isfinite(values).all()), name


class AllTogether(nn.Module):
    """All interactions as one function of tensors: one export instead of one each, of seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.interactions = nn.ModuleList(built(read(path)) for path in FILES)

    def forward(self, vectors: Tensor, numeric: Tensor) -> tuple[Tensor, ...]:
        return tuple(module(EmbeddedFields(vectors, numeric)) for module in self.interactions)


def test_exports_with_parity(tmp_path):
    together, batch = AllTogether().eval(), torch.export.Dim("batch")
    four = rows(4)
    with torch.no_grad():
        program = torch.onnx.export(
            together,
            (four.vectors, four.numeric),
            dynamo=True,
            dynamic_shapes=({0: batch}, {0: batch}),
            input_names=["vectors", "numeric"],
            verbose=False,
        )
    program.save(str(tmp_path / "model.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for number in (1, 7):
        given = rows(number)
        fed = {"vectors": given.vectors.numpy(), "numeric": given.numeric.numpy()}
        with torch.no_grad():
            expected = together(given.vectors, given.numeric)
        found = session.run(None, fed)
        assert len(found) == len(FILES)
        for path, one, other in zip(FILES, found, expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-4, atol=1e-5, err_msg=path.stem)
