"""What every mixture that can be chosen with ``model/mixture=`` must do."""

from __future__ import annotations

import dataclasses
import io
import itertools
import typing
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
import yaml
from torch import Tensor, nn

from holdfast.app.schema import TARGET, component_class
from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.core.gates import Gated
from holdfast.core.protocols import Mixture, MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.core.shipped import shipped_folder
from holdfast.models.gating import normalised_entropy
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.mixtures.adatt import AdaTT
from holdfast.models.mixtures.aitm import AITM
from holdfast.models.mixtures.pepnet import PEPNet
from holdfast.models.mixtures.ple import PLE
from holdfast.models.mixtures.single_task import SingleTask
from holdfast.models.mixtures.stem import STEM
from holdfast.models.parallel import ParallelLinear
from holdfast.models.ranker import RankerSettings, build_ranker

OBJECTIVES = ("click", "dwell", "retention")
SHAPE = RepresentationShape(fields=("user_id", "device", "item_id"), embedding_dim=2, num_numeric=1, width=7)


def from_file(path: Path) -> Mixture:
    settings = yaml.safe_load(path.read_text())
    return typing.cast(Mixture, component_class(settings.pop(TARGET))(**settings))


SHIPPED = {
    path.stem: from_file(path)
    for path in sorted((shipped_folder("configs") / "model/mixture").glob("*.yaml"))
}
VARIANTS: dict[str, Mixture] = {
    "single_task_own_embeddings": SingleTask(own_embeddings=True),
    "ple_three_levels": PLE(num_levels=3, num_task_experts=2, num_shared_experts=1),
    "adatt_one_expert": AdaTT(num_levels=1, num_task_experts=1),
    "stem_two_levels": STEM(num_levels=2, num_task_experts=2, num_shared_experts=2),
    "aitm_backwards": AITM(chain=["retention", "click"]),
    "pepnet_one_field": PEPNet(prior=["item_id", "author"]),
}
MIXTURES = SHIPPED | VARIANTS
STOPS_GRADIENTS = (STEM, PEPNet)
every_mixture = pytest.mark.parametrize("mixture", MIXTURES.values(), ids=MIXTURES)


def narrow(mixture: Mixture, **changes: object) -> Mixture:
    """The same mixture with fewer units."""
    widths = "widths" if hasattr(mixture, "widths") else "expert_widths"
    narrowed: Mixture = dataclasses.replace(mixture, **{widths: [5, 3], **changes})  # type: ignore[type-var]
    return narrowed


def built(mixture: Mixture, num_objectives: int = 3, seed: int = 0) -> MixtureModule:
    torch.manual_seed(seed)
    return mixture.build(SHAPE, OBJECTIVES[:num_objectives]).eval()


def represented(
    mixture: Mixture, num_rows: int, num_objectives: int = 3, dtype: torch.dtype = torch.float32
) -> Representation:
    random = torch.Generator().manual_seed(num_rows)

    def rows(*sizes: int) -> Tensor:
        return torch.randn(*sizes, generator=random, dtype=dtype, requires_grad=True)

    own = rows(num_objectives, num_rows, 7) if mixture.own_embeddings else None
    return Representation(rows(num_rows, 7), own, rows(num_rows, 3, 2))


def tensors_of(representation: Representation) -> list[Tensor]:
    parts = (representation.shared, representation.own, representation.fields)
    return [part for part in parts if part is not None]


def sliced(representation: Representation, rows: slice) -> Representation:
    own = None if representation.own is None else representation.own[:, rows]
    return Representation(representation.shared[rows], own, representation.fields[rows])


def test_the_folder_holds_the_mixtures_of_the_field() -> None:
    asked = {"single_task", "shared_bottom", "mmoe", "cgc", "ple", "adatt", "stem", "pepnet", "aitm"}
    assert asked <= set(SHIPPED)


@every_mixture
@pytest.mark.parametrize("num_objectives", [1, 2, 3])
def test_gives_one_vector_an_objective_and_row(mixture: Mixture, num_objectives: int) -> None:
    assert isinstance(mixture, Mixture)
    module = built(mixture, num_objectives)
    for num_rows in (5, 1, 0):
        mixed = module(represented(mixture, num_rows, num_objectives))
        assert mixed.shape == (num_objectives, num_rows, module.output_width)
        assert bool(mixed.isfinite().all())


