"""What cannot become a model is refused: while composing, or as soon as the inputs are known."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from holdfast.app.composition import Plan, plan
from holdfast.app.hydra_entry import compose
from holdfast.app.new_ranker import check_model
from holdfast.core.errors import UserError
from holdfast.core.features import InputSchema, ListField
from holdfast.models.interactions.cross_network import CrossNetwork
from holdfast.models.interactions.two_stream import TwoStream
from holdfast.models.mixtures.pepnet import PEPNet
from holdfast.models.mixtures.stem import STEM

SCHEMA = InputSchema(
    categorical=("user_id", "item_id"),
    numeric=("age",),
    lists=(ListField(name="history", max_length=3, ordered=True, target="item_id"),),
    vocabulary_of={"user_id": "users", "item_id": "items", "history": "items"},
    num_rows={"users": 10**9, "items": 10**9},
)


def composed(*words: str) -> DictConfig:
    GlobalHydra.instance().clear()
    config = compose(list(words))
    GlobalHydra.instance().clear()
    return config


@pytest.fixture(scope="module")
def config() -> DictConfig:
    return composed()


@pytest.fixture(scope="module")
def default(config: DictConfig) -> Plan:
    return plan(config)


def changed(config: DictConfig, **parts: Mapping[str, object]) -> DictConfig:
    """A configuration with other parts of the model."""
    other = copy.deepcopy(config)
    for name, values in parts.items():
        other.model[name] = values
    return other


CHAIN = r"model\.mixture: chain names \['clicks'\].* has \['click', 'dwell', 'retention'\]"
HEADS = r"model\.sequence: num_heads .* is 5, which does not divide embedding_dim, 16"


def test_what_needs_no_data_to_be_seen_is_refused_while_composing(config: DictConfig) -> None:
    aitm = {"_target_": "holdfast.models.mixtures.aitm.AITM", "chain": ["click", "clicks"]}
    with pytest.raises(UserError, match=CHAIN):
        plan(changed(config, mixture=aitm))
    target = "holdfast.models.sequences.causal_transformer.CausalTransformer"
    with pytest.raises(UserError, match=HEADS):
        plan(changed(config, sequence={"_target_": target, "num_heads": 5}))
    before = torch.random.get_rng_state()
    plan(changed(config, sequence={"_target_": target}))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"mixture": PEPNet(prior=["author"])},
            r"model: prior is \['author'\].* choose from \['user_id', 'item_id', 'history'\]",
        ),
        (
            {"interaction": TwoStream(second_context=["author"])},
            r"model: interaction\.second_context names \['author'\]",
        ),
        (
            {"interaction": CrossNetwork(rank=25)},
            r"model: interaction\.rank is 25, and a row has 49 numbers.*at most 24",
        ),
    ],
    ids=["prior", "context", "rank"],
)
def test_what_does_not_fit_the_inputs_is_refused_without_tables_of_their_size(
    default: Plan, part: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check_model(replace(default, **part), SCHEMA, default.heads)


def test_what_fits_is_let_through(default: Plan) -> None:
    check_model(replace(default, mixture=STEM(), interaction=CrossNetwork(rank=24)), SCHEMA, default.heads)
