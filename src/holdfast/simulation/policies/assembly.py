"""A policy out of its parts, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.simulation.policies.oracles import OraclePolicy, PrivilegedScorer
from holdfast.simulation.policies.scored import Exploration, ScoredPolicy
from holdfast.simulation.policy import Policy, Scorer


def assembled(
    exploration: Exploration, scorers: Sequence[Scorer | PrivilegedScorer], *, ranker: str, version: int = 1
) -> Policy:
    """Scorers with an exploration around them: an ``OraclePolicy`` where they know the truth.

    Args:
        exploration: how slates are made of scores.
        scorers: members of an ensemble, or just one; not looked at where scores do not matter.
        ranker: what the scorers are, for the log.
        version: of the policy, for the log.

    Raises:
        ValueError: too few scorers for the exploration, or an oracle among others.
    """
    if exploration.least_scorers == 0:
        return ScoredPolicy(exploration=exploration, version=version)
    knowing = [each for each in scorers if isinstance(each, PrivilegedScorer)]
    if not knowing:
        plain = tuple(each for each in scorers if not isinstance(each, PrivilegedScorer))
        return ScoredPolicy(exploration=exploration, scorers=plain, ranker=ranker, version=version)
    if len(scorers) > 1:
        raise ValueError(
            f"{ranker}: an oracle is among {len(scorers)} scorers; it knows, so let it rank alone"
        )
    return OraclePolicy(scorer=knowing[0], exploration=exploration, ranker=ranker, version=version)
