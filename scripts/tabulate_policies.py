"""What policies that know the truth of the default world come to: two tables of the documentation.

    python scripts/tabulate_policies.py             # both, in half a minute
    python scripts/tabulate_policies.py --seed 3    # in another world

The first is "What the two know is worth" of docs/policies.md, the second "The conflict it holds" of
docs/world.md. Nobody explores but the behavior policy and chance. Back the next day is a share of the visits
that have a next day in the log.

U users, I items, G topics, Q requests, C candidates.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.behavior import behavior_policy
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.oracles import LongTermOracle, MyopicOracle, OraclePolicy
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.policy import ItemScores, Policy, PopularityAndTopics, Requests, Scorer
from holdfast.simulation.world import DefaultWorld, Simulation

GREEDY = EpsilonGreedySlates(epsilon=0.0)
UNIFORM = ScoredPolicy(exploration=UniformSlates())


@dataclass(frozen=True)
class InterestAnd:
    """Ranks by what a user likes at first, and a number an item.

    Attributes:
        interest: of users in topics, ``[U, G]``.
        mix: topics of items, ``[I, G]``.
        scores: added to it, ``[I]``.
    """

    interest: Floats
    mix: Floats
    scores: Floats

    def score(self, requests: Requests) -> Floats:
        """Scores ``[Q, C]``."""
        item = requests.candidates
        liked = np.einsum("qg,qcg->qc", self.interest[requests.user], self.mix[item])
        return np.asarray(liked + self.scores[item])


def knowing(world: DefaultWorld) -> dict[str, Policy]:
    """The rows of the first table."""

    def oracle(scorer: MyopicOracle | LongTermOracle) -> Policy:
        return OraclePolicy(scorer=scorer, exploration=GREEDY, ranker="oracle")

    return {
        "uniform": UNIFORM,
        "popularity alone": greedy(PopularityAndTopics(topic_bonus=0.0)),
        "popularity and declared topics": greedy(PopularityAndTopics()),
        "myopic oracle": oracle(MyopicOracle()),
        "long-term oracle, a visit worth 3 clicks": oracle(LongTermOracle(visit_value=3.0)),
        "a visit worth 10 clicks (default)": oracle(LongTermOracle()),
        "visits only": oracle(LongTermOracle(click_value=0.0, visit_value=1.0)),
    }


def ordering(world: DefaultWorld) -> dict[str, Policy]:
    """The rows of the second table."""
    parts = world.mechanisms()
    items, interest = parts.items, parts.users.interest

    def liked(scores: Floats) -> Policy:
        return greedy(InterestAnd(interest, items.mix, scores))

    return {
        "behavior policy": behavior_policy(epsilon=world.exploration),
        "chance": UNIFORM,
        "clickbait": greedy(ItemScores(scores=items.clickbait)),
        "quality": greedy(ItemScores(scores=items.quality)),
        "interest + 0.6 clickbait (most clicks)": liked(0.6 * items.clickbait),
        "interest": liked(np.zeros(len(items.quality))),
        "interest + quality - 0.6 clickbait": liked(items.quality - 0.6 * items.clickbait),
    }


def greedy(scorer: Scorer) -> Policy:
    """What ranks by a scorer and never explores."""
    return ScoredPolicy(exploration=GREEDY, scorers=(scorer,), ranker="probe")


def figures(simulation: Simulation, *, num_days: int) -> dict[str, float]:
    """What a simulation came to."""
    frame, visits = simulation.log.frame, simulation.truth.visits
    came = set(zip(visits["user_id"], visits["day"], strict=True))
    followed = visits[visits["day"] < num_days - 1]
    pairs = zip(followed["user_id"], followed["day"], strict=True)
    return {
        "clicks": int(frame["click"].sum()),
        "visits": len(visits),
        "clicked": float(frame["click"].mean()),
        "mean dwell, s": float(frame["dwell_seconds"].mean()),
        "back the next day": float(np.mean([(user, day + 1) in came for user, day in pairs])),
        "satisfaction": float(visits["satisfaction_after"].mean()),
    }


def table(world: DefaultWorld, policies: Mapping[str, Policy], *, threads: int) -> pd.DataFrame:
    """A row a policy, each in the same world with the same luck."""
    return pd.DataFrame(
        {
            name: figures(world.simulate(policy, threads=threads), num_days=world.num_days)
            for name, policy in policies.items()
        }
    ).T


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--threads", type=int, default=1, help="that a world may use")
    chosen = parser.parse_args()
    world = DefaultWorld(seed=chosen.seed)
    for title, policies in (
        ("What the two know is worth", knowing(world)),
        ("The conflict it holds", ordering(world)),
    ):
        print(f"{title}\n{table(world, policies, threads=chosen.threads).round(3).to_string()}\n")


if __name__ == "__main__":
    main()
