"""Drift in training rows, so that a model has seen it before production moves.

N rows of the train window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np

from holdfast.core.arrays import Ints
from holdfast.core.errors import UserError
from holdfast.core.random import derive_seed, generator
from holdfast.data.encoded import META_FIELDS, EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.drift.injector import Family, Injector, check_severity
from holdfast.drift.onset import GradualOnset
from holdfast.drift.rows import DriftRows

ALLOWED_KINDS = ("covariate", "sensor")


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Some requests of the train window are replaced by themselves after a drift.

    Raw rows are changed before they are encoded, once, by an encoder that was fitted on the clean ones: what
    an injector does to a column, to its missing values and to ids never seen is then what it does in a stress
    suite. Nothing is added, so that an epoch costs what it costs without; drifts that take rows away leave it
    a little shorter. Labels stay what they were.

    Attributes:
        injectors: of the family ``training``, by name; no augmentation where empty.
        severities: each drifted request has one of these, from 1 to 5.
        share: of the requests that are drifted, in [0, 1]; injectors and severities share them evenly.
    """

    injectors: dict[str, Any] = field(default_factory=dict)
    severities: list[int] = field(default_factory=lambda: [1, 2, 3])
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share is {self.share}; it must be in [0, 1]")
        if not self.severities or any(check_severity(each) == 0 for each in self.severities):
            raise ValueError(f"severities is {self.severities}; give at least one, each from 1 to 5")

    @property
    def changes_nothing(self) -> bool:
        """Whether rows stay as they are."""
        return not self.injectors or self.share == 0.0


def check_augmentation(injectors: Mapping[str, object]) -> None:
    """Refuse what training may not see, and what would change labels.

    The family is read off the class and the classes that it is made from, and of what comes on over days
    off the injector inside: no setting can make a held-out drift one to be trained on.

    Raises:
        ValueError: names the injector and says why.
    """
    for name, each in injectors.items():
        if not isinstance(each, Injector):
            raise ValueError(f"{name} is {type(each).__name__}, which puts no drift into rows")
        inside = each.injector if isinstance(each, GradualOnset) else each
        family = _family_of(type(inside))
        if family is None:
            raise ValueError(
                f"{name} is {type(inside).__name__}, whose family is a setting; make it a fact of the class, "
                "as in 'family: ClassVar[Family] = Family.TRAINING'"
            )
        if family is not Family.TRAINING:
            raise ValueError(
                f"{name} is of the family {str(family)!r}, which only judges models: trained on, it "
                "would say nothing any more; choose injectors of the family 'training'"
            )
        if each.kind not in ALLOWED_KINDS:
            raise ValueError(
                f"{name} is a drift of kind {each.kind!r}, which changes labels; choose among "
                f"{' and '.join(ALLOWED_KINDS)} drifts"
            )


def _family_of(made: type) -> Family | None:
    """What the class and those that it is made from say; the strictest counts, None where it is a setting."""
    if is_dataclass(made) and any(each.name == "family" for each in fields(made)):
        return None
    said = [each.__dict__["family"] for each in made.__mro__ if "family" in each.__dict__]
    families = [Family(each) for each in said if isinstance(each, str)]
    # A protocol that a class is made from says that there is a family, and not which.
    return max(families, key=list(Family).index, default=None)


def augmented_window(
    settings: Augmentation, clean: DriftRows, window: EncodedWindow, encoder: Encoder, *, seed: int
) -> EncodedWindow:
    """The train window with drift in some of its requests; the same object where nothing changes.

    Args:
        settings: which drifts, how strong and how many.
        clean: raw rows of the train window, ``[N]``.
        window: the same rows, encoded.
        encoder: fitted on them.
        seed: decides which requests drift, and how.

    Raises:
        UserError: an injector does not fit the rows.
        ValueError: raw and encoded rows are not the same ones, or an injector may not be trained on.
    """
    check_augmentation(settings.injectors)
    if len(clean) != len(window):
        raise ValueError(f"there are {len(clean)} raw rows and {len(window)} encoded ones")
    if settings.changes_nothing or len(window) == 0:
        return window
    for name, injector in settings.injectors.items():
        reason = injector.fits(clean)
        if reason is not None:
            raise UserError(
                f"robust.augmentation: {name} does not fit the train window: {reason}; leave it out with "
                f"'~robust.augmentation.injectors.{name}'"
            )
    cells = [(name, severity) for name in settings.injectors for severity in settings.severities]
    cell_of_row = _cells(window, len(cells), share=settings.share, seed=seed)
    parts = [_taken(window, np.flatnonzero(cell_of_row < 0))]
    sources = [np.flatnonzero(cell_of_row < 0)]
    for place, (name, severity) in enumerate(cells):
        index = np.flatnonzero(cell_of_row == place)
        if not len(index):
            continue
        chosen = derive_seed(seed, "augmentation", name, severity)
        drifted = settings.injectors[name].inject(clean.take(index), severity=severity, seed=chosen).rows
        inputs = encoder.transform(drifted.rows)
        parts.append(
            replace(
                _taken(window, drifted.source),
                categorical=inputs.categorical,
                numeric=inputs.numeric,
                lists=inputs.lists,
                content_seconds=inputs.content_seconds,
            )
        )
        sources.append(drifted.source)
    order = np.argsort(np.concatenate(sources), kind="stable")
    return _taken(_joined(parts), order)


def _cells(window: EncodedWindow, count: int, *, share: float, seed: int) -> Ints:
    """Which drift each row's request has, from 0; -1 for none, ``[N]``."""
    requests, code = np.unique(np.asarray(window.request), return_inverse=True)
    rng = generator(seed, "augmented requests")
    drawn, cell = rng.random(len(requests)), rng.integers(0, count, len(requests))
    return np.asarray(np.where(drawn < share, cell, -1)[code.reshape(-1)], dtype=np.int64)


def _taken(window: EncodedWindow, index: Ints) -> EncodedWindow:
    """Some rows of a window."""
    columns: dict[str, Any] = {name: np.asarray(getattr(window, name))[index] for name in _columns()}
    return replace(window, lists=tuple(np.asarray(each)[index] for each in window.lists), **columns)


def _joined(parts: list[EncodedWindow]) -> EncodedWindow:
    """Windows one after another."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(each, name) for each in parts]) for name in _columns()
    }
    lists = tuple(np.concatenate(each) for each in zip(*(part.lists for part in parts), strict=True))
    return replace(parts[0], lists=lists, **columns)


def _columns() -> list[str]:
    return [each.name for each in fields(EncodedWindow) if each.name not in (*META_FIELDS, "lists")]
