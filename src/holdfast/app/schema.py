"""Settings belong to the component: a Hydra schema is derived from the class that a config node names.

A node that names a class with ``_target_`` may hold exactly the fields of that class, of the right types.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import typing
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from holdfast.core.errors import UserError

TARGET = "_target_"


def component_class(target: str, *, key: str = TARGET) -> type[Any]:
    """The dataclass with the dotted name ``target``.

    Raises:
        UserError: there is no such class, or it is not a dataclass.
    """
    module_name, _, class_name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(
            f"{key}: there is no component {target!r} ({error}); check the spelling of _target_, "
            "and that its package is installed"
        ) from error
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise UserError(f"{key}: {target!r} is not a dataclass; a component's fields are its settings")
    return found


def schema_of(component: type[Any]) -> type[Any]:
    """A mutable dataclass with the fields of ``component`` in types that OmegaConf can check.

    Registering a frozen dataclass itself would make its node read-only.
    """
    hints = typing.get_type_hints(component)
    fields: list[tuple[str, Any, Any]] = []
    for field in dataclasses.fields(component):
        if not field.init:
            continue
        default: Any = dataclasses.MISSING
        if field.default is not dataclasses.MISSING:
            value = list(field.default) if isinstance(field.default, tuple) else field.default
            default = dataclasses.field(default_factory=functools.partial(_copy, value))
        elif field.default_factory is not dataclasses.MISSING:
            default = dataclasses.field(default_factory=field.default_factory)
        else:
            default = dataclasses.field(default="???")
        fields.append((field.name, _checkable(hints[field.name]), default))
    return dataclasses.make_dataclass(f"{component.__name__}Schema", fields)


def _copy(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


def _checkable(hint: Any) -> Any:
    """The nearest type that OmegaConf knows: literals become their base type, tuples become lists."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        kinds = {type(value) for value in arguments}
        plain = kinds - {NoneType}
        kind: Any = plain.pop() if len(plain) == 1 else Any
        return kind | None if NoneType in kinds and kind is not Any else kind
    if origin in (Union, UnionType):
        return Union[tuple(_checkable(argument) for argument in arguments)]  # noqa: UP007
    if origin in (list, tuple):
        return list.__class_getitem__(_checkable(arguments[0]) if arguments else Any)
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return dict.__class_getitem__((_checkable(arguments[0]), _checkable(arguments[1])))
    return hint if hint in (int, float, str, bool, bytes, NoneType) else Any


def component_nodes(config: DictConfig, prefix: str = "") -> Iterator[tuple[str, DictConfig]]:
    """Every node that names a component, with its full key, outermost first."""
    for name in map(str, config):
        node = config._get_node(name)
        if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
            continue
        key = f"{prefix}{name}"
        if TARGET in node:
            yield key, node
        yield from component_nodes(node, f"{key}.")


def check(config: DictConfig) -> None:
    """Check every component node: unknown keys, wrong types and required values that are not given.

    Raises:
        UserError: lists every fault found, each with its full key.
    """
    faults: list[str] = []
    for key, node in component_nodes(config):
        faults.extend(_faults(key, node))
    if faults:
        raise UserError("the configuration has mistakes:\n" + "\n".join(f"  - {fault}" for fault in faults))


def _faults(key: str, node: DictConfig) -> Iterator[str]:
    try:
        component = component_class(str(node[TARGET]), key=key)
    except UserError as error:
        yield str(error)
        return
    schema = OmegaConf.structured(schema_of(component))
    names = [str(name) for name in schema]
    for name in map(str, node):
        if name == TARGET:
            continue
        if name not in names:
            yield f"{key}.{name} is unknown; {component.__name__} has {', '.join(sorted(names))}"
            continue
        if OmegaConf.is_missing(node, name):
            continue  # reported below, together with the keys that are absent
        try:
            OmegaConf.update(schema, name, node[name], merge=False)
        except OmegaConfBaseException as error:
            yield f"{key}.{name}: {str(error).splitlines()[0]}"
    for name in names:
        if OmegaConf.is_missing(schema, name) and (name not in node or OmegaConf.is_missing(node, name)):
            yield f"{key}.{name} is required and not given; say {key}.{name}=..."


def build(config: DictConfig, key: str) -> Any:
    """Construct the component at ``key``, those among its fields first; ``check`` must have passed.

    Raises:
        UserError: a value is out of range; the message names the key.
    """
    node = OmegaConf.select(config, key)
    component = component_class(str(node[TARGET]), key=key)
    merged = OmegaConf.structured(schema_of(component))
    for name in node:
        if name != TARGET:
            OmegaConf.update(merged, str(name), node[name], merge=False)
    values: Any = OmegaConf.to_container(merged, resolve=True)
    for name in map(str, node):
        inner = node._get_node(name)
        if isinstance(inner, DictConfig) and not inner._is_none() and TARGET in inner:
            values[name] = build(config, f"{key}.{name}")
    try:
        return component(**values)
    except ValueError as error:
        raise UserError(f"{key}: {error}") from error
