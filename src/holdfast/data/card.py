"""The dataset card: what a log's columns mean, and what may be done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from holdfast.core.errors import UserError
from holdfast.core.features import Feature
from holdfast.core.files import write_text

Objective = Literal["click", "dwell", "retention"]
OBJECTIVES: tuple[Objective, ...] = ("click", "dwell", "retention")


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """What the reader of a log must know about it.

    Attributes:
        name: short name, used in reports.
        description: one or two sentences.
        source: where the data come from (an address or a citation).
        licence: as its owner states it.
        time_zone: IANA name; days, and so visits 'on a later day', are counted in it.
        propensity_of: what the logged propensity is the probability of: ``item_in_slot``, the whole
            ``slate``, or None where none is logged.
        outcomes: the objectives that this log can teach.
        features: the columns that a model may use.
        dwell_tolerance_seconds: dwell above ``content_seconds`` by no more than this is rounding, and cut.
        notes: traps that somebody who uses the data must know.
    """

    name: str
    description: str = ""
    source: str = ""
    licence: str = ""
    time_zone: str = "UTC"
    propensity_of: Literal["item_in_slot", "slate"] | None = None
    outcomes: tuple[Objective, ...] = OBJECTIVES
    features: tuple[Feature, ...] = ()
    dwell_tolerance_seconds: float = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise UserError(
                f"card {self.name!r}: time_zone {self.time_zone!r} is not a known IANA zone"
            ) from error
        unknown = [outcome for outcome in self.outcomes if outcome not in OBJECTIVES]
        if unknown or not self.outcomes:
            raise UserError(
                f"card {self.name!r}: outcomes are {list(self.outcomes)}; choose from {list(OBJECTIVES)}"
            )
        if self.propensity_of not in ("item_in_slot", "slate", None):
            raise UserError(
                f"card {self.name!r}: propensity_of is {self.propensity_of!r}; "
                "choose item_in_slot, slate or null"
            )
        names = [feature.name for feature in self.features]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise UserError(f"card {self.name!r}: features declared twice: {repeated}")
        if not self.dwell_tolerance_seconds >= 0:
            raise UserError(f"card {self.name!r}: dwell_tolerance_seconds must be >= 0")

    def with_features(self, features: Sequence[Feature]) -> DatasetCard:
        """The same card with more features at the end; a feature of the same name is replaced."""
        added = {feature.name for feature in features}
        kept = tuple(feature for feature in self.features if feature.name not in added)
        return replace(self, features=(*kept, *features))

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, ready for YAML or JSON."""
        card = asdict(self)
        for key in ("outcomes", "features", "notes"):
            card[key] = list(card[key])
        for feature in card["features"]:
            # Left out where it says nothing, so that logs written before it existed keep their fingerprints.
            if not feature["gap_of"]:
                del feature["gap_of"]
        return card

    def write(self, path: Path) -> None:
        """Write the card as YAML."""
        write_text(path, yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True))


def card_from_dict(values: Mapping[str, Any], *, where: str) -> DatasetCard:
    """Build a card from plain containers; ``where`` names their origin in error messages.

    Raises:
        UserError: a key is unknown or missing, or a value out of range.
    """
    values = dict(values)
    known = {field.name for field in fields(DatasetCard)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UserError(f"{where}: unknown keys {unknown}; a card has {sorted(known)}")
    try:
        features = tuple(Feature(**feature) for feature in values.pop("features", None) or ())
        for key in ("outcomes", "notes"):
            if values.get(key) is not None:
                values[key] = tuple(values[key])
        return DatasetCard(**values, features=features)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {error}") from error


def read_card(path: Path) -> DatasetCard:
    """Read a card from a YAML file.

    Raises:
        UserError: the file is missing, is not YAML, or does not describe a card.
    """
    if not path.is_file():
        raise UserError(f"no dataset card at {path}; write one (see docs/log_contract.md) or name another")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} does not hold a mapping; a dataset card starts with 'name: ...'")
    return card_from_dict(values, where=str(path))
