"""What a configuration says of robust training, as objects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from holdfast.app.schema import TARGET, build
from holdfast.app.simulating.contenders import ContenderSettings, need_the_runs_model
from holdfast.core.errors import UserError
from holdfast.drift.augmentation import Augmentation, check_augmentation
from holdfast.models.ensemble import EnsembleSettings
from holdfast.objectives.estimators.rows import LossEstimator
from holdfast.objectives.robustness.robustness import Robustness
from holdfast.training.settings import TrainerSettings

if TYPE_CHECKING:
    from holdfast.training.robust_training import RobustTraining

PARTS = ("loss", "recency", "feature_dropout", "averaging", "augmentation", "ensemble")
KEYS = tuple(f"robust.{part}" for part in PARTS)
PLAIN: dict[str, Any] = {
    "loss": {"_target_": "holdfast.objectives.robustness.none.PlainMeans"},
    "recency": {"_target_": "holdfast.objectives.time_decay.TimeDecay", "half_life_days": None},
    "feature_dropout": {
        "_target_": "holdfast.training.feature_dropout.FeatureDropout",
        "probability": 0.0,
        "per": "row",
        "inputs": [],
    },
    "averaging": {
        "_target_": "holdfast.training.weight_averaging.WeightAveraging",
        "kind": "none",
        "decay": 0.999,
        "every_steps": 1,
        "start_epoch": 0,
    },
    "augmentation": {
        "_target_": "holdfast.drift.augmentation.Augmentation",
        "injectors": {},
        "severities": [1, 2, 3],
        "share": 0.5,
    },
    "ensemble": {"_target_": "holdfast.models.ensemble.EnsembleSettings", "members": 1},
}
"""What runs of before were trained with, and what a run is trained with that asks for nothing."""


@dataclass(frozen=True, kw_only=True)
class RobustPlan:
    """How a run's model is made to hold elsewhere.

    Attributes:
        training: how a model is trained.
        augmentation: what happens to the rows that it is trained on.
        ensemble: how many of them there are.
    """

    training: RobustTraining
    augmentation: Augmentation
    ensemble: EnsembleSettings


def robust_plan(
    config: DictConfig,
    *,
    estimator: LossEstimator,
    trainer: TrainerSettings,
    contenders: Mapping[str, ContenderSettings],
) -> RobustPlan:
    """Build what stands under ``robust``, and refuse what does not go with the rest.

    Raises:
        UserError: names the key that is at fault.
    """
    from holdfast.training.robust_losses import check_robust_loss
    from holdfast.training.robust_training import RobustTraining

    loss = build(config, "robust.loss")
    if not isinstance(loss, Robustness):
        raise UserError(f"robust.loss: {type(loss).__name__} is no robust loss; choose robust/loss=...")
    heads = tuple(map(str, OmegaConf.select(config, "model.heads")))
    balancer = build(config, "objective.balance").build(heads) if len(heads) > 1 else None
    check_robust_loss(loss, estimator, balancer)
    others = {part: build(config, f"robust.{part}") for part in ("recency", "feature_dropout", "averaging")}
    training = RobustTraining(loss=loss, **others)
    training.check_length(trainer.max_epochs)
    ensemble: EnsembleSettings = build(config, "robust.ensemble")
    _check_alone(ensemble, contenders.values())
    return RobustPlan(training=training, augmentation=_augmentation(config), ensemble=ensemble)


def _augmentation(config: DictConfig) -> Augmentation:
    """The settings with their injectors."""
    made: Augmentation = build(config, "robust.augmentation")
    injectors: dict[str, Any] = {}
    for name in made.injectors:
        key = f"robust.augmentation.injectors.{name}"
        node = OmegaConf.select(config, key)
        if not isinstance(node, DictConfig) or TARGET not in node:
            raise UserError(f"{key} is no drift; add one with +drift@{key}=OPTION")
        injectors[name] = build(config, key)
    try:
        check_augmentation(injectors)
    except ValueError as error:
        raise UserError(f"robust.augmentation.injectors: {error}") from error
    return replace(made, injectors=injectors)


def _check_alone(ensemble: EnsembleSettings, contenders: Collection[ContenderSettings]) -> None:
    """Ensembles that serve a world are a contender's, because they are trained again with it."""
    if ensemble.members > 1 and need_the_runs_model(contenders):
        raise UserError(
            f"robust.ensemble.members is {ensemble.members}, and the run's model takes part in a world: set "
            "robust/ensemble=none there, and policy.NAME.scorer.members for a contender of several models"
        )