@every_mixture
def test_a_row_does_not_see_the_others(mixture: Mixture) -> None:
    module, rows = built(mixture), represented(mixture, 5)
    torch.testing.assert_close(module(rows)[:, 2:3], module(sliced(rows, slice(2, 3))))


@every_mixture
def test_the_seed_decides_the_weights(mixture: Mixture) -> None:
    rows = represented(mixture, 4)
    assert torch.equal(built(mixture)(rows), built(mixture)(rows))
    assert not torch.equal(built(mixture)(rows), built(mixture, seed=1)(rows))


@every_mixture
def test_weights_that_were_saved_give_the_same_again(mixture: Mixture) -> None:
    saved, other, rows = built(mixture), built(mixture, seed=1), represented(mixture, 4)
    file = io.BytesIO()
    torch.save(saved.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(saved(rows), other(rows))


@every_mixture
@pytest.mark.parametrize("num_objectives", [1, 2, 3])
def test_no_two_experts_start_alike(mixture: Mixture, num_objectives: int) -> None:
    module = built(mixture, num_objectives)
    for layer in module.modules():
        if isinstance(layer, ParallelLinear):
            for first, second in itertools.combinations(layer.weight.unbind(), 2):
                assert not bool(torch.isclose(first, second, rtol=0.0, atol=1e-9).all())
    same_size: dict[tuple[int, ...], list[Tensor]] = {}
    for each in module.parameters():
        same_size.setdefault(tuple(each.shape), []).append(each)
    for group in same_size.values():
        for one, another in itertools.combinations(group, 2):
            assert not torch.equal(one, another)


@every_mixture
@pytest.mark.parametrize("num_objectives", [1, 3])
def test_every_weight_gets_a_gradient_from_the_objectives_together(
    mixture: Mixture, num_objectives: int
) -> None:
    module, rows = built(mixture, num_objectives), represented(mixture, 64, num_objectives)
    torch.randn(num_objectives, 64, module.output_width).mul(module(rows)).sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        # A gate of a single expert has nothing to choose, so its own weights get a gradient of zero.
        assert bool((parameter.grad != 0).any()) or num_objectives == 1, name


@every_mixture
def test_gradients_in_double_precision_are_those_of_differences(mixture: Mixture) -> None:
    # What stops a gradient differs from the differences there by design; the mixtures' own tests see to it.
    module = built(narrow(mixture)).double()
    rows = represented(mixture, 3, dtype=torch.float64)
    inputs = tuple(tensors_of(rows))

    def mixed(*parts: Tensor) -> Tensor:
        own = parts[1] if rows.own is not None else None
        output: Tensor = module(Representation(parts[0], own, parts[-1]))
        return output

    if isinstance(mixture, STOPS_GRADIENTS):
        gradients = torch.autograd.grad(mixed(*inputs).square().sum(), inputs, allow_unused=True)
        assert all(each is None or bool(each.isfinite().all()) for each in gradients)
    else:
        assert torch.autograd.gradcheck(mixed, inputs, eps=1e-6, atol=1e-6, fast_mode=True)


@every_mixture
def test_half_precision_stays_near(mixture: Mixture) -> None:
    module, rows = built(mixture), represented(mixture, 32)
    whole = module(rows)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = module(rows)
    torch.testing.assert_close(half.float(), whole, rtol=0.05, atol=0.05)
    half.float().square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in module.parameters())


@every_mixture
def test_dropout_is_for_training_alone(mixture: Mixture) -> None:
    module, rows = built(narrow(mixture, dropout=0.5)), represented(mixture, 64)
    assert torch.equal(module(rows), module(rows))
    module.train()
    assert not torch.equal(module(rows), module(rows))


