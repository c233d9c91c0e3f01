"""Who is compared, and in which worlds: all of it settled before the first figure was seen, nothing tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from holdfast.simulation.world import DefaultWorld

PLAIN = "plain"
MODELS: Mapping[str, tuple[str, ...]] = {
    # Models of a kind, trained plainly.
    PLAIN: (),
    "mmoe": ("model/mixture=mmoe",),
    "dcn": ("model/interaction=dcn_v2",),
    "wide": ("model.mixture.widths=[256,128]", "model.ranker.tower_widths=[128]"),
    "small": ("model.mixture.widths=[16]", "model.ranker.tower_widths=[16]", "model.ranker.embedding_dim=4"),
    "dropout": ("model.mixture.dropout=0.3", "model.ranker.dropout=0.3"),
    # Handicapped on purpose, for a spread of clean quality.
    "one_epoch": ("trainer.max_epochs=1",),
    "clicks_first": ("objective.balance.weights={click:1.0,dwell:0.1,retention:0.1}",),
    "numbers_only": ("encoder.min_count=1000000",),
    "no_history": ("history.window_days=[]",),
    # Robust training of the plain model, each as its configuration ships.
    "group_dro": ("robust/loss=group_dro",),
    "vrex": ("robust/loss=vrex",),
    "irm": ("robust/loss=irm",),
    "coral": ("robust/loss=coral",),
    "time_decay": ("robust/recency=half_life",),
    "feature_dropout": ("robust/feature_dropout=by_row",),
    "augmentation": ("robust/augmentation=training_family",),
    "weight_average": ("robust/averaging=swa",),
    "ensemble": ("robust/ensemble=several",),
}
"""Words after ``holdfast run``, beside those of the study, by model."""
HANDICAPPED = ("one_epoch", "clicks_first", "numbers_only", "no_history")
ROBUST = tuple(MODELS)[10:]

SCHEDULES: Mapping[str, Mapping[str, float]] = {
    "fatigue": {"clickbait_fatigue": 1.0},
    "interests": {"rotating_interests": 0.5},
    "catalogue": {"catalogue_turnover": 0.5},
    "churn": {"churn": 0.1},
    "sensors": {"missing_sensor": 0.25, "noisy_sensor": 0.5},
}
"""Strengths by world; where ``configs/drift`` has a ladder of the kind, its third severity."""
EVERYTHING = "drift"
RAMP_DAYS = 3


@dataclass(frozen=True, kw_only=True)
class Study:
    """Sizes of the study.

    Attributes:
        users: of each world.
        items: of each world.
        epochs: most passes over the train window; the best on validation is kept.
        severities: of the suites.
        models: names; all where there are none.
    """

    users: int = 1200
    items: int = 800
    epochs: int = 8
    severities: tuple[int, ...] = (1, 3, 5)
    models: tuple[str, ...] = ()

    @property
    def chosen(self) -> list[str]:
        """The models by name."""
        unknown = sorted(set(self.models) - set(MODELS))
        if unknown:
            raise ValueError(f"models names {unknown}; choose from {list(MODELS)}")
        return [name for name in MODELS if not self.models or name in self.models]

    def words(self, model: str, seed: int, *, suite: str = "standard") -> list[str]:
        """What would stand after ``holdfast run`` for one model in one world."""
        return [
            "model/mixture=shared_bottom",
            f"data.num_users={self.users}",
            f"data.num_items={self.items}",
            f"data.seed={seed}",
            f"seed={seed}",
            f"trainer.max_epochs={self.epochs}",
            "trainer.batch_size=1024",
            "trainer.accelerator=cpu",
            "evaluation.num_resamples=0",  # intervals are over worlds and models
            f"stress={suite}",
            f"stress.severities={list(self.severities)}",
            "stress.seeds=[0]",
            "stress.slices=[]",
            "stress.strength_rows=0",
            *MODELS[model],
        ]


def scheduled(world: DefaultWorld, schedules: Mapping[str, float], *, start_day: int) -> DefaultWorld:
    """The same world with changes that begin on a day."""
    changes = {name: dict(settings) for name, settings in world.changes.items()}
    for name, strength in schedules.items():
        changes[name] |= {"start_day": start_day, "ramp_days": RAMP_DAYS, "strength": strength}
    return replace(world, changes=changes)


def drifting(world: DefaultWorld, *, start_day: int) -> dict[str, DefaultWorld]:
    """Worlds that are this one up to a day: a schedule each, and one with all of them."""
    everything = {name: strength for each in SCHEDULES.values() for name, strength in each.items()}
    return {
        name: scheduled(world, schedules, start_day=start_day)
        for name, schedules in {**SCHEDULES, EVERYTHING: everything}.items()
    }
