"""A new market grows in.

U users, M markets, G topics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Ints
from holdfast.simulation.changes.schedule import Change
from holdfast.simulation.draws import draws


@dataclass(frozen=True, kw_only=True)
class NewMarket(Change):
    """A share of the users belongs to a market that the log has not seen before the change starts.

    They come for the first time on the days of the ramp, evenly, and have tastes, devices and activity of
    their own. Everybody else is who they would have been without them. Of those who arrive after the log, a
    share of ``level(t)`` belongs to it.

    The ramp may go on after the log. Members whose day comes then are not in it, so that it has fewer than
    ``num_users`` users; they arrive on the later days of a closed loop or of ``value``, if there are any.

    Attributes:
        strength: share of all users who belong to it, in [0, 1].
    """

    def members(self, num_users: int, *, seed: int) -> tuple[Bools, Ints]:
        """Who belongs to the new market ``[U]``, and the day on which they would arrive ``[U]``."""
        chance = draws(seed, "new market").uniform(np.arange(num_users), 2)
        arrival = self.start_day + (chance[:, 1] * self.ramp_days).astype(np.int64)
        return chance[:, 0] < self.strength, arrival

    def among_later(self, user: Ints, day: int, *, seed: int) -> Bools:
        """Who of the users ``[U]``, all arriving on one day after the log, belongs to it, ``[U]``."""
        chance = draws(seed, "new market").uniform(user, 1)[:, 0]
        return np.asarray(chance < self.level(day))
