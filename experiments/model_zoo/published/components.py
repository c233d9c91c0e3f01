"""The components of a run: the files of ``configs``, changed where the published setting is another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmark import BenchmarkSettings
from omegaconf import OmegaConf

from holdfast.app.schema import build, check
from holdfast.core.errors import UserError
from holdfast.core.protocols import Mixture
from holdfast.core.shipped import shipped_folder
from holdfast.data.encoder import EncoderSettings
from holdfast.models.ranker import RankerSettings
from holdfast.training.settings import OptimizerSettings, TrainerSettings

SETTINGS = Path(__file__).parent / "settings"
GROUPS = {
    "encoder": "encoder/default",
    "ranker": "model/ranker/default",
    "optimizer": "optimizer/default",
    "trainer": "trainer/default",
}


@dataclass(frozen=True)
class Components:
    """What all models of a benchmark have in common."""

    encoder: EncoderSettings
    ranker: RankerSettings
    optimizer: OptimizerSettings
    trainer: TrainerSettings


def read_settings(name: str) -> BenchmarkSettings:
    """The published setting of a benchmark, from ``settings/<name>.yaml``."""
    given: Any = OmegaConf.to_container(OmegaConf.load(SETTINGS / f"{name}.yaml"), resolve=True)
    parts = {part: given.pop(part, {}) for part in GROUPS}
    unknown = sorted(set(given) - (set(asdict(BenchmarkSettings())) - {"parts", "country"}))
    if unknown:
        raise UserError(
            f"{SETTINGS / f'{name}.yaml'}: unknown keys {unknown}; known are {sorted(GROUPS)}, mixtures, "
            "tolerance and validation_share"
        )
    return BenchmarkSettings(parts=parts, **given)


def components(settings: BenchmarkSettings, *, changes: Sequence[str] = ()) -> Components:
    """Encoder, ranker, optimizer and trainer.

    Args:
        settings: of the benchmark.
        changes: such as ``trainer.max_epochs=2``, which go over the settings.

    Raises:
        UserError: a key or a value is wrong.
    """
    asked = _changes(changes)
    return Components(
        **{
            part: component(group, {**settings.parts.get(part, {}), **asked.pop(part, {})})
            for part, group in GROUPS.items()
        }
    )


def mixture(name: str, settings: BenchmarkSettings) -> Mixture:
    """A mixture of ``configs/model/mixture``, as wide as published where that is known."""
    if name not in mixture_names():
        raise UserError(f"there is no mixture {name!r}; choose from {mixture_names()}")
    made: Mixture = component(f"model/mixture/{name}", settings.mixtures.get(name, {}))
    return made


def mixture_names() -> list[str]:
    """All mixtures that there are."""
    return sorted(path.stem for path in (shipped_folder("configs") / "model" / "mixture").glob("*.yaml"))


def component(file: str, changes: Mapping[str, Any]) -> Any:
    """The component that a file of ``configs`` names, with changes, checked key by key."""
    node = OmegaConf.merge(OmegaConf.load(shipped_folder("configs") / f"{file}.yaml"), dict(changes))
    key = file.split("/")[-2]
    config = OmegaConf.create({key: node})
    check(config)
    return build(config, key)


def _changes(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    try:
        asked: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(given)), resolve=True)
    except ValueError as error:
        raise UserError(f"cannot read the settings {list(given)} ({error})") from error
    wrong = [part for part, value in asked.items() if part not in GROUPS or not isinstance(value, dict)]
    if wrong:
        raise UserError(f"cannot set {wrong}; settings are such as trainer.max_epochs=2, of {sorted(GROUPS)}")
    return dict(asked)
