"""What every sequence encoder keeps, found by its configuration.

B rows, L events, W embedding width.
"""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from torch import Tensor, nn

from holdfast.app.schema import component_class
from holdfast.core.protocols import SequenceEncoder, SequenceModule
from holdfast.core.shipped import shipped_folder
from holdfast.models.sequences.target_attention import TargetAttention

CONFIGS = sorted(shipped_folder("configs").glob("model/sequence/*.yaml"))
LENGTH, WIDTH = 5, 4
LENGTHS = torch.tensor([5, 3, 1, 0, 2])


def encoder_of(path: Path) -> SequenceEncoder:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    made = component_class(values.pop("_target_"))(**values)
    assert isinstance(made, SequenceEncoder)
    return made


ENCODERS: dict[str, SequenceEncoder] = {path.stem: encoder_of(path) for path in CONFIGS} | {
    "normalised": TargetAttention(softmax=True)
}


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest) -> SequenceEncoder:
    return ENCODERS[request.param]


def module_of(encoder: SequenceEncoder, *, length: int = LENGTH) -> SequenceModule:
    torch.manual_seed(3)
    return encoder.build(length, WIDTH).eval()


def inputs(*, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    shape = (len(LENGTHS), LENGTH, WIDTH)
    events = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    gaps = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    target = torch.randn((len(LENGTHS), WIDTH), generator=generator, dtype=torch.float64).to(dtype)
    return events, torch.arange(LENGTH) < LENGTHS.unsqueeze(1), target, gaps


def value_and_gradients(module: SequenceModule, *given: Tensor) -> tuple[Tensor, list[Tensor]]:
    events, present, target, gaps = given
    leaves = [each.clone().requires_grad_() for each in (events, target, gaps)]
    found = module(leaves[0], present, leaves[1], leaves[2])
    wanted = [*leaves, *module.parameters()]
    gradients = torch.autograd.grad((found * torch.arange(WIDTH)).sum(), wanted, allow_unused=True)
    zeros = [torch.zeros_like(each) for each in wanted]
    return found.detach(), [
        zero if each is None else each for each, zero in zip(gradients, zeros, strict=True)
    ]


def test_all_of_them_are_found():
    assert [path.stem for path in CONFIGS] == ["causal_transformer", "mean_pooling", "target_attention"]


@pytest.mark.parametrize("anything", [0.0, 1e6, float("nan"), float("inf")])
def test_padding_changes_neither_value_nor_gradient(encoder, anything):
    module = module_of(encoder)
    events, present, target, gaps = inputs()
    value, gradients = value_and_gradients(module, events, present, target, gaps)
    padding = ~present.unsqueeze(-1)
    found, others = value_and_gradients(
        module, events.masked_fill(padding, anything), present, target, gaps.masked_fill(padding, anything)
    )
    assert torch.equal(found, value)
    assert all(torch.equal(*pair) for pair in zip(others, gradients, strict=True))
    assert not gradients[0].masked_select(padding).any()
    assert all(each.isfinite().all() for each in gradients)


def test_more_padding_changes_neither_value_nor_gradient(encoder):
    events, present, target, gaps = inputs()
    short, long = module_of(encoder), module_of(encoder, length=LENGTH + 3)
    state = {name: each.clone() for name, each in short.state_dict().items()}
    if "positions.weight" in state:
        state["positions.weight"] = torch.cat([state["positions.weight"], torch.ones(3, WIDTH)])
    long.load_state_dict(state)
    value, gradients = value_and_gradients(short, events, present, target, gaps)
    padding = torch.full((len(LENGTHS), 3, WIDTH), 7.0)
    found, others = value_and_gradients(
        long,
        torch.cat([events, padding], dim=1),
        torch.cat([present, padding[..., 0] < 0], dim=1),
        target,
        torch.cat([gaps, padding], dim=1),
    )
    torch.testing.assert_close(found, value)
    for wide, narrow in zip(others, gradients, strict=True):
        cut = wide[tuple(slice(0, size) for size in narrow.shape)]
        torch.testing.assert_close(cut, narrow)
        assert wide.abs().sum() == pytest.approx(float(cut.abs().sum()), rel=1e-5)


def test_an_empty_past_is_zeros_with_a_finite_gradient(encoder):
    events, _, target, _ = inputs()
    nothing = torch.zeros(len(LENGTHS), LENGTH, dtype=torch.bool)
    nan = torch.full_like(events, float("nan"))
    for given in (events, nan):
        value, gradients = value_and_gradients(module_of(encoder), given, nothing, target, nan)
        assert torch.equal(value, torch.zeros_like(value))
        assert all(torch.equal(each, torch.zeros_like(each)) for each in gradients)


def test_rows_do_not_see_each_other(encoder):
    module, given = module_of(encoder), inputs()
    together = module(*given)
    for row in range(len(LENGTHS)):
        alone = module(*(each[row : row + 1] for each in given))
        torch.testing.assert_close(alone, together[row : row + 1])
    order = torch.tensor([4, 2, 0, 3, 1])
    torch.testing.assert_close(module(*(each[order] for each in given)), together[order])
    assert module(*(each[:0] for each in given)).shape == (0, WIDTH)


def test_a_list_of_one_place(encoder):
    events, present, target, gaps = inputs()
    module = module_of(encoder, length=1)
    found = module(events[:, :1], present[:, :1], target, gaps[:, :1])
    assert found.shape == (len(LENGTHS), WIDTH)
    assert found.isfinite().all()
    assert torch.equal(found.abs().sum(1) > 0, LENGTHS > 0)


def test_without_gaps_and_without_a_target(encoder):
    events, present, target, _ = inputs()
    found = module_of(encoder)(events, present, torch.zeros_like(target), None)
    assert found.isfinite().all()
    assert torch.equal(found.abs().sum(1) > 0, LENGTHS > 0)


def test_gradients_are_those_of_the_value(encoder):
    module = module_of(encoder).double()
    events, present, target, gaps = (
        each.requires_grad_(each.is_floating_point()) for each in inputs(dtype=torch.float64)
    )
    names, weights = zip(*module.named_parameters(), strict=True) if list(module.parameters()) else ((), ())

    def value(events: Tensor, target: Tensor, gaps: Tensor, *weights: Tensor) -> Tensor:
        named = dict(zip(names, weights, strict=True))
        found: Tensor = torch.func.functional_call(module, named, (events, present, target, gaps))
        return found

    # Chosen before: central differences of 1e-6 on numbers of order one.
    given = (events, target, gaps, *(each.detach().requires_grad_() for each in weights))
    assert torch.autograd.gradcheck(value, given, atol=1e-6, rtol=1e-4)


def test_half_precision_is_close(encoder):
    module, given = module_of(encoder), inputs()
    value, _ = value_and_gradients(module, *given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, gradients = value_and_gradients(module, *given)
    # Eight bits of mantissa, some ten operations.
    torch.testing.assert_close(found.float(), value, atol=0.1, rtol=0.1)
    assert all(each.isfinite().all() for each in gradients)
    half = copy.deepcopy(module).bfloat16()
    found = half(*(each.bfloat16() if each.is_floating_point() else each for each in given))
    assert found.dtype == torch.bfloat16
    assert torch.equal(found[LENGTHS == 0], torch.zeros(1, WIDTH, dtype=torch.bfloat16))


def test_a_seed_gives_the_same_weights_and_pickle_keeps_them(encoder):
    given = inputs()
    module = module_of(encoder)
    again = pickle.loads(pickle.dumps(module))
    assert pickle.loads(pickle.dumps(encoder)) == encoder
    assert torch.equal(module(*given), module_of(encoder)(*given))
    assert torch.equal(module(*given), again(*given))


class AllTogether(nn.Module):
    """All encoders as one function of tensors: one export instead of many, each of which takes seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(module_of(each) for each in ENCODERS.values())

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        return tuple(module(*given) for module in self.encoders)


def test_the_exported_graph_says_the_same_for_any_number_of_rows(tmp_path):
    together, given = AllTogether().eval(), inputs()
    names, batch = ["events", "present", "target", "gaps"], torch.export.Dim("batch")
    program = torch.onnx.export(
        together,
        given,
        dynamo=True,
        dynamic_shapes=(({0: batch},) * len(names),),
        input_names=names,
        verbose=False,
    )
    program.save(str(tmp_path / "graph.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "graph.onnx"))
    for rows in ([0, 1, 2, 3, 4], [1], [3], [0, 0, 1, 2, 3, 3, 4]):
        fed = {name: each[rows].numpy() for name, each in zip(names, given, strict=True)}
        with torch.no_grad():
            expected = together(*(each[rows] for each in given))
        found = session.run(None, fed)
        for name, one, other in zip(ENCODERS, found, expected, strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=1e-4, atol=1e-5, err_msg=name)
