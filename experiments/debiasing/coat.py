"""Coat Shopping: ratings that users chose to give, and ratings of coats that chance chose.

U users, I items, N ratings.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holdfast.core.errors import UserError

SHAPE = (290, 300)
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Coat:
    """One split of the ratings.

    Attributes:
        rating: 1 to 5, of every pair that anybody rated, ``[U, I]``; NaN elsewhere.
        fit: self-selected ratings to learn from, ``[U, I]``.
        validation: self-selected ratings to choose settings by, ``[U, I]``.
        at_random: a few ratings of randomly chosen coats, on the side of training: they say how ratings are
            spread where chance chooses, and nothing else is done with them, ``[U, I]``.
        test: the other ratings of randomly chosen coats, ``[U, I]``.
    """

    rating: Matrix
    fit: Mask
    validation: Mask
    at_random: Mask
    test: Mask


def read_ratings(folder: Path) -> tuple[Matrix, Matrix]:
    """Self-selected and randomised ratings, ``[U, I]`` each; 0 where there is none.

    Raises:
        UserError: a file is missing or has another shape.
    """
    found = []
    for name in ("train.ascii", "test.ascii"):
        path = folder / name
        if not path.is_file():
            raise UserError(
                f"no {path}; get the Coat Shopping data (Schnabel et al., 2016) and name its folder with "
                "--data"
            )
        ratings = np.loadtxt(path)
        if ratings.shape != SHAPE or not np.isin(ratings, np.arange(6)).all():
            raise UserError(f"{path} holds {ratings.shape}, not {SHAPE} ratings from 0 (none) to 5")
        found.append(ratings)
    return found[0], found[1]


def split(
    chosen: Matrix,
    randomised: Matrix,
    *,
    validation_share: float,
    random_share: float,
    rng: np.random.Generator,
) -> Coat:
    """Split the ratings, each pair on one side only.

    Pairs that are in both files are taken off the self-selected side: their ratings would give the test away.

    Args:
        chosen: self-selected ratings, ``[U, I]``; 0 where there is none.
        randomised: of coats that chance chose, ``[U, I]``.
        validation_share: of the self-selected ratings, in (0, 1).
        random_share: of the randomised ratings, moved to the side of training and never tested on, in (0, 1).
        rng: draws the splits.
    """
    by_chance = randomised > 0
    biased = (chosen > 0) & ~by_chance
    validation = _part(biased, validation_share, rng)
    at_random = _part(by_chance, random_share, rng)
    rating = np.where(by_chance, randomised, np.where(biased, chosen, np.nan))
    return Coat(
        rating=rating,
        fit=biased & ~validation,
        validation=validation,
        at_random=at_random,
        test=by_chance & ~at_random,
    )


def _part(mask: Mask, share: float, rng: np.random.Generator) -> Mask:
    places = np.flatnonzero(mask)
    taken = rng.choice(places, size=round(share * len(places)), replace=False)
    part = np.zeros(mask.size, dtype=bool)
    part[taken] = True
    return part.reshape(mask.shape)
