"""What was chosen and has nothing to do is told; what is of use is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.app.composition import Plan, plan
from holdfast.app.hydra_entry import compose
from holdfast.app.unused_parts import unused_parts
from holdfast.core.features import InputSchema, ListField
from holdfast.models.mixtures.aitm import AITM
from holdfast.models.sequences.causal_transformer import CausalTransformer
from holdfast.models.sequences.target_attention import TargetAttention

ALL = ("click", "dwell", "retention")


def schema(*, ordered: bool) -> InputSchema:
    """One list, either a sequence or a set."""
    return InputSchema(
        categorical=("item_id",),
        numeric=(),
        lists=(ListField(name="items", max_length=3, ordered=ordered),),
        vocabulary_of={"item_id": "items", "items": "items"},
        num_rows={"items": 9},
    )


@pytest.fixture(scope="module")
def default() -> Plan:
    return plan(compose([]))


@pytest.mark.parametrize("encoder", [CausalTransformer(), TargetAttention()])
def test_a_sequence_encoder_without_a_sequence_is_told(default: Plan, encoder: object) -> None:
    chosen = replace(default, sequence=encoder)
    (told,) = unused_parts(chosen, schema(ordered=False), ALL)
    assert f"the sequence encoder {type(encoder).__name__} reads nothing" in told
    assert "history.recent_items" in told
    assert not list(unused_parts(chosen, schema(ordered=True), ALL))


def test_the_mean_of_nothing_is_the_default_and_no_surprise(default: Plan) -> None:
    assert not list(unused_parts(default, schema(ordered=False), ALL))


@pytest.mark.parametrize(
    ("trained", "passed_on"),
    [(ALL, True), (("click", "retention"), True), (("click", "dwell"), False), (("click",), False)],
)
def test_a_chain_of_fewer_than_two_trained_objectives_is_told(
    default: Plan, trained: tuple[str, ...], passed_on: bool
) -> None:
    chosen = replace(default, mixture=AITM(chain=["click", "retention"]))
    told = list(unused_parts(chosen, schema(ordered=True), trained))
    assert bool(told) is not passed_on
    assert all("AITM passes nothing on" in each and "this run trains ['click']" in each for each in told)


def test_a_chain_of_which_nothing_is_trained_is_told(default: Plan) -> None:
    chosen = replace(default, mixture=AITM(chain=["click", "retention"]))
    (told,) = unused_parts(chosen, schema(ordered=True), ["dwell"])
    assert "this run trains none" in told
