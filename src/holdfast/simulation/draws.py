"""Random numbers that belong to somebody: the same user meets the same chance under every policy.

U units (users, items), W numbers a unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from holdfast.core.arrays import Floats, Ints
from holdfast.core.random import derive_seed

# The odd constants of SplitMix64: one steps from number to number, two scramble.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_LARGEST = 1.0 - 2.0**-53


@dataclass(frozen=True)
class Draws:
    """A table of random numbers, computed where it is looked at: row ``unit``, column ``index``.

    A stream of numbers is used up in the order in which users happen to come, so two policies that bring
    back different users would meet different luck in everybody. A table has no order: what user 7 meets on
    day 12 does not depend on who else is there (common random numbers), and only the rows asked for cost.

    The number at (u, j) of key s is ``mix(mix(s xor u) + j * step)`` with the scrambler of SplitMix64.

    Attributes:
        key: which table, a non-negative 63-bit integer; see ``draws``.

    Source: Steele, Lea and Flood (2014) for SplitMix64.
    """

    key: int

    def uniform(self, unit: Ints, width: int) -> Floats:
        """Numbers in (0, 1), both ends excluded, ``[U, W]``.

        Args:
            unit: rows of the table, at least 0, ``[U]``.
            width: how many columns, from the first; more columns do not change the first ones.
        """
        row = unit.astype(np.uint64)
        row ^= np.uint64(self.key)
        _mix(row)
        bits = np.add(row[:, None], np.arange(1, width + 1, dtype=np.uint64) * _STEP)
        _mix(bits)
        bits >>= np.uint64(11)
        uniform = bits.astype(np.float64)
        uniform += 0.5
        uniform *= 2.0**-53
        # The largest of all bits and a half is not a double: it rounds to 1.
        return np.asarray(np.minimum(uniform, _LARGEST, out=uniform))

    def normal(self, unit: Ints, width: int) -> Floats:
        """Standard normal numbers ``[U, W]``, by inversion of ``uniform``."""
        return np.asarray(ndtri(self.uniform(unit, width)))


def draws(seed: int, *names: str | int) -> Draws:
    """The table that ``seed`` and the names describe, and no other consumer of randomness shares.

    >>> draws(0, "click", 3) == draws(0, "click", 3)
    True
    """
    return Draws(derive_seed(seed, *names))


def _mix(state: NDArray[np.uint64]) -> None:
    """Scramble in place: a world spends much of its time here."""
    shifted = state >> np.uint64(30)
    state ^= shifted
    state *= _FIRST
    np.right_shift(state, np.uint64(27), out=shifted)
    state ^= shifted
    state *= _SECOND
    np.right_shift(state, np.uint64(31), out=shifted)
    state ^= shifted
