"""Checking a composed configuration, and turning it into components."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

import torch
import yaml
from omegaconf import DictConfig, OmegaConf

from holdfast.app.counterfactual.settings import CounterfactualSettings
from holdfast.app.kinds import kind_of
from holdfast.app.monitoring.settings import MonitorSettings
from holdfast.app.named_components import contenders_of, ladders_of
from holdfast.app.robust_plan import KEYS, RobustPlan, robust_plan
from holdfast.app.schema import TARGET, build, check, schema_of
from holdfast.app.settings import RunSettings
from holdfast.app.simulating.contenders import ContenderSettings
from holdfast.app.stressing.settings import StressSettings
from holdfast.core.errors import UserError
from holdfast.core.protocols import (
    FittedFusion,
    Fusion,
    Head,
    Interaction,
    Mixture,
    NamesObjectives,
    SequenceEncoder,
)
from holdfast.core.return_head import ReturnHead
from holdfast.data.encoder import EncoderSettings
from holdfast.data.history import TrailingHistory
from holdfast.data.log import LogSource
from holdfast.data.splits import TemporalSplit
from holdfast.evaluation.evaluate import EvaluationSettings
from holdfast.models.calibration.settings import CalibrationSettings
from holdfast.models.ranker import RankerSettings
from holdfast.objectives.balancing.balance import Balance
from holdfast.objectives.estimators.rows import LossEstimator
from holdfast.objectives.propensities.source import PropensitySource
from holdfast.objectives.weighting import PropensityWeighting
from holdfast.simulation.settings import SimulationSettings
from holdfast.tracking.weights_and_biases import Wandb
from holdfast.training.selection import check_criterion
from holdfast.training.settings import OptimizerSettings, TrainerSettings

GROUPS = (
    "data",
    "split",
    "history",
    "encoder",
    "model",
    "objective",
    "robust",
    "calibration",
    "fusion",
    "optimizer",
    "trainer",
    "evaluation",
    "counterfactual",
    "simulation",
    "policy",
    "stress",
    "drift",
    "monitor",
    "tracking",
)
SINGLE_COMPONENTS = (
    *(group for group in GROUPS if group not in ("model", "objective", "robust", "policy", "drift")),
    "model.ranker",
    "model.sequence",
    "model.interaction",
    "model.mixture",
    "objective.propensity",
    "objective.weighting",
    "objective.estimator",
    "objective.balance",
    *KEYS,
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A configuration as objects: what a run will do. Nothing below ``app`` ever sees the configuration."""

    settings: RunSettings
    source: LogSource
    split: TemporalSplit
    history: TrailingHistory
    encoder: EncoderSettings
    ranker: RankerSettings
    sequence: SequenceEncoder
    interaction: Interaction
    mixture: Mixture
    heads: dict[str, Head]
    propensity: PropensitySource
    weighting: PropensityWeighting
    estimator: LossEstimator
    balance: Balance
    robust: RobustPlan
    calibration: CalibrationSettings
    fusion: Fusion
    optimizer: OptimizerSettings
    trainer: TrainerSettings
    evaluation: EvaluationSettings
    counterfactual: CounterfactualSettings
    simulation: SimulationSettings
    contenders: dict[str, ContenderSettings]
    stress: StressSettings
    ladders: dict[str, Any]
    monitor: MonitorSettings
    tracking: Wandb


def check_config(config: DictConfig) -> None:
    """Refuse unknown keys, wrong types and missing values, every fault at once.

    Raises:
        UserError: names every key that is at fault.
    """
    allowed = {field.name for field in fields(RunSettings)} | set(GROUPS)
    unknown = sorted(str(key) for key in config if key not in allowed)
    if unknown:
        raise UserError(f"unknown keys at the top of the configuration: {unknown}; known: {sorted(allowed)}")
    schema = OmegaConf.structured(schema_of(RunSettings))
    for name in (str(key) for key in config if key not in GROUPS):
        try:
            OmegaConf.update(schema, name, config[name], merge=False)
        except ValueError as error:  # OmegaConf's errors of type are ValueErrors
            raise UserError(f"{name}: {str(error).splitlines()[0]}") from error
    for key in SINGLE_COMPONENTS:
        node = OmegaConf.select(config, key)
        if not isinstance(node, DictConfig) or TARGET not in node:
            raise UserError(
                f"{key} names no component; choose one with {key.replace('.', '/')}=..., or give it a "
                f"{TARGET}. "
                "A file that sets it from elsewhere starts with '# @package _global_'"
            )
    check(config)


