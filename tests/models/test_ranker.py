from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema, ListField
from holdfast.core.protocols import Interaction, Mixture, MixtureModule
from holdfast.core.representation import Representation, RepresentationShape
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.interactions.cross_network import CrossNetwork
from holdfast.models.interactions.two_stream import TwoStream
from holdfast.models.mixtures.mmoe import MMoE
from holdfast.models.mixtures.stem import STEM
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker

SCHEMA = InputSchema(
    categorical=("item", "device"),
    numeric=("age",),
    lists=(ListField(name="history", max_length=3),),
    vocabulary_of={"item": "items", "device": "devices", "history": "items"},
    num_rows={"items": 6, "devices": 4},
)
HEADS = {"click": Bernoulli(), "dwell": CensoredLogNormal(), "retention": DiscreteHazard(horizon_days=5)}


def ranker(seed: int = 0, *, sparse: bool = True) -> Ranker:
    return build_ranker(
        SCHEMA,
        settings=RankerSettings(embedding_dim=4, tower_widths=[6], sparse=sparse),
        mixture=MMoE(num_experts=2, expert_widths=[8]),
        heads=HEADS,
        seed=seed,
    )


def inputs(rows: int) -> Inputs:
    generator = torch.Generator().manual_seed(rows)
    return Inputs(
        torch.randint(0, 4, (rows, 2), generator=generator, dtype=torch.int32),
        torch.randn(rows, 1, generator=generator),
        (torch.randint(0, 6, (rows, 3), generator=generator, dtype=torch.int32),),
        torch.full((rows,), 60.0),
    )


def test_outputs_by_name_and_shape() -> None:
    model, batch = ranker(), inputs(5)
    assert {name: tuple(values.shape) for name, values in model(batch).items()} == {
        "click": (5, 1),
        "dwell": (5, 2),
        "retention": (5, 5),
    }
    outputs = model.predict(batch)
    assert set(outputs) == {name for names in model.output_names.values() for name in names}
    assert outputs["return_by_day"].shape == (5, 5)
    scores = model.scores(batch)
    assert list(scores) == ["click", "dwell", "retention"] == list(model.objectives)
    assert torch.equal(scores["dwell"], outputs["dwell_seconds"])


def test_the_seed_alone_decides_the_weights_and_the_global_state_is_left_alone() -> None:
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    first = ranker().state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(456)
    again, other = ranker().state_dict(), ranker(seed=1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("sparse", [True, False])
def test_every_parameter_belongs_to_one_optimiser(sparse: bool) -> None:
    model = ranker(sparse=sparse)
    assert len(model.sparse_parameters()) == (1 if sparse else 0)
    parts = [id(each) for each in (*model.sparse_parameters(), *model.dense_parameters())]
    assert sorted(parts) == sorted(id(each) for each in model.parameters())


class Exported(nn.Module):
    """What an exporter sees: tensors in, tensors out."""

    def __init__(self, model: Ranker) -> None:
        super().__init__()
        self.model = model

    def forward(self, categorical: Tensor, numeric: Tensor, history: Tensor, content: Tensor) -> list[Tensor]:
        return list(self.model.predict(Inputs(categorical, numeric, (history,), content)).values())


def test_exports_with_any_number_of_rows() -> None:
    module = Exported(ranker().eval())

    def tensors(rows: int) -> tuple[Tensor, ...]:
        batch = inputs(rows)
        return batch.categorical, batch.numeric, batch.lists[0], batch.content_seconds

    rows = torch.export.Dim("rows")
    exported = torch.export.export(module, tensors(4), dynamic_shapes=({0: rows},) * 4).module()
    for number in (1, 7, 50):
        for ours, theirs in zip(module(*tensors(number)), exported(*tensors(number)), strict=True):
            torch.testing.assert_close(ours, theirs)


def test_two_heads_may_not_share_an_output() -> None:
    heads = {"click": Bernoulli(), "retention": Bernoulli()}
    with pytest.raises(ValueError, match="'click' and 'retention' both give an output 'click_probability'"):
        build_ranker(SCHEMA, settings=RankerSettings(), mixture=MMoE(), heads=heads, seed=0)


def test_a_ranker_without_heads_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one head"):
        build_ranker(SCHEMA, settings=RankerSettings(), mixture=MMoE(), heads={}, seed=0)


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="embedding_dim is 0"):
        RankerSettings(embedding_dim=0)
    with pytest.raises(ValueError, match="embedding_scale"):
        RankerSettings(embedding_scale=0.0)


