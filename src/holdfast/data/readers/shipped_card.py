"""The cards of public datasets, which travel with the code."""

from __future__ import annotations

from pathlib import Path

from holdfast.core.errors import UserError
from holdfast.core.shipped import shipped_folder
from holdfast.data.card import DatasetCard, read_card


def dataset_card(name: str) -> DatasetCard:
    """The card ``datasets/<name>/card.yaml``.

    Raises:
        UserError: there is no such dataset; the message lists those that there are.
    """
    folder = shipped_folder("datasets")
    if not (folder / name / "card.yaml").is_file():
        known = sorted(path.parent.name for path in folder.glob("*/card.yaml"))
        raise UserError(f"there is no dataset {name!r} in {folder}; there are {known}")
    return read_card(folder / name / "card.yaml")


def card_for(name: str, path: str | None) -> DatasetCard:
    """The user's own card at ``path``, or the dataset's where ``path`` is None."""
    return dataset_card(name) if path is None else read_card(Path(path).expanduser())
