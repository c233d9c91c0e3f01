"""A policy that says itself how likely each candidate is to come first.

Q requests, C candidates, K slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.simulation.policies.plackett_luce import drawn_by_weight
from holdfast.simulation.policies.scored import check_candidates
from holdfast.simulation.policy import PolicyError, Requests, Slates

TOLERANCE = 1e-6
SMALLEST = 1e-100
"""A probability below this counts as 0: it could not be told from rounding."""


class Chooser(Protocol):
    """Gives every candidate of a request its chance to be shown first."""

    def probabilities(self, requests: Requests) -> Floats:
        """Numbers >= 0 that sum to 1 a request, ``[Q, C]``."""
        ...


@dataclass(frozen=True, kw_only=True)
class StatedProbabilities:
    """Draws the first slot by the stated probabilities and every later slot by those of what is left.

    A learned stochastic policy, or a table of probabilities. Propensities as in ``PlackettLuce`` with the
    probabilities as weights; a candidate with probability 0 is never shown.

    Attributes:
        chooser: who says the probabilities.
        ranker: what it is, for the log.
        version: of the policy, for the log.
    """

    chooser: Chooser
    ranker: str = "stated"
    version: int = 1

    @property
    def name(self) -> str:
        """For example ``stated/probabilities@1``."""
        return f"{self.ranker}/probabilities@{self.version}"

    def choose(self, requests: Requests) -> Slates:
        """One slate a request, with both propensities.

        Raises:
            ValueError: fewer candidates than slots; probabilities of a wrong shape, NaN, below 0, that do not
                sum to 1 within 1e-6, or with fewer than K above 0; names the policy and the day.
        """
        check_candidates(requests, policy=self.name)
        return drawn_by_weight(self._checked(self.chooser.probabilities(requests), requests), requests)

    def _checked(self, probabilities: Floats, requests: Requests) -> Floats:
        where = f"policy {self.name!r} ({type(self.chooser).__name__}) on day {requests.day}"
        values = np.asarray(probabilities, dtype=np.float64)
        if values.shape != requests.candidates.shape:
            raise PolicyError(
                f"{where}: probabilities have shape {values.shape}, and the candidates "
                f"{requests.candidates.shape}"
            )
        bad = ~((values >= 0.0) & (values <= 1.0 + TOLERANCE))
        if bad.any():
            raise PolicyError(
                f"{where}: {int(bad.sum())} of {values.size} probabilities are NaN or outside 0 to 1"
            )
        total = values.sum(axis=1)
        off = np.abs(total - 1.0) > TOLERANCE
        if off.any():
            raise PolicyError(
                f"{where}: the probabilities of {int(off.sum())} of {len(total)} requests do not sum to 1, "
                f"the first to {total[off][0]:g}"
            )
        values = np.where(values < SMALLEST, 0.0, values)
        few = (values > 0.0).sum(axis=1) < requests.num_slots
        if few.any():
            raise PolicyError(
                f"{where}: {int(few.sum())} of {len(few)} requests have fewer candidates with a probability "
                f"above 0 than the {requests.num_slots} slots"
            )
        return values