@dataclass(frozen=True)
class Stacked:
    """A mixture that only lays out what it was given."""

    own_embeddings: bool

    def build(self, shape: RepresentationShape, objectives: Sequence[str]) -> MixtureModule:
        assert tuple(objectives) == ("click", "dwell", "retention")
        assert shape.fields == ("item", "device", "history")
        assert (shape.embedding_dim, shape.num_numeric) == (4, 1)

        class Module(MixtureModule):
            output_width = shape.width

            def forward(self, representation: Representation) -> Tensor:
                own = representation.own
                return torch.stack([representation.shared] * 3) if own is None else own

        return Module()


def with_mixture(mixture: Mixture, interaction: Interaction) -> Ranker:
    return build_ranker(
        SCHEMA,
        settings=RankerSettings(embedding_dim=4, embedding_scale=1.0, tower_widths=[]),
        mixture=mixture,
        interaction=interaction,
        heads=HEADS,
        seed=0,
    )


def test_without_own_embeddings_there_is_one_set() -> None:
    model, batch = with_mixture(Stacked(own_embeddings=False), CrossNetwork(num_layers=1)), inputs(5)
    representation = model.embed(batch)
    assert representation.own is None
    assert representation.fields.shape == (5, 3, 4)
    assert representation.shared.shape == (5, 13)
    assert len(model.own_interactions) == 0
    assert torch.equal(model.represent(batch), model.mix(representation))
    flat = torch.cat([representation.fields.flatten(1), batch.numeric], dim=1)
    (matrix,) = model.interaction.layers
    torch.testing.assert_close(representation.shared, flat * matrix(flat) + flat)


def test_own_embeddings_are_one_table_and_one_interaction_an_objective() -> None:
    model, batch = with_mixture(Stacked(own_embeddings=True), CrossNetwork(num_layers=1)), inputs(5)
    representation = model.embed(batch)
    assert representation.own is not None
    assert representation.own.shape == (3, 5, 13)
    assert model.embedding.table is not None
    assert model.embedding.table.weight.shape == (10, 16)
    assert len(model.sparse_parameters()) == 1
    assert representation.fields.shape == (5, 3, 4)
    sets = model.embedding(batch)
    assert torch.equal(representation.fields, sets[0].vectors), "gates look at the shared embeddings"
    for own, meet, fields in zip(representation.own, model.own_interactions, sets[1:], strict=True):
        flat = torch.cat([fields.vectors.flatten(1), batch.numeric], dim=1)
        (matrix,) = meet.layers
        torch.testing.assert_close(own, flat * matrix(flat) + flat)
    everything = [representation.shared, *representation.own]
    assert not any(torch.allclose(one, other) for one, other in combinations(everything, 2))
    # Each objective alone moves its own part of each row.
    model(batch)["dwell"].sum().backward()
    gradient = model.embedding.table.weight.grad
    assert gradient is not None
    moved = gradient.to_dense().abs().sum(0).reshape(4, 4).sum(1) > 0
    assert moved.tolist() == [False, False, True, False]


def test_own_embeddings_of_a_model_without_any_are_its_numbers() -> None:
    model = build_ranker(
        InputSchema(categorical=(), numeric=("age",)),
        settings=RankerSettings(embedding_dim=4, tower_widths=[]),
        mixture=STEM(expert_widths=[4]),
        heads=HEADS,
        seed=0,
    )
    age = torch.randn(5, 1)
    batch = Inputs(torch.zeros(5, 0, dtype=torch.int32), age, (), torch.full((5,), 60.0))
    representation = model.embed(batch)
    assert representation.own is not None
    assert torch.equal(representation.shared, age)
    assert torch.equal(representation.own, torch.stack([age] * 3))
    assert {name: len(values) for name, values in model(batch).items()} == dict.fromkeys(HEADS, 5)


def test_a_part_that_does_not_fit_the_inputs_says_so() -> None:
    with pytest.raises(ValueError, match=r"first_context names \['color'\]"):
        with_mixture(Stacked(own_embeddings=False), TwoStream(first_context=["color"]))
