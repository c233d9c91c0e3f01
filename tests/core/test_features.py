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
