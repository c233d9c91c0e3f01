"""Components that carry what was fitted: frozen, copied on fitting, saved as plain containers.

The fitted fields of a component are those that its constructor does not take (``field(init=False)``), and are
None until they are fitted.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

Component = TypeVar("Component")


def with_state(component: Component, **state: object) -> Component:
    """A copy of a frozen component with its fitted fields set.

    Raises:
        ValueError: a field is missing, unknown, or one that the constructor takes.
    """
    names = fitted_fields(component)
    if set(state) != set(names):
        raise ValueError(
            f"{type(component).__name__} was fitted with {sorted(state)}, and this version needs "
            f"{sorted(names)}; fit it again"
        )
    fresh = copy.copy(component)
    for name, value in state.items():
        object.__setattr__(fresh, name, _frozen(value))
    return fresh


def state_of(component: object) -> dict[str, Any]:
    """The fitted fields in plain containers, for ``with_state``; empty for those that need no fit."""
    return {name: getattr(component, name) for name in fitted_fields(component)}


def restored(component: Component, state: Mapping[str, Any]) -> Component:
    """A component with what ``state_of`` gave, read back from a file."""
    return with_state(component, **state) if state or fitted_fields(component) else component


def fitted_fields(component: object) -> list[str]:
    """Names of the fields that the constructor does not take."""
    return [field.name for field in fields(component) if not field.init]  # type: ignore[arg-type]


def _frozen(value: Any) -> Any:
    """Lists, as JSON gives them, become tuples, so that components stay comparable and cannot be changed."""
    return tuple(_frozen(each) for each in value) if isinstance(value, list | tuple) else value
