"""Schemas derived from components: what they accept, and what they say when they refuse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
from omegaconf import OmegaConf

from holdfast.app.schema import build, check, component_class, schema_of
from holdfast.core.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Cup:
    handles: int = 1
    glaze: Literal["white", "blue"] = "white"
    height: float
    labels: list[str] = field(default_factory=list)
    price: float | None = None
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.handles < 0:
            raise ValueError(f"handles is {self.handles}; it must be at least 0")


@dataclass(frozen=True, kw_only=True)
class Pair:
    cup: Cup
    saucer: object | None = None


TARGET = f"{__name__}.Cup"


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Under importlib mode the test module is not importable by name; hand the class over instead."""
    real = component_class

    def find(target, *, key="_target_"):
        return {TARGET: Cup, "tests.Pair": Pair}.get(target) or real(target, key=key)

    monkeypatch.setattr("holdfast.app.schema.component_class", find)


def config(**values):
    return OmegaConf.create({"shelf": {"cup": {"_target_": TARGET, **values}}})


def test_a_good_node_becomes_the_component_with_defaults_filled_in():
    node = config(height=3, labels=["a"], weights={"click": 1})
    check(node)
    assert build(node, "shelf.cup") == Cup(height=3.0, labels=["a"], weights={"click": 1.0})


def test_every_fault_is_listed_with_its_full_key():
    with pytest.raises(UserError) as caught:
        check(config(handels=2, handles="two"))
    text = str(caught.value)
    assert "shelf.cup.handels is unknown; Cup has glaze, handles, height" in text
    assert "shelf.cup.handles: Value 'two' of type 'str' could not be converted to Integer" in text
    assert "shelf.cup.height is required and not given; say shelf.cup.height=..." in text


def test_a_missing_value_is_asked_for_once():
    with pytest.raises(UserError) as caught:
        check(config(height="???"))
    assert str(caught.value).count("shelf.cup.height") == 2  # the key, and what to say


def test_a_value_out_of_range_names_key_field_and_value():
    node = config(height=1.0, handles=-1)
    check(node)
    with pytest.raises(UserError, match=r"shelf\.cup: handles is -1; it must be at least 0"):
        build(node, "shelf.cup")


def test_interpolations_are_resolved_before_their_type_is_checked():
    node = OmegaConf.create({"size": "tall", "cup": {"_target_": TARGET, "height": "${size}"}})
    with pytest.raises(UserError, match=r"cup\.height: Value 'tall'"):
        check(node)


def test_none_is_allowed_only_where_the_field_allows_it():
    check(config(height=1.0, price=None))
    with pytest.raises(UserError, match=r"shelf\.cup\.handles"):
        check(config(height=1.0, handles=None))


def test_components_among_the_fields_are_built_first_and_faults_name_their_full_key():
    saucer = {"_target_": TARGET, "height": 0.5}
    node = OmegaConf.create(
        {"set": {"_target_": "tests.Pair", "cup": {"_target_": TARGET, "height": 2}, "saucer": saucer}}
    )
    made = build(node, "set")
    assert made == Pair(cup=Cup(height=2.0), saucer=Cup(height=0.5))
    node.set.saucer.handles = -1
    with pytest.raises(UserError, match=r"set\.saucer: handles is -1"):
        build(node, "set")


def test_a_component_among_the_fields_may_be_absent():
    node = OmegaConf.create({"set": {"_target_": "tests.Pair", "cup": {"_target_": TARGET, "height": 2}}})
    assert build(node, "set").saucer is None
    node.set.saucer = None
    assert build(node, "set").saucer is None


def test_an_unknown_class_says_which_key_asked_for_it():
    node = OmegaConf.create({"cup": {"_target_": "holdfast.nowhere.Cup"}})
    with pytest.raises(UserError, match=r"cup: there is no component 'holdfast\.nowhere\.Cup'"):
        check(node)


def test_a_class_without_fields_is_no_component():
    node = OmegaConf.create({"cup": {"_target_": "holdfast.core.errors.UserError"}})
    with pytest.raises(UserError, match="is not a dataclass"):
        check(node)


def test_the_schema_is_mutable_and_its_defaults_are_not_shared():
    schema = schema_of(Cup)
    one, other = OmegaConf.structured(schema), OmegaConf.structured(schema)
    one.labels.append("a")
    assert list(other.labels) == []
