"""A trained model serves a world: it sees there what it is trained on, and says there what it says here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.core.arrays import Floats
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.log import Log
from holdfast.data.nightly_store import NightlyStore
from holdfast.data.preparation import Prepared, prepare_windows
from holdfast.data.recent_items import RECENT_ITEMS
from holdfast.data.splits import TemporalSplit
from holdfast.models.heads.bernoulli import Bernoulli
from holdfast.models.heads.discrete_hazard import DiscreteHazard
from holdfast.models.mixtures.shared_bottom import SharedBottom
from holdfast.models.ranker import Ranker, RankerSettings, build_ranker
from holdfast.models.sequences.causal_transformer import CausalTransformer
from holdfast.objectives.balancing import StaticBalance
from holdfast.objectives.fusion import WeightedSum
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.serving.bundle import load_bundle
from holdfast.serving.bundle_scorer import BundleScorer
from holdfast.serving.bundle_writer import write_bundle
from holdfast.serving.eager import EagerScorer
from holdfast.simulation.closed_loop import ClosedLoop, Schedule, morning_after
from holdfast.simulation.observing import observed_days
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.random_slates import UniformSlates
from holdfast.simulation.policies.rows import RowsScored
from holdfast.simulation.policies.scored import ScoredPolicy
from holdfast.simulation.record import Day
from holdfast.simulation.world import DefaultWorld
from holdfast.training.fit import fit
from holdfast.training.settings import OptimizerSettings, TrainerSettings

FIRST, SERVED = 14, 3
# The clocks change on March 30, the second of the days served.
WORLD = DefaultWorld(
    num_users=150,
    num_items=150,
    num_days=FIRST + SERVED,
    burn_in_days=5,
    start="2025-03-15",
    time_zone="Europe/Copenhagen",
)
HISTORY = TrailingHistory(refresh="nightly", lag_seconds=3600.0, recent_items=6)
FUSION = WeightedSum(weights={"click": 1.0, "retention": 0.5})
BEHAVIOR = ScoredPolicy(exploration=UniformSlates())
PUBLICATION = WORLD.publication(WORLD.mechanisms(), BEHAVIOR)


@dataclass
class Spy:
    """Scores rows with a model, and keeps both."""

    model: BundleScorer
    seen: list[pd.DataFrame] = field(default_factory=list)

    def __call__(self, rows: pd.DataFrame) -> Floats:
        scores = self.model(rows)
        self.seen.append(rows.assign(served_score=scores))
        return scores


@dataclass(frozen=True)
class Served:
    """What a loop of some days left."""

    log: Log
    seen: pd.DataFrame
    ranker: Ranker
    prepared: Prepared


def trained(log: Log, folder: Path) -> tuple[Ranker, Prepared]:
    prepared = prepare_windows(
        log,
        split=TemporalSplit(train_days=None, gap_days=0, validation_days=2, test_days=1, maturity_days=0),
        history=HISTORY,
        encoder=EncoderSettings(),
        objectives=("click", "retention"),
        horizon_days=2,
    )
    ranker = build_ranker(
        prepared.encoder.schema,
        settings=RankerSettings(embedding_dim=4, tower_widths=[8]),
        sequence=CausalTransformer(num_layers=1, feedforward_width=8),
        mixture=SharedBottom(widths=[16]),
        heads={"click": Bernoulli(), "retention": DiscreteHazard(horizon_days=2)},
        seed=1,
    )
    fit(
        ranker,
        prepared.windows["train"],
        prepared.windows["validation"],
        weighting=PropensityWeighting(),
        balance=StaticBalance(),
        optimizer=OptimizerSettings(learning_rate=0.01),
        settings=TrainerSettings(max_epochs=1, batch_size=512, accelerator="cpu"),
        seed=1,
        folder=folder,
    )
    return ranker, prepared


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("skew")
    morning = morning_after(PUBLICATION, BEHAVIOR, day=FIRST)
    ranker, prepared = trained(PUBLICATION.log(morning.logged, until_day=FIRST), folder / "checkpoints")
    write_bundle(
        folder / "bundle",
        model=ranker,
        fusion=FUSION,
        fusion_description={},
        encoder=prepared.encoder,
        card={},
        resolved_config_text="",
        code_version="",
        data_fingerprint="",
        windows=prepared.bounds,
        sample_rows=prepared.rows["train"],
        history_features=[each.name for each in HISTORY.features()],
    )
    spy = Spy(BundleScorer(load_bundle(folder / "bundle")))
    store = NightlyStore(HISTORY, PUBLICATION.card())
    store.observe(observed_days(PUBLICATION, morning.logged, until_day=FIRST))
    policy = ScoredPolicy(
        exploration=EpsilonGreedySlates(epsilon=0.1),
        scorers=(RowsScored(model=spy, publication=PUBLICATION, store=store),),
        ranker="bundle",
    )
    schedule = Schedule(first_day=FIRST, num_days=SERVED, every_days=0)
    loop = ClosedLoop(PUBLICATION, morning, policy, schedule=schedule)
    days: list[Day] = list(morning.logged)
    while not loop.done:
        number = loop.step().day
        assert loop.served is not None
        days.append(loop.served)
        store.observe(observed_days(PUBLICATION, [loop.served], until_day=number + 1))
    log = PUBLICATION.log(days, until_day=FIRST + SERVED)
    return Served(log, pd.concat(spy.seen, ignore_index=True), ranker, prepared)


@pytest.fixture(scope="module")
def both(served: Served) -> pd.DataFrame:
    """The rows that were shown, as trained on later, beside what the model saw when it chose them."""
    later = pd.concat([served.log.frame, HISTORY.compute(served.log)], axis=1)
    first = PUBLICATION.until(FIRST)
    shown = later[later["shown_at"] >= first]
    pairs = shown.merge(served.seen, on=["user_id", "item_id"], suffixes=("", "_served"))
    # The log tells requests of the same microsecond apart.
    pairs = pairs[(pairs["shown_at"] - pairs["shown_at_served"]).abs() < pd.Timedelta(milliseconds=1)]
    assert len(pairs) == len(shown) > 1000
    return pairs


def test_the_features_served_are_those_trained_on_later(served: Served, both: pd.DataFrame):
    for name in [each.name for each in HISTORY.features()]:
        later, then = both[name], both[f"{name}_served"]
        if later.dtype == object:
            later, then = later.map(tuple), then.map(tuple)
        assert later.equals(then), name
    assert both["user_impressions_7d"].std() > 1.0
    assert both[RECENT_ITEMS].map(len).mean() > 2.0
    fresh = TrailingHistory(lag_seconds=3600.0).compute(served.log)
    nightly = HISTORY.compute(served.log)
    assert (fresh["user_impressions_1d"] > nightly["user_impressions_1d"]).any(), (
        "a history that is kept at once must be another one, or this proves nothing"
    )


def test_the_scores_served_are_the_models(served: Served, both: pd.DataFrame):
    """The bundle on candidates as rows, against the model in memory on the rows of the log."""
    scorer = EagerScorer(served.ranker, FUSION, served.prepared.encoder, device="cpu")
    expected = scorer(both[[each.name for each in served.prepared.encoder.features] + ["content_seconds"]])
    np.testing.assert_allclose(both["served_score"], expected, rtol=1e-6, atol=1e-6)
    assert np.std(expected) > 1e-3
