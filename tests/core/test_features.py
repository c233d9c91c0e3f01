from dataclasses import replace

import pytest

from holdfast.core.features import Feature, InputSchema, ListField


def test_a_feature_has_its_own_vocabulary_unless_it_shares_one():
    assert Feature(name="x", kind="categorical", owner="item").vocabulary_name == "x"
    assert Feature(name="x", kind="categorical", owner="item", vocabulary="v").vocabulary_name == "v"


@pytest.mark.parametrize(
    ("kind", "is_list"),
    [("numeric", False), ("categorical", False), ("multi_valued", True), ("sequence", True)],
)
def test_which_kinds_hold_lists(kind, is_list):
    assert Feature(name="x", kind=kind, owner="user").is_list is is_list


@pytest.mark.parametrize(
    "wrong", [{"kind": "text"}, {"owner": "seller"}, {"scale": "sqrt"}, {"max_length": 0}]
)
def test_a_wrong_value_is_named(wrong):
    with pytest.raises(ValueError, match=f"'x': {next(iter(wrong))} is {next(iter(wrong.values()))!r}"):
        Feature(**{"name": "x", "kind": "numeric", "owner": "user", **wrong})


def test_a_schema_needs_inputs_and_vocabularies():
    with pytest.raises(ValueError, match="at least one input"):
        InputSchema(categorical=(), numeric=())
    with pytest.raises(ValueError, match="'a' has no vocabulary"):
        InputSchema(categorical=("a",), numeric=())
    with pytest.raises(ValueError, match="'l' has no vocabulary"):
        InputSchema(
            categorical=(),
            numeric=("n",),
            lists=(ListField(name="l", max_length=2),),
            vocabulary_of={"l": "v"},
            num_rows={"v": 1},
        )
    assert InputSchema(categorical=(), numeric=("n",)).numeric == ("n",)


def lists(*fields: ListField) -> InputSchema:
    return InputSchema(
        categorical=("item", "topic"),
        numeric=(),
        lists=fields,
        vocabulary_of={
            "item": "items",
            "topic": "topics",
            "clicked": "items",
            "gaps": "gaps",
            "more": "gaps",
        },
        num_rows={"items": 5, "topics": 5, "gaps": 5},
    )


CLICKED = ListField(name="clicked", max_length=3, ordered=True, target="item")
GAPS = ListField(name="gaps", max_length=3, ordered=True, gap_of="clicked")


def test_gaps_are_no_field_of_their_own() -> None:
    assert lists(CLICKED, GAPS).fields == ("item", "topic", "clicked")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ((replace(CLICKED, target="topic"),), "'clicked' has the target 'topic'"),
        ((replace(CLICKED, target="nobody"),), "'clicked' has the target 'nobody'"),
        ((replace(CLICKED, ordered=False),), "'clicked' has the target 'item'"),
        ((GAPS,), "'gaps' holds the gaps of 'clicked'; that must be an ordered list"),
        ((CLICKED, replace(GAPS, max_length=2)), "with max_length 2 too"),
        ((replace(CLICKED, ordered=False, target=""), GAPS), "that must be an ordered list"),
        ((CLICKED, GAPS, replace(GAPS, name="more")), "several lists hold the gaps of 'clicked'"),
        ((CLICKED, GAPS, replace(GAPS, name="more", gap_of="gaps")), "holds the gaps of 'gaps'"),
    ],
)
def test_lists_whose_companions_do_not_fit_are_refused(fields: tuple[ListField, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lists(*fields)


def test_only_a_sequence_holds_gaps() -> None:
    with pytest.raises(ValueError, match="gap_of is 'clicked', and kind is 'multi_valued'"):
        Feature(name="gaps", kind="multi_valued", owner="user", gap_of="clicked")
