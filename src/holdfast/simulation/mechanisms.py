"""What a world is made of, and what it is like on one day.

I items, G topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.random import derive_seed
from holdfast.simulation.calendar import DAY_SECONDS
from holdfast.simulation.candidates import Lottery, candidate_weights, lottery
from holdfast.simulation.changes.collection import Changes
from holdfast.simulation.items import Items, ObservedItems
from holdfast.simulation.reactions import Reactions
from holdfast.simulation.returning import Returning
from holdfast.simulation.users import ObservedUsers, Users
from holdfast.simulation.wellbeing import Wellbeing


@dataclass(frozen=True, kw_only=True)
class Mechanisms:
    """Everything in a world that does not change while it runs.

    Attributes:
        users: the truth about them.
        observed_users: what a log or a policy may know.
        items: the truth about them.
        observed_items: what a log or a policy may know.
        reactions: click and dwell.
        wellbeing: what a day leaves behind.
        returning: who comes back.
        num_slots: K.
        num_candidates: C.
        half_life_days: of an item's chance to become a candidate.
        first_day: the first day that runs; days below 0 run but are not recorded.
        num_days: days of the log, from day 0.
        later_days: days after the log that may be run as well: until then users arrive and items are born.
        first_weekday: of day 0, 0 is Monday.
        seed: of every random number.
        changes: what happens to the world while it runs.
        short_days: seconds of the days on which the clocks go forward; all others have 24 hours or more.
        luck: at 0 the luck of the log; other numbers are other luck for the same users and items.
    """

    users: Users
    observed_users: ObservedUsers
    items: Items
    observed_items: ObservedItems
    reactions: Reactions
    wellbeing: Wellbeing
    returning: Returning
    num_slots: int
    num_candidates: int
    half_life_days: float
    first_day: int
    num_days: int
    first_weekday: int
    seed: int
    changes: Changes = field(default_factory=Changes)
    short_days: Mapping[int, float] = field(default_factory=dict)
    luck: int = 0
    later_days: int = 0

    @property
    def end_day(self) -> int:
        """The day after the last one that may be run."""
        return self.num_days + self.later_days

    @property
    def chance(self) -> int:
        """Seed of what happens to happen; ``seed`` is that of who and what there is."""
        return self.seed if self.luck == 0 else derive_seed(self.seed, "luck", self.luck)


@dataclass(frozen=True, kw_only=True)
class Today:
    """What all users of a world share on one day.

    Attributes:
        day: day 0 is the first of the log.
        weekday: 0 is Monday.
        lottery: draws what a request may choose from.
        age_days: of each item, ``[I]``.
        mix: topics of each item as users take them today, ``[I, G]``.
        reactions: click and dwell.
        return_log_odds: what today adds to everybody's log odds of return.
        observed_items: what the sensors say of the items today.
        day_seconds: how much of the day there is, at most 24 hours.
    """

    day: int
    weekday: int
    lottery: Lottery
    age_days: Floats
    mix: Floats
    reactions: Reactions
    return_log_odds: float
    observed_items: ObservedItems
    day_seconds: float = DAY_SECONDS


def today(parts: Mechanisms, day: int) -> Today:
    """A world on one day.

    Raises:
        ValueError: fewer items are alive than a request needs.
    """
    birth_day = parts.observed_items.birth_day
    changes = parts.changes
    weights = candidate_weights(birth_day, day=day, half_life_days=parts.half_life_days)
    weights[~alive(parts, day)] = 0.0
    return Today(
        day=day,
        weekday=(parts.first_weekday + day) % 7,
        lottery=lottery(weights, num_candidates=parts.num_candidates, day=day),
        age_days=(day - birth_day).astype(np.float64),
        mix=changes.rotating_interests.seen_mix(parts.items.mix, day),
        reactions=changes.clickbait_fatigue.reactions(parts.reactions, day),
        return_log_odds=changes.return_log_odds(day),
        observed_items=observed_items(parts, day),
        day_seconds=parts.short_days.get(day, DAY_SECONDS),
    )


def alive(parts: Mechanisms, day: int) -> Bools:
    """Whether an item is there on a day: born and not withdrawn, ``[I]``."""
    birth_day = parts.observed_items.birth_day
    withdrawn = parts.changes.catalogue_turnover.withdrawn(birth_day, day, seed=parts.seed)
    return np.asarray((birth_day <= day) & ~withdrawn)


def observed_items(parts: Mechanisms, day: int) -> ObservedItems:
    """What the sensors say of the items on one day; the log and the policies know this and no more."""
    return parts.changes.seen(parts.observed_items, day, seed=parts.seed)
