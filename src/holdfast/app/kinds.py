"""Whether a component can do what its place in the configuration asks for."""

from __future__ import annotations

import inspect
from typing import Any

from omegaconf import DictConfig

from holdfast.app.schema import build
from holdfast.core.errors import UserError


def kind_of(config: DictConfig, key: str, protocol: type[Any]) -> Any:
    """Build a component, and refuse one that cannot do what its place asks for."""
    made = build(config, key)
    if not isinstance(made, protocol):
        wanted = sorted(name for name in vars(protocol) if not name.startswith("_"))
        raise UserError(
            f"{key}: {type(made).__name__} is no {protocol.__name__}, which has {', '.join(wanted)}"
        )
    wanted, given = (_builds_from(each) for each in (protocol, made))
    if wanted != given:
        raise UserError(
            f"{key}: {type(made).__name__} is no {protocol.__name__}, which has build({', '.join(wanted)}) "
            f"and not build({', '.join(given)})"
        )
    return made


def _builds_from(component: Any) -> list[str]:
    """Parameters of ``build``, by which components tell apart that have only it; none where there is none."""
    method = getattr(component, "build", None)
    return [] if method is None else [name for name in inspect.signature(method).parameters if name != "self"]
