"""What was measured of a ranker, and of the reference, in one condition.

R resamples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.core.arrays import Floats, Ints
from holdfast.core.files import whole_file
from holdfast.core.random import generator
from holdfast.evaluation.robustness.linearised import Linearised, resampled

USERS_IN_A_BLOCK = 1024


@dataclass(frozen=True, kw_only=True)
class Resampler:
    """Weights of users, drawn once and shared by all conditions, rankers and metrics.

    A user's weights depend on the seed and on the user's code alone, so that users who only show up in some
    other world can be added.

    Attributes:
        num_resamples: R, 0 for no intervals.
        seed: of the draws.
    """

    num_resamples: int
    seed: int
    _blocks: dict[int, Floats] = field(default_factory=dict, repr=False)

    def deviations(self, num_users: int) -> Floats:
        """Poisson weights less 1, ``[R, U]``."""
        num_blocks = max(-(-num_users // USERS_IN_A_BLOCK), 1)
        for block in range(num_blocks):
            if block not in self._blocks:
                draw = generator(self.seed, "stress users", block)
                weights = draw.poisson(1.0, size=(self.num_resamples, USERS_IN_A_BLOCK))
                self._blocks[block] = weights.astype(np.float32) - 1.0
        if num_blocks not in self._joined:
            self._joined[num_blocks] = np.hstack([self._blocks[block] for block in range(num_blocks)])
        return self._joined[num_blocks][:, :num_users]

    _joined: dict[int, Floats] = field(default_factory=dict, repr=False)
    _shares: dict[tuple[int | str, ...], Floats] = field(default_factory=dict, repr=False)

    def seed_shares(self, num_seeds: int, *names: str) -> Floats:
        """What each injection seed counts, ``[num_seeds, 1 + R]``: first evenly, then as resampled."""
        key: tuple[int | str, ...] = (num_seeds, *names)
        if key not in self._shares:
            self._shares[key] = self._drawn_shares(num_seeds, *names)
        return self._shares[key]

    def _drawn_shares(self, num_seeds: int, *names: str) -> Floats:
        shares = np.full((num_seeds, 1 + self.num_resamples), 1.0 / num_seeds)
        if num_seeds > 1:
            draw = generator(self.seed, "stress seeds", *names)
            even = np.full(num_seeds, 1.0 / num_seeds)
            shares[:, 1:] = draw.multinomial(num_seeds, even, size=self.num_resamples).T / num_seeds
        return shares


@dataclass(frozen=True)
class Conditions:
    """Metrics by stable name, each ``[1 + R]``: the value, then its resamples.

    Attributes:
        model: only those that are defined; ``undefined`` names the others.
        reference: of the reference ranker.
        counts: units that count in each metric.
        undefined: metrics of the model or the reference that have no value here.
        about: notes, figures and seconds, in plain containers.
    """

    model: Mapping[str, Floats]
    reference: Mapping[str, Floats]
    counts: Mapping[str, int]
    undefined: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write it whole; a damaged file would be measured again, so nobody waits for the disk."""
        with whole_file(path, lasting=False) as temporary, temporary.open("wb") as handle:
            record = {
                "model": list(self.model),
                "reference": list(self.reference),
                "counts": dict(self.counts),
                "undefined": list(self.undefined),
                "about": dict(self.about),
            }
            np.savez(
                handle,
                record=np.array(json.dumps(record)),
                model=_stack(self.model),
                reference=_stack(self.reference),
            )


def _stack(values: Mapping[str, Floats]) -> Floats:
    return np.stack(list(values.values())) if values else np.zeros((0, 1))


def load_conditions(path: Path) -> Conditions:
    """Read what ``Conditions.save`` wrote."""
    with np.load(path, allow_pickle=False) as saved:
        record = json.loads(str(saved["record"]))
        model, reference = saved["model"], saved["reference"]
    return Conditions(
        model=dict(zip(record["model"], model, strict=True)),
        reference=dict(zip(record["reference"], reference, strict=True)),
        counts=record["counts"],
        undefined=tuple(record["undefined"]),
        about=record["about"],
    )


def measured(
    model: Mapping[str, Linearised],
    reference: Mapping[str, Linearised],
    *,
    num_users: int,
    resampler: Resampler,
    about: Mapping[str, Any] | None = None,
) -> Conditions:
    """Resample the users of the metrics of both rankers; what is undefined is named and left out."""
    deviations = resampler.deviations(num_users)
    sides = []
    for side in (model, reference):
        values = resampled(list(side.values()), deviations)
        names = [name for name, each in side.items() if each.value is not None]
        kept: Ints = np.flatnonzero(~np.isnan(values[:, 0]))
        sides.append(dict(zip(names, values[kept], strict=True)))
    missing = [name for name, each in (*model.items(), *reference.items()) if each.value is None]
    return Conditions(
        model=sides[0],
        reference=sides[1],
        counts={name: each.n for name, each in model.items()},
        undefined=tuple(dict.fromkeys(missing)),
        about=about or {},
    )
