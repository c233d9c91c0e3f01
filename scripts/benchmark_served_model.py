"""How fast does a world go when a model is its policy, and what takes the time?

    python scripts/benchmark_served_model.py            # 1e4, 1e5 and 1e6 users; some minutes, 8 GB of memory
    python scripts/benchmark_served_model.py --quick    # 1e4 and 1e5 users; about half a minute

Whole days are served by a ranker of the default size with all its heads: the candidates of every request as
raw rows, a feature store that is filled every night, epsilon-greedy around it. Its weights are fresh, because
what they have learned does not change the time. Medians over rounds, the sizes in turn; shares of wall-clock
time.

- *model forward*: heads and fusion, on a GPU where there is one or where ``--device`` says, copies included.
- *encoding*: raw rows to the model's inputs.
- *row building*: requests to raw rows.
- *feature store*: trailing history looked up by day and filled by night.
- *world*: everything else: users, candidates, clicks, slates and their propensities.
"""

from __future__ import annotations

import argparse
import os

# The world's threads work side by side; those of a linear algebra library would get in their way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from holdfast.data.encoder import Encoder, EncoderSettings, fit_encoder
from holdfast.data.history import TrailingHistory
from holdfast.data.nightly_store import NightlyStore
from holdfast.data.vocabulary import Vocabulary
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.censored_log_normal import CensoredLogNormal
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.mixtures.mmoe import MMoE
from holdfast.models.ranker import RankerSettings, build_ranker
from holdfast.objectives.fusion import WeightedProduct
from holdfast.serving.eager import EagerScorer
from holdfast.simulation.loop import Run
from holdfast.simulation.observing import observed_days
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.rows import RowsScored
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.world import DefaultWorld

LEAST_ROWS = 400_000
NUM_ITEMS = 10_000
UNIFORM = ScoredPolicy(exploration=UniformSlates())
NIGHTLY = TrailingHistory(refresh="nightly")
PARTS = ("model forward", "encoding", "row building", "feature store", "world")


def world(num_users: int, num_days: int) -> DefaultWorld:
    # Everybody is there from the first day, so that all days are alike.
    return DefaultWorld(
        num_users=num_users, num_items=NUM_ITEMS, num_days=num_days, burn_in_days=0, established_share=1.0
    )


class Stopwatch:
    """Adds up the seconds spent inside functions, by name; inner ones count in the outer ones, too."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, call: Callable) -> Callable:
        def timed_call(*given, **named):
            start = time.perf_counter()
            try:
                return call(*given, **named)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

        return timed_call


@dataclass(frozen=True)
class ServedCost:
    """What it took to serve days with a model, and where the time went."""

    impressions: int
    rows: int
    wall_seconds: float
    shares: dict[str, float]


def encoder_for(num_users: int) -> Encoder:
    """Fitted on a log of fewer users, as if training had seen all of them."""
    log = world(2_000, 3).read()
    rows = pd.concat([log.frame, NIGHTLY.compute(log)], axis=1)
    fitted = fit_encoder(rows, (*log.card.features, *NIGHTLY.features()), EncoderSettings())
    everybody = {
        "user_id": Vocabulary(np.arange(1, num_users + 1)),
        "item_id": Vocabulary(np.arange(1, NUM_ITEMS + 1)),
    }
    return replace(fitted, vocabularies=fitted.vocabularies | everybody)


def scorer_for(num_users: int, *, device: str | None) -> EagerScorer:
    encoder = encoder_for(num_users)
    ranker = build_ranker(
        encoder.schema,
        settings=RankerSettings(),
        mixture=MMoE(),
        heads={"click": Bernoulli(), "dwell": CensoredLogNormal(), "retention": DiscreteHazard()},
        seed=0,
    )
    return EagerScorer(ranker, WeightedProduct(), encoder, device=device)


def serve(num_users: int, *, threads: int, device: str | None) -> ServedCost:
    """Serve whole days until enough candidates were scored."""
    parts = world(num_users, 400).mechanisms()
    publication = world(num_users, 400).publication(parts, UNIFORM)
    run, store = Run(parts, threads=threads), NightlyStore(NIGHTLY, publication.card())

    def day_of(policy: ScoredPolicy) -> int:
        """Run a day and the night after it; gives its impressions."""
        day = run.step(policy)
        assert day is not None
        observe([publication.in_order(day)])
        return day.requests.item.size

    def observe(days: list) -> None:
        store.observe(observed_days(publication, days, until_day=run.day))

    for _ in range(2):
        day_of(UNIFORM)
    watch, scorer = Stopwatch(), scorer_for(num_users, device=device)
    rows_scored = [0]

    def model(rows: pd.DataFrame) -> np.ndarray:
        rows_scored[0] += len(rows)
        return scorer(rows)

    # Frozen, like everything of the library; only here somebody looks inside.
    object.__setattr__(scorer.encoder, "transform", watch.timed("encoding", scorer.encoder.transform))
    observe = watch.timed("night", observe)
    ranked = RowsScored(
        model=watch.timed("scoring", model), publication=publication, store=watch.timed("store", store)
    )
    object.__setattr__(ranked, "score", watch.timed("all", ranked.score))
    policy = ScoredPolicy(exploration=EpsilonGreedySlates(epsilon=0.1), scorers=(ranked,), ranker="model")
    made, start = 0, time.perf_counter()
    while rows_scored[0] < LEAST_ROWS:
        made += day_of(policy)
    wall, spent = time.perf_counter() - start, watch.seconds
    seconds = {
        "model forward": spent["scoring"] - spent["encoding"],
        "encoding": spent["encoding"],
        "row building": spent["all"] - spent["scoring"] - spent["store"],
        "feature store": spent["store"] + spent["night"],
        "world": wall - spent["all"] - spent["night"],
    }
    return ServedCost(made, rows_scored[0], wall, {name: seconds[name] / wall for name in PARTS})


def report_served(costs: dict[int, list[ServedCost]], *, device: torch.device) -> None:
    rounds = len(next(iter(costs.values())))
    print(f"\na model as the policy, on {device}; medians of {rounds} rounds, shares of wall-clock time")
    print(
        f"  {'users':>9} {'impressions/s':>14} {'rows scored/s':>14} "
        + " ".join(f"{each:>13}" for each in PARTS)
    )
    for users, found in costs.items():
        made = statistics.median(each.impressions / each.wall_seconds for each in found)
        rows = statistics.median(each.rows / each.wall_seconds for each in found)
        shares = [statistics.median(each.shares[name] for each in found) for name in PARTS]
        print(f"  {users:>9,} {made:>14,.0f} {rows:>14,.0f} " + " ".join(f"{each:>13.0%}" for each in shares))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="up to 1e5 users, one round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=0, help="0: one if quick, else three")
    parser.add_argument("--device", default="auto", help="of the model: cpu, cuda, or auto")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = None if options.device == "auto" else options.device
    sizes = (10_000, 100_000) if options.quick else (10_000, 100_000, 1_000_000)
    load = os.getloadavg()[0]
    print(
        f"torch {torch.__version__}, {options.threads} threads on {os.cpu_count()} cores, "
        f"load at start {load:.1f}, {NUM_ITEMS:,} items, 20 candidates a request",
        flush=True,
    )
    costs: dict[int, list[ServedCost]] = {users: [] for users in sizes}
    for _ in range(options.rounds or (1 if options.quick else 3)):
        for users in sizes:
            costs[users].append(serve(users, threads=options.threads, device=device))
    report_served(costs, device=scorer_for(10, device=device).device)


if __name__ == "__main__":
    main()
