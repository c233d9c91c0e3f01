"""The stage counterfactual against a world that knows what another policy would have brought in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from holdfast.app.counterfactual.answers import Asked, answers
from holdfast.app.counterfactual.candidate_rows import CandidateRows
from holdfast.app.counterfactual.outcomes import rewards_of
from holdfast.app.counterfactual.reading import best_row
from holdfast.app.counterfactual.requests import candidates_of, logged_requests
from holdfast.app.counterfactual.scoring import blocks_of, score_candidates
from holdfast.data.history import TrailingHistory
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.plackett_luce import PlackettLuce
from holdfast.simulation.policies.rows import RowsScored
from holdfast.simulation.policies.scored import Exploration, ScoredPolicy
from holdfast.simulation.world import DefaultWorld

SEEDS = range(6)
EXPLORATIONS = (EpsilonGreedySlates(epsilon=0.3), PlackettLuce(temperature=0.5))


@dataclass(frozen=True)
class Promising:
    """Ranks by how much a headline promises; its word on clicks is a crude one."""

    def outputs(self, rows: pd.DataFrame) -> dict[str, np.ndarray]:
        score = rows["headline_score"].fillna(0.0).to_numpy(dtype=np.float64)
        score = score - 0.1 * (rows["device"] == "phone").to_numpy()
        return {"score": score, "click_probability": 0.1 + 0.02 * np.tanh(score)}

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        return self.outputs(rows)["score"]


def asked_of(seed: int, exploration: Exploration) -> tuple[pd.DataFrame, float]:
    """The stage's answers in a world, and the true clicks an impression of the same policy."""
    world = DefaultWorld(
        num_users=700,
        num_items=120,
        num_days=6,
        burn_in_days=2,
        candidates=10,
        slots=4,
        exploration=0.6,
        seed=seed,
        log_candidates=True,
    )
    log = world.read()
    requests = logged_requests(log.frame)
    candidates = candidates_of(requests, source="column", most=1000)
    rows = CandidateRows(
        view=log,
        requests=requests,
        candidates=candidates,
        features=log.card.features,
        history=TrailingHistory(),
        blank=(),
    )
    found = answers(
        Asked(
            requests=requests,
            candidates=candidates,
            blocks=list(blocks_of(requests, candidates)),
            propensity=log.frame["propensity"].to_numpy(),
            rewards=rewards_of(log),
            scored=score_candidates(
                rows, {"trained": Promising()}, own="trained", outputs={"click": "click_probability"}
            ),
            exploration=exploration,
            utility={"click": 1.0, "dwell": 0.01},
            level=0.95,
            seed=0,
            own="trained",
        )
    )
    publication = world.publication(world.mechanisms(), world.behavior_on(0))
    scorer = RowsScored(model=Promising(), publication=publication)
    policy = ScoredPolicy(exploration=exploration, scorers=(scorer,), ranker="promising")
    return found.values, float(world.replay(policy)["click_probability"].mean())


@pytest.mark.parametrize("exploration", EXPLORATIONS, ids=lambda each: each.label)
def test_intervals_hold_what_the_policy_would_have_brought_in(exploration):
    inside, error, spread = [], [], []
    for seed in SEEDS:
        values, truth = asked_of(seed, exploration)
        row = best_row(values, policy="trained", objective="click")
        assert row["estimator"] == "dr"
        assert row["status"] == "ok", row["status"]
        inside.append(row["low"] < truth < row["high"])
        error.append(row["value"] - truth)
        spread.append(row["standard_error"])
        logged = values[(values["policy"] == "behavior") & (values["objective"] == "click")].iloc[0]
        difference = best_row(values, policy="trained", objective="click", versus="behavior")
        assert difference["value"] == pytest.approx(row["value"] - logged["value"], rel=1e-9)
    # With 95 % coverage 6 intervals miss three times or more in 0.2 % of cases; a z above 3.5 in 0.05 %.
    assert sum(inside) >= len(SEEDS) - 2, (inside, error)
    assert abs(np.mean(error)) < 3.5 * np.sqrt(np.mean(np.square(spread)) / len(SEEDS)), (error, spread)