def plan(config: DictConfig) -> Plan:
    """Check a configuration and build its components.

    Raises:
        UserError: a key, a type or a value is wrong.
    """
    check_config(config)
    head_nodes = OmegaConf.select(config, "model.heads")
    if not head_nodes:
        raise UserError("model.heads is empty; a run needs at least one of click, dwell and retention")
    heads = {str(name): kind_of(config, f"model.heads.{name}", Head) for name in head_nodes}
    made = {
        key: build(config, key)
        for key in (
            *("split", "history", "encoder", "optimizer", "trainer", "evaluation"),
            *("calibration", "counterfactual", "simulation", "stress", "monitor", "tracking"),
        )
    }
    made["fusion"] = kind_of(config, "fusion", Fusion)
    _check_horizon(heads, horizon_days=run_settings(config).horizon_days)
    _check_together(made["fusion"], kind_of(config, "objective.balance", Balance), made["trainer"], heads)
    estimator, contenders = _estimator(config, heads), contenders_of(config)
    return Plan(
        settings=run_settings(config),
        source=kind_of(config, "data", LogSource),
        **_model(config, heads),
        heads=heads,
        propensity=kind_of(config, "objective.propensity", PropensitySource),
        weighting=build(config, "objective.weighting"),
        estimator=estimator,
        balance=kind_of(config, "objective.balance", Balance),
        robust=robust_plan(config, estimator=estimator, trainer=made["trainer"], contenders=contenders),
        contenders=contenders,
        ladders=ladders_of(config, made["stress"]),
        **made,
    )


def _model(config: DictConfig, heads: dict[str, Head]) -> dict[str, Any]:
    """The parts of the model but for its heads; what depends on the data is checked where these are read."""
    made = {
        "ranker": build(config, "model.ranker"),
        "sequence": kind_of(config, "model.sequence", SequenceEncoder),
        "interaction": kind_of(config, "model.interaction", Interaction),
        "mixture": kind_of(config, "model.mixture", Mixture),
    }
    try:
        with torch.random.fork_rng(devices=[]):
            made["sequence"].build(1, made["ranker"].embedding_dim)
    except ValueError as error:
        raise UserError(f"model.sequence: {error}") from error
    try:
        if isinstance(made["mixture"], NamesObjectives):
            made["mixture"].check(tuple(heads))
    except ValueError as error:
        raise UserError(f"model.mixture: {error}") from error
    return made


def _check_together(
    fusion: Fusion, balance: Balance, trainer: TrainerSettings, heads: dict[str, Head]
) -> None:
    """Refuse now what would only be found after minutes of preparing and training."""
    known = dict.fromkeys(heads, 1)
    check_criterion(trainer.criterion, objectives=tuple(heads), known=known)
    for key, check_it in (
        ("fusion", functools.partial(_check_fusion, fusion, heads)),
        ("objective.balance", functools.partial(balance.check, tuple(heads))),
    ):
        try:
            check_it()
        except ValueError as error:
            raise UserError(f"{key}: {error}") from error


def _check_fusion(fusion: Fusion, heads: dict[str, Head]) -> None:
    """Refuse a fusion that could not be used, or not be learned, for these heads."""
    if isinstance(fusion, FittedFusion):
        fusion.check(tuple(heads))
    else:
        fusion.fuse({name: torch.ones(1) for name in heads})


def _check_horizon(heads: dict[str, Head], *, horizon_days: int) -> None:
    """Refuse a head that asks for longer absences than the labels tell apart."""
    for name, head in heads.items():
        if isinstance(head, ReturnHead) and head.horizon_days > horizon_days:
            raise UserError(
                f"model.heads.{name}.horizon_days is {head.horizon_days}, and labels tell apart "
                f"{horizon_days} days: raise horizon_days to {head.horizon_days}, or lower the head's"
            )


def _estimator(config: DictConfig, heads: dict[str, Head]) -> LossEstimator:
    """The estimator of losses after a click, held against the heads that it is for."""
    from holdfast.training.post_click import check_heads

    estimator: LossEstimator = kind_of(config, "objective.estimator", LossEstimator)
    check_heads(estimator, heads)
    return estimator


def run_settings(config: DictConfig) -> RunSettings:
    """The settings that belong to no component.

    Raises:
        UserError: a value is out of range.
    """
    values: dict[str, Any] = {
        field.name: OmegaConf.to_container(config[field.name], resolve=True)
        if OmegaConf.is_config(config[field.name])
        else config[field.name]
        for field in fields(RunSettings)
    }
    try:
        return RunSettings(**values)
    except ValueError as error:
        raise UserError(str(error)) from error


def resolved(config: DictConfig) -> dict[str, Any]:
    """The configuration in plain containers, interpolations resolved, without Hydra's own node."""
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items() if key != "hydra"}


def to_yaml(config: dict[str, Any]) -> str:
    """Plain containers as YAML, in the order in which they stand."""
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
