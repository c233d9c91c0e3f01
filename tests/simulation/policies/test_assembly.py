"""Policies out of their parts, and the files that describe the parts."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from holdfast.core.shipped import shipped_folder
from holdfast.simulation.policies.assembly import assembled
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.oracles import MyopicOracle, OraclePolicy
from holdfast.simulation.policies.plackett_luce import PlackettLuce
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import Exploration
from holdfast.simulation.policy import PopularityAndTopics
from holdfast.simulation.world import DefaultWorld

FILES = sorted((shipped_folder("configs") / "policy").rglob("*.yaml"))
WORLD = DefaultWorld(num_users=60, num_items=120, num_days=2, burn_in_days=1)


def built(path: Path) -> Any:
    values = yaml.safe_load(path.read_text())
    module, _, name = values.pop("_target_").rpartition(".")
    component = getattr(importlib.import_module(module), name)
    assert set(values) == {each.name for each in dataclasses.fields(component)}, "every field is listed"
    return component(**values)


def test_the_files_are_those_that_are_thought_to_be_there():
    assert len(FILES) == 11


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_makes_a_part_of_a_policy(path: Path):
    part = built(path)
    if path.parent.name == "exploration":
        assert isinstance(part, Exploration)
        policy = assembled(part, [PopularityAndTopics(), PopularityAndTopics(topic_bonus=1.0)], ranker="two")
        assert WORLD.simulate(policy).log.frame["policy"].unique().tolist() == [policy.name]
    else:
        policy = assembled(EpsilonGreedySlates(epsilon=0.1), [part], ranker=path.stem)
        assert policy.name == f"{path.stem}/epsilon_greedy(0.1)@1"
        assert isinstance(policy, OraclePolicy) == path.stem.endswith("_oracle")


def test_the_defaults_of_the_files_are_the_defaults_of_the_classes():
    for path in FILES:
        if path.stem not in ("greedy", "popularity"):
            assert built(path) == type(built(path))()


def test_an_oracle_is_let_into_the_truth():
    policy = assembled(PlackettLuce(), [MyopicOracle()], ranker="myopic_oracle", version=2)
    assert isinstance(policy, OraclePolicy)
    assert policy.name == "myopic_oracle/plackett_luce(1)@2"


def test_scorers_are_not_named_where_they_do_not_matter():
    assert assembled(UniformSlates(), [MyopicOracle()], ranker="myopic_oracle").name == "none/uniform@1"


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="an oracle is among 2 scorers"):
        assembled(PlackettLuce(), [MyopicOracle(), PopularityAndTopics()], ranker="mixed")
    with pytest.raises(ValueError, match="needs at least 2 scorers"):
        assembled(PosteriorSampling(), [PopularityAndTopics()], ranker="popularity")
    with pytest.raises(ValueError, match="needs at least 2 scorers"):
        assembled(PosteriorSampling(), [MyopicOracle()], ranker="myopic_oracle")
