from pathlib import Path

import pytest

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.data.card import DatasetCard, card_from_dict, read_card

CARD = DatasetCard(
    name="news",
    licence="CC0 ±",
    time_zone="Europe/Copenhagen",
    propensity_of="slate",
    outcomes=("click", "dwell"),
    features=(
        Feature(name="age", kind="numeric", owner="item", scale="log"),
        Feature(name="topics", kind="multi_valued", owner="item", max_length=3, vocabulary="topic"),
    ),
    notes=("beware",),
)


def test_a_written_card_reads_back_the_same(tmp_path: Path):
    CARD.write(tmp_path / "card.yaml")
    assert read_card(tmp_path / "card.yaml") == CARD


def test_a_card_without_gaps_is_written_as_before_there_were_any():
    """Logs of such cards keep their fingerprints."""
    assert "gap_of" not in CARD.to_dict()["features"][0]
    gaps = Feature(name="gaps", kind="sequence", owner="user", gap_of="recent")
    card = CARD.with_features([gaps])
    assert card.to_dict()["features"][-1]["gap_of"] == "recent"
    assert card_from_dict(card.to_dict(), where="here") == card


def test_a_short_card_has_defaults():
    card = card_from_dict({"name": "short"}, where="here")
    assert card == DatasetCard(name="short")
    assert card.outcomes == ("click", "dwell", "retention")


def test_added_features_come_last_and_replace_their_namesakes():
    age = Feature(name="age", kind="numeric", owner="item")
    new = Feature(name="new", kind="numeric", owner="user")
    assert [each.name for each in CARD.with_features([age, new]).features] == ["topics", "age", "new"]
    assert CARD.with_features([age]).features[-1].scale == "linear"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone 'Mars/Olympus'"),
        ({"time_zone": "../etc/passwd"}, "is not a known IANA zone"),
        ({"outcomes": ["click", "likes"]}, "likes"),
        ({"outcomes": []}, "outcomes are"),
        ({"propensity_of": "page"}, "propensity_of is 'page'"),
        ({"dwell_tolerance_seconds": -1.0}, "dwell_tolerance_seconds"),
        ({"colour": "red"}, r"unknown keys \['colour'\]"),
        ({"features": [{"name": "a", "kind": "numeric"}]}, "owner"),
        ({"features": [{"name": "a", "kind": "picture", "owner": "item"}]}, "kind is 'picture'"),
        ({"features": [{"name": "a", "kind": "numeric", "owner": "item"}] * 2}, r"declared twice: \['a'\]"),
    ],
)
def test_a_wrong_card_is_refused_by_name(wrong: dict, message: str):
    with pytest.raises(UserError, match=message) as caught:
        card_from_dict({"name": "x", **wrong}, where="cards/x.yaml")
    assert str(caught.value).startswith("cards/x.yaml: ")


def test_a_card_needs_a_name():
    with pytest.raises(UserError, match="name"):
        card_from_dict({}, where="here")


@pytest.mark.parametrize("text", ["- a\n- b\n", "name: [", ""])
def test_a_file_that_is_no_card_is_named(tmp_path: Path, text: str):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"card\.yaml"):
        read_card(path)


def test_an_absent_file_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="no dataset card at"):
        read_card(tmp_path / "card.yaml")
