"""What cannot become a model is refused: while composing, or as soon as the inputs are known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from holdfast.app.composition import Plan, plan
from holdfast.app.hydra_entry import compose
from holdfast.app.new_ranker import check_model
from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema, ListField

SCHEMA = InputSchema(
    categorical=("user_id", "item_id"),
    numeric=("age",),
    lists=(ListField(name="history", max_length=3, ordered=True, target="item_id"),),
    vocabulary_of={"user_id": "users", "item_id": "items", "history": "items"},
    num_rows={"users": 10**9, "items": 10**9},
)


@pytest.fixture(autouse=True)
def fresh_hydra() -> Iterator[None]:
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


def planned(*words: str) -> Plan:
    return plan(compose(list(words)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("model/mixture=aitm", "model.mixture.chain=[click,clicks]"),
            r"model\.mixture: chain names \['clicks'\].* has \['click', 'dwell', 'retention'\]",
        ),
        (
            ("model/sequence=causal_transformer", "model.sequence.num_heads=5"),
            r"model\.sequence: num_heads .* is 5, which does not divide embedding_dim, 16",
        ),
    ],
    ids=["chain", "heads"],
)
def test_what_needs_no_data_to_be_seen_is_refused_while_composing(
    words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        planned(*words)


def test_composing_leaves_the_random_state_alone() -> None:
    before = torch.random.get_rng_state()
    planned("model/sequence=causal_transformer")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("model/mixture=pepnet", "model.mixture.prior=[author]"),
            r"model: prior is \['author'\].* choose from \['user_id', 'item_id', 'history'\]",
        ),
        (
            ("model/interaction=two_stream", "model.interaction.second_context=[author]"),
            r"model: interaction\.second_context names \['author'\]",
        ),
        (
            ("model/interaction=dcn_v2", "model.interaction.rank=25"),
            r"model: interaction\.rank is 25, and a row has 49 numbers.*at most 24",
        ),
    ],
    ids=["prior", "context", "rank"],
)
def test_what_does_not_fit_the_inputs_is_refused_without_tables_of_their_size(
    words: tuple[str, ...], message: str
) -> None:
    made = planned(*words)
    with pytest.raises(UserError, match=message):
        check_model(made, SCHEMA, made.heads)


def test_what_fits_is_let_through() -> None:
    made = planned("model/mixture=stem", "model/interaction=dcn_v2", "model.interaction.rank=24")
    check_model(made, SCHEMA, made.heads)
