from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from holdfast.app.simulating.contenders import (
    BundleModel,
    ContenderSettings,
    TrainedModel,
    need_the_runs_model,
)
from holdfast.app.simulating.server import FixedServer
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.oracles import MyopicOracle
from holdfast.simulation.policies.posterior_sampling import PosteriorSampling
from holdfast.simulation.policies.privileged import PrivilegedPolicy
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.stated_probabilities import StatedProbabilities
from holdfast.simulation.policies.uncertainty_bonus import UncertaintyBonus
from holdfast.simulation.policy import PopularityAndTopics

GREEDY = EpsilonGreedySlates(epsilon=0.0)


@dataclass(frozen=True)
class States:
    def probabilities(self, requests: Any) -> Any:
        shape = requests.candidates.shape
        return np.full(shape, 1.0 / shape[1])


def test_scorer_and_exploration_become_a_policy_named_after_the_contender():
    popular = FixedServer("mine", ContenderSettings(scorer=PopularityAndTopics(), exploration=GREEDY))
    assert popular.policy.name == "mine/epsilon_greedy(0)@1"
    oracle = FixedServer("knows", ContenderSettings(scorer=MyopicOracle(), exploration=GREEDY))
    assert isinstance(oracle.policy, PrivilegedPolicy)
    stated = FixedServer("says", ContenderSettings(scorer=States()))
    assert isinstance(stated.policy, StatedProbabilities)
    assert FixedServer("any", ContenderSettings(exploration=UniformSlates())).policy.name == "none/uniform@1"


def test_members_are_counted():
    assert ContenderSettings(exploration=UniformSlates()).num_scorers == 0
    ensemble = ContenderSettings(scorer=TrainedModel(members=3), exploration=PosteriorSampling())
    assert ensemble.num_scorers == 3
    bundles = BundleModel(folder="a", more_folders=["b"])
    assert ContenderSettings(scorer=bundles, exploration=UncertaintyBonus()).num_scorers == 2


def test_only_the_runs_own_model_needs_the_run():
    greedy = {"exploration": GREEDY}
    plain = ContenderSettings(scorer=PopularityAndTopics(), **greedy)
    bundle = ContenderSettings(scorer=BundleModel(folder="a"), **greedy)
    assert not need_the_runs_model([plain, bundle])
    assert need_the_runs_model([plain, ContenderSettings(scorer=TrainedModel(), **greedy)])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"exploration": GREEDY}, r"epsilon_greedy\(0\) needs a scorer"),
        ({"scorer": PopularityAndTopics()}, "exploration is null and the scorer states no probabilities"),
        ({"scorer": 3, "exploration": GREEDY}, "scorer: int is no scorer"),
        ({"scorer": PopularityAndTopics(), "exploration": 3}, "exploration: int is no exploration"),
        (
            {"scorer": PopularityAndTopics(), "exploration": PosteriorSampling()},
            "needs at least 2 scorers and has 1; raise scorer.members",
        ),
        (
            {"scorer": PopularityAndTopics(), "exploration": GREEDY, "retrain": True},
            "only the run's own model can be trained again",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(fields: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        ContenderSettings(**fields)


def test_an_ensemble_of_none_is_refused():
    with pytest.raises(ValueError, match="members is 0; it must be at least 1"):
        TrainedModel(members=0)
