"""The parts of a configuration of which there may be several, each under a name of its own."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from holdfast.app.kinds import kind_of
from holdfast.app.schema import TARGET, build
from holdfast.app.simulating.contenders import ContenderSettings
from holdfast.app.stressing.settings import StressSettings
from holdfast.app.stressing.suite import check_suite
from holdfast.core.errors import UserError


def contenders_of(config: DictConfig) -> dict[str, ContenderSettings]:
    """Who takes part in a simulation, in the order in which they were named; nobody is allowed."""
    made: dict[str, ContenderSettings] = {}
    for name in map(str, OmegaConf.select(config, "policy") or ()):
        node = OmegaConf.select(config, f"policy.{name}")
        if not isinstance(node, DictConfig) or TARGET not in node:
            raise UserError(
                f"policy.{name} is no contender; choose contenders with policy=[uniform,popularity], and "
                f"start a file of your own with '# @package policy.{name}'"
            )
        made[name] = kind_of(config, f"policy.{name}", ContenderSettings)
        if "/" in name or name.startswith("."):
            raise UserError(f"policy.{name}: a contender's name becomes a folder: no slashes, no leading dot")
    return made


def ladders_of(config: DictConfig, settings: StressSettings) -> dict[str, Any]:
    """The drifts of the suite, in its order; an empty suite is refused when it is to be climbed."""
    made: dict[str, Any] = {}
    for name in map(str, OmegaConf.select(config, "drift") or ()):
        node = OmegaConf.select(config, f"drift.{name}")
        if not isinstance(node, DictConfig) or TARGET not in node:
            raise UserError(
                f"drift.{name} is no drift; add one with +drift@drift.{name}=OPTION, and start a file of "
                f"your own with '# @package drift.{name}'"
            )
        made[name] = build(config, f"drift.{name}")
    if made:
        check_suite(made, settings)
    return made
