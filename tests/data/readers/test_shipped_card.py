import pytest

from holdfast.core.errors import UserError
from holdfast.core.shipped import shipped_folder
from holdfast.data.canonical import OUTCOME_COLUMNS
from holdfast.data.readers.shipped_card import card_for, dataset_card

DATASETS = ("canonical", "ebnerd", "kuairand", "open_bandit")


def test_every_dataset_has_a_card_and_instructions():
    folder = shipped_folder("datasets")
    assert sorted(path.parent.name for path in folder.glob("*/card.yaml")) == sorted(DATASETS)
    for name in DATASETS:
        assert "holdfast run data=" in (folder / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DATASETS)
def test_a_card_states_its_source_and_licence_and_no_outcome_as_a_feature(name):
    card = dataset_card(name)
    assert card.source
    assert card.licence
    assert not {feature.name for feature in card.features} & set(OUTCOME_COLUMNS)


def test_an_unknown_dataset_is_refused_with_those_that_there_are():
    with pytest.raises(UserError, match=r"no dataset 'netflix'.*ebnerd"):
        dataset_card("netflix")


def test_the_users_own_card_takes_the_place_of_the_datasets(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    assert card_for("ebnerd", str(tmp_path / "mine.yaml")).name == "mine"
    assert card_for("ebnerd", None).name == "ebnerd"
