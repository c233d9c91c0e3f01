"""Heads that need statistics of the train window: fitted while preparing, saved beside the windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from holdfast.core.errors import UserError
from holdfast.core.files import read_json, write_json
from holdfast.core.protocols import DwellHead, FittedHead, Head, Population
from holdfast.data.encoded import EncodedWindow
from holdfast.models.fitted import restored, state_of

HEADS_FILE = "heads.json"


def dwell_population(heads: Mapping[str, Head]) -> Population:
    """The rows on which the dwell head, if there is one, is defined."""
    head = heads.get("dwell")
    return head.population if isinstance(head, DwellHead) else "opened"


def fit_heads(heads: Mapping[str, Head], train: EncodedWindow) -> dict[str, Head]:
    """The heads of the window's objectives, fitted on it where they need that.

    A row counts by its share in a fact, and not by its propensity: what is fitted is where a distribution has
    its bins, not what the distribution is.

    Raises:
        UserError: the outcome cannot be fitted: nothing of it is known, or it is constant.
    """
    made: dict[str, Head] = {}
    for index, name in enumerate(train.objectives):
        head = heads[name]
        if isinstance(head, FittedHead):
            try:
                fitted = head.fitted(
                    train.value[:, index],
                    event=train.event[:, index],
                    known=train.known[:, index],
                    content_seconds=train.content_seconds,
                    weight=train.spread[:, index],
                )
            except ValueError as error:
                raise UserError(f"model.heads.{name}: {error}") from error
            head = cast(Head, fitted)
        made[name] = head
    return made


def save_heads(folder: Path, heads: Mapping[str, Head]) -> None:
    """Write what was fitted, for ``load_heads``."""
    states = {name: {"head": type(head).__name__, "state": state_of(head)} for name, head in heads.items()}
    write_json(folder / HEADS_FILE, states)


def load_heads(folder: Path, heads: Mapping[str, Head], objectives: Sequence[str]) -> dict[str, Head]:
    """The heads with what was fitted when the windows were prepared.

    Raises:
        UserError: what was saved is of another head.
    """
    path = folder / HEADS_FILE
    saved: dict[str, Any] = read_json(path) if path.is_file() else {}
    made: dict[str, Head] = {}
    for name in objectives:
        entry = saved.get(name, {"head": type(heads[name]).__name__, "state": {}})
        if entry["head"] != type(heads[name]).__name__:
            raise UserError(
                f"{path} holds a fitted {entry['head']} for {name}, and the configuration asks for "
                f"{type(heads[name]).__name__}; prepare again"
            )
        try:
            made[name] = restored(heads[name], entry["state"])
        except ValueError as error:
            raise UserError(f"{path}: {error}: prepare again") from error
    return made


def notes_of(heads: Mapping[str, Head]) -> dict[str, list[str]]:
    """What a reader must know of each head's fit; heads without a note are left out."""
    return {
        name: list(head.notes) for name, head in heads.items() if isinstance(head, FittedHead) and head.notes
    }