@every_mixture
def test_gates_are_shares_of_named_experts(mixture: Mixture) -> None:
    module, rows = built(mixture), represented(mixture, 16)
    if not isinstance(module, Gated):
        assert isinstance(mixture, SingleTask | PEPNet) or type(mixture).__name__ == "SharedBottom"
        return
    weights = module.gate_weights(rows)
    assert list(weights) == list(module.gate_experts)
    assert {name.rpartition("/")[2] for name in weights} <= {*OBJECTIVES, "shared"}
    for name, shares in weights.items():
        assert shares.shape == (16, len(module.gate_experts[name]))
        assert len(set(module.gate_experts[name])) == shares.shape[1]
        assert bool((shares >= 0).all())
        torch.testing.assert_close(shares.sum(1), torch.ones(16))
        assert bool((normalised_entropy(shares) <= 1 + 1e-6).all())


class AllTogether(nn.Module):
    """All mixtures as one function of tensors: one export instead of many, each of which takes seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.mixtures = nn.ModuleList(built(narrow(mixture)) for mixture in SHIPPED.values())

    def forward(self, shared: Tensor, own: Tensor, fields: Tensor) -> tuple[Tensor, ...]:
        return tuple(module(Representation(shared, own, fields)) for module in self.mixtures)


def with_everything(num_rows: int) -> tuple[Tensor, ...]:
    return tuple(part.detach() for part in tensors_of(represented(STEM(), num_rows)))


@pytest.fixture(scope="module")
def both_ways() -> dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """What onnxruntime and PyTorch give of each shipped mixture, on another number of rows than exported."""
    together = AllTogether().eval()
    batch = torch.export.Dim("batch")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            together,
            with_everything(4),
            dynamo=True,
            dynamic_shapes=({0: batch}, {1: batch}, {0: batch}),
            input_names=["shared", "own", "fields"],
            verbose=False,
        )
    assert program is not None
    file = io.BytesIO()
    program.save(file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    rows = with_everything(9)
    given = {name: part.numpy() for name, part in zip(("shared", "own", "fields"), rows, strict=True)}
    with torch.no_grad():
        eager = [each.numpy() for each in together(*rows)]
    return dict(zip(SHIPPED, zip(session.run(None, given), eager, strict=True), strict=True))


@pytest.mark.parametrize("name", SHIPPED)
def test_onnxruntime_gives_what_pytorch_gives(
    both_ways: dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]], name: str
) -> None:
    exported, eager = both_ways[name]
    assert eager.shape == (3, 9, 3)
    np.testing.assert_allclose(exported, eager, rtol=1e-5, atol=1e-6)


@every_mixture
def test_no_objective_or_one_named_twice_is_refused(mixture: Mixture) -> None:
    for objectives in ([], ["click", "click"]):
        with pytest.raises(ValueError, match="objectives are"):
            mixture.build(SHAPE, objectives)


@every_mixture
def test_a_ranker_learns_with_it_from_sparse_embeddings(mixture: Mixture) -> None:
    schema = InputSchema(
        categorical=("user_id", "item_id"),
        numeric=("age",),
        vocabulary_of={"user_id": "users", "item_id": "items"},
        num_rows={"users": 6, "items": 5},
    )
    ranker = build_ranker(
        schema,
        settings=RankerSettings(embedding_dim=3, tower_widths=[4]),
        mixture=narrow(mixture),
        heads={"click": Bernoulli(), "dwell": CensoredLogNormal()},
        seed=0,
    )
    inputs = Inputs(
        torch.tensor([[2, 3], [2, 4], [5, 1]], dtype=torch.int32),
        torch.ones(3, 1),
        (),
        torch.full((3,), 60.0),
    )
    sum(each.square().sum() for each in ranker(inputs).values()).backward()
    for name, parameter in ranker.named_parameters():
        assert parameter.grad is not None, name
    (table,) = ranker.sparse_parameters()
    # One look-up whatever the number of sets: two ids a row, and no row of the table that was not asked for.
    assert table.grad._nnz() == 3 * 2  # type: ignore[union-attr]
    assert table.grad._values().shape[1] == 3 * (1 + 2 * mixture.own_embeddings)  # type: ignore[union-attr]
    touched = table.grad.coalesce().indices().flatten().tolist()  # type: ignore[union-attr]
    assert len(touched) == len({2, 5}) + len({3, 4, 1})
