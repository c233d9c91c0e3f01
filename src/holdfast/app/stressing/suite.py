"""Which ladders of drift are climbed, which are not, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from holdfast.app.stressing.settings import StressSettings
from holdfast.core.errors import UserError
from holdfast.drift.injector import Family, Injector, Kind
from holdfast.drift.rows import DriftRows
from holdfast.drift.world_drift import WorldDrift

Ladder = Injector | WorldDrift


@dataclass(frozen=True)
class Scenario:
    """One rung: a drift, a severity, a seed."""

    name: str
    drift: Ladder
    severity: int
    seed: int

    @property
    def key(self) -> str:
        """A name for files that changes with whatever makes the scenario what it is."""
        digest = hashlib.blake2b(repr(self.drift).encode(), digest_size=4).hexdigest()
        return f"{self.name}-severity_{self.severity}-seed_{self.seed}-{digest}"


@dataclass(frozen=True)
class Suite:
    """The ladders that fit a log.

    Attributes:
        ladders: by name, in the order of the suite.
        left_out: why the others are not climbed, by name.
        settings: severities and seeds.
    """

    ladders: dict[str, Ladder]
    left_out: dict[str, str]
    settings: StressSettings

    def seeds_of(self, name: str) -> list[int]:
        """A ladder without chance is climbed once."""
        drift = self.ladders[name]
        chance = not isinstance(drift, WorldDrift) and getattr(drift, "seeded", True)
        return list(self.settings.seeds) if chance else list(self.settings.seeds[:1])

    def scenarios(self) -> Iterator[Scenario]:
        """Every rung, ladder by ladder."""
        for name, drift in self.ladders.items():
            for severity in self.settings.severities:
                for seed in self.seeds_of(name):
                    yield Scenario(name, drift, severity, seed)


def kind_of(drift: Ladder) -> Kind:
    """What drifts."""
    return drift.kind


def family_of(drift: Ladder) -> Family:
    """What the drift may be used for, by what it is: no setting takes one out of the held-out family.

    A subclass of a held-out injector is held out, and so are a drift that holds one in a field, and a
    schedule of the world that stands in for one.
    """
    if isinstance(drift, WorldDrift):
        return Family(drift.family)
    declared = {vars(each).get("family") for each in type(drift).__mro__}
    inner: list[Any] = [getattr(drift, each.name) for each in fields(drift)] if is_dataclass(drift) else []
    held = any(isinstance(each, Injector) and family_of(each) is Family.HELD_OUT for each in inner)
    return Family.HELD_OUT if held or Family.HELD_OUT in declared else Family(drift.family)


def drift_words(drift: Ladder) -> str:
    """Whether a drift is true or stands for it."""
    if isinstance(drift, WorldDrift):
        return "true"
    return "surrogate" if kind_of(drift) in ("concept", "policy") else "injected"


def check_suite(ladders: Mapping[str, object], settings: StressSettings) -> None:
    """Refuse a suite that makes no sense, whatever the log.

    Raises:
        UserError: an unknown name, a drift that is none, or a held-out drift in a suite that is not.
    """
    for name in settings.only:
        if name not in ladders:
            raise UserError(
                f"stress.only names {name!r}, which the suite {settings.name!r} does not hold; it has "
                f"{', '.join(ladders) or 'no ladders'}. Add one with +drift@drift.{name}={name}"
            )
    for name, other in settings.in_worlds.items():
        if name in ladders and other not in ladders:
            raise UserError(
                f"stress.in_worlds lets {other!r} stand in for {name!r}, and the suite does not hold it: "
                f"add it with +drift@drift.{other}={other}, or leave the entry out"
            )
    held_out = []
    for name, drift in ladders.items():
        if not isinstance(drift, (Injector, WorldDrift)):
            raise UserError(f"drift.{name}: {type(drift).__name__} is no injector; it lacks inject and fits")
        if _chosen(name, settings) and family_of(drift) is Family.HELD_OUT:
            held_out.append(name)
    if held_out and not settings.held_out:
        raise UserError(
            f"{', '.join(held_out)} belong to the held-out family, by which nothing is chosen or tuned; "
            "judge by them in the end with stress=held_out, or take them out of this suite"
        )
    if not any(_chosen(name, settings) for name in ladders):
        raise UserError(
            f"the suite {settings.name!r} holds no ladder; choose stress=quick, standard or held_out"
        )


def _chosen(name: str, settings: StressSettings) -> bool:
    return not settings.only or name in settings.only


def fitting_suite(
    ladders: Mapping[str, Ladder], settings: StressSettings, clean: DriftRows, *, in_world: bool
) -> Suite:
    """The ladders of a suite that fit a log; the others with the reason, none silently.

    Args:
        ladders: of the suite, checked by ``check_suite``.
        settings: which of them.
        clean: rows of the test window.
        in_world: whether the log comes from a world that can run again.

    Raises:
        UserError: none is left.
    """
    kept: dict[str, Ladder] = {}
    left_out: dict[str, str] = {}
    stand_ins = {name: other for name, other in settings.in_worlds.items() if name in ladders}
    for name, drift in ladders.items():
        reason: str | None
        if not _chosen(name, settings) and not any(
            _chosen(each, settings) and other == name for each, other in stand_ins.items()
        ):
            reason = "not among stress.only"
        elif isinstance(drift, WorldDrift):
            reason = None if in_world else "true drift takes a world that can run again (data=world)"
        elif in_world and name in stand_ins:
            reason = f"on a world's log the true drift {stand_ins[name]} stands in for it"
        else:
            reason = drift.fits(clean)
        if reason is None:
            kept[name] = drift
        else:
            left_out[name] = reason
    if not kept:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise UserError(f"nothing of the suite {settings.name!r} is left for this log: {reasons}")
    return Suite(kept, left_out, settings)
