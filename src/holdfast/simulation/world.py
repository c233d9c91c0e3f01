"""The default world: a log of users who click, stay, tire and come back, made up with a known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.data.log import Log
from holdfast.simulation.calendar import short_days
from holdfast.simulation.changes.collection import changes_as_written, changes_from
from holdfast.simulation.items import draw_items
from holdfast.simulation.limits import check_calendar, check_numbers, check_sizes
from holdfast.simulation.log_folder import write_days
from holdfast.simulation.loop import NOBODY, days_of
from holdfast.simulation.mechanisms import Mechanisms
from holdfast.simulation.policy import Policy, checked_name
from holdfast.simulation.publishing import Publication
from holdfast.simulation.reactions import Reactions
from holdfast.simulation.replaying import replay
from holdfast.simulation.returning import Returning
from holdfast.simulation.truth import Truth, truth_of
from holdfast.simulation.users import draw_users
from holdfast.simulation.value import Value, true_value
from holdfast.simulation.wellbeing import Wellbeing


@dataclass(frozen=True)
class Simulation:
    """What a world gave: the log that anybody may use, and the truth that only judges may see."""

    log: Log
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class DefaultWorld:
    """A world with the parameters that its researchers turn; equations in ``docs/world.md``.

    The same fields give the same log, bit for bit. Days below 0 run the same way before the log begins, so
    that its first day is a day like any other.

    Attributes:
        num_users: users who come by the end of the log, at least 1.
        num_items: items that are born by the end of the log.
        num_days: days of the log, at least 2.
        later_days: days after the log that a closed loop or ``value`` may run on into, at least 0. Users
            go on arriving and items being born as before, on top of ``num_users`` and ``num_items``: the log
            and its truth do not depend on it.
        num_topics: at least 2.
        slots: items shown in a request.
        candidates: items that a request chooses from, at least ``slots``.
        exploration: epsilon of the behavior policy, in [0, 1].
        seed: of every random number, at least 0.
        start: date of the first day, YYYY-MM-DD.
        time_zone: IANA name; days are days in it.
        burn_in_days: days that run before the log, at least 0.
        established_share: share of users who are there from the first of those days, in [0, 1]; the others
            arrive evenly after it.
        half_life_days: age at which an item is half as likely to be a candidate, above 0.
        missing_share: share of items without an editor's score and of visits without a device, in [0, 1).
        click_level: log odds of a click on an average item that is looked at.
        examination_decay: how fast users stop looking down the slate, at least 0.
        clickbait_appeal: log odds of a click that a unit of clickbait adds; 0 takes the conflict away.
        clickbait_cost: log seconds of dwell that a unit of clickbait costs.
        return_level: log odds of return a day after a visit.
        frailty_sd: how unlike users are in coming back, log odds, at least 0.
        gap_effect: log odds of return lost with a growing gap, at least 0.
        satisfaction_effect: log odds of return per unit of satisfaction; at 0 what is shown does not matter.
        season_effect: log odds of return on a Saturday.
        satisfaction_memory: how fast satisfaction forgets, in (0, 1].
        fatigue_kept: share of the fatigue with a topic that is left a day later, in [0, 1).
        interest_drift: how far a day of clicks moves the interests, at least 0.
        log_candidates: whether the log has the column ``candidates``, so that it can be told what else a
            request could have shown; nothing else depends on it.
        changes: schedules of change, each a name with its settings; see ``changes/`` beside this file. What
            is left out stays at its default, which is off.
    """

    num_users: int = 2800
    num_items: int = 1500
    num_days: int = 37
    later_days: int = 0
    num_topics: int = 12
    slots: int = 6
    candidates: int = 20
    exploration: float = 0.2
    seed: int = 0
    start: str = "2025-01-06"
    time_zone: str = "UTC"
    burn_in_days: int = 28
    established_share: float = 0.8
    half_life_days: float = 21.0
    missing_share: float = 0.1
    click_level: float = -2.3
    examination_decay: float = 0.35
    clickbait_appeal: float = 0.6
    clickbait_cost: float = 0.5
    return_level: float = -1.1
    frailty_sd: float = 2.1
    gap_effect: float = 1.8
    satisfaction_effect: float = 2.0
    season_effect: float = 0.15
    satisfaction_memory: float = 0.2
    fatigue_kept: float = 0.6
    interest_drift: float = 0.05
    log_candidates: bool = False
    changes: dict[str, dict[str, Any]] = field(default_factory=changes_as_written)

    def __post_init__(self) -> None:
        check_sizes(vars(self))
        check_numbers(vars(self))
        check_calendar(
            start=self.start,
            time_zone=self.time_zone,
            first_day=-self.burn_in_days,
            end_day=self.num_days + self.later_days,
        )
        changes_from(self.changes)

    def read(self) -> Log:
        """The log under the behavior policy, epsilon-greedy around popularity and declared topics."""
        return self.simulate().log

    def simulate(self, policy: Policy | None = None, *, threads: int = 1) -> Simulation:
        """Run the world under a policy; under its behavior policy where None is given.

        Two policies in one world meet the same users, items and candidates, and the same luck.

        Raises:
            ValueError: the policy broke its contract; the message names it and the day.
        """
        parts = self._until_the_log_ends()
        chosen = self.behavior_on if policy is None else policy
        publication = self.publication(parts, policy or self.behavior_on(0))
        served = days_of(parts, chosen, publication=publication, threads=threads)
        days = [publication.in_order(day) for day in served]
        if not days:
            raise ValueError(NOBODY)
        log = publication.log(days, until_day=self.num_days)
        return Simulation(log, truth_of(days, users=parts.users, items=parts.items))

    def write(
        self, log: Path, policy: Policy | None = None, *, truth: Path | None = None, threads: int = 1
    ) -> int:
        """Run the world like ``simulate``, but into folders: memory grows with users and items, not days.

        The log is the same, row by row, whatever the number of threads.

        Args:
            log: for the log in the canonical form, a shard a day; ``ParquetLog`` reads it.
            policy: the behavior policy where None.
            truth: for the truth, apart from the log; not written where None.
            threads: how many threads work.

        Returns:
            Rows of the log.

        Raises:
            ValueError: the policy broke its contract; the days before that one are written all the same.
        """
        parts = self._until_the_log_ends()
        chosen = self.behavior_on if policy is None else policy
        publication = self.publication(parts, policy or self.behavior_on(0))
        return write_days(
            days_of(parts, chosen, publication=publication, threads=threads),
            publication,
            log=log,
            truth=truth,
            threads=threads,
        )

    def value(
        self, policy: Policy | Callable[[], Policy], horizon_days: int, *, repeats: int = 8, threads: int = 1
    ) -> Value:
        """The true value of serving a policy from day 0 on, after days under the behavior policy.

        See ``true_value``: a policy with a feature store is given as a function that makes it.
        ``horizon_days`` is at most ``num_days`` and ``later_days`` together.
        """
        if horizon_days > self.num_days + self.later_days:
            raise ValueError(
                f"horizon_days is {horizon_days}, num_days is {self.num_days} and later_days is "
                f"{self.later_days}; raise later_days of the world"
            )
        parts = self.mechanisms()
        return true_value(
            parts,
            policy,
            before=self.behavior_on,
            horizon_days=horizon_days,
            repeats=repeats,
            publication=self.publication(parts, self.behavior_on(0)),
            threads=threads,
        )

    def replay(self, policy: Policy, *, threads: int = 1) -> pd.DataFrame:
        """What a policy would have shown in every row of ``read()``, and how users would have reacted.

        See ``replaying.replay``.
        """
        publication = self.publication(self._until_the_log_ends(), self.behavior_on(0))
        return replay(publication, self.behavior_on, policy, threads=threads)

    def publication(self, parts: Mechanisms, policy: Policy) -> Publication:
        """How days of this world under a policy become a log."""
        return Publication(
            parts=parts,
            start=self.start,
            time_zone=self.time_zone,
            missing_share=self.missing_share,
            description=f"Embedded world, seed {self.seed}, under {checked_name(policy)}.",
            log_candidates=self.log_candidates,
        )

    def behavior_on(self, day: int) -> Policy:
        """The behavior policy of a day: epsilon-greedy around popularity and declared topics."""
        return changes_from(self.changes).behavior_change.policy(self.exploration, day)

    def _until_the_log_ends(self) -> Mechanisms:
        """The world without what only its later days hold."""
        return replace(self, later_days=0).mechanisms()

    def mechanisms(self) -> Mechanisms:
        """The users, the items and the laws of this world, truth and later days included."""
        first_day = -self.burn_in_days
        changes = changes_from(self.changes)
        users, observed_users = draw_users(
            num_users=self.num_users,
            num_topics=self.num_topics,
            first_day=first_day,
            num_days=self.num_days,
            established_share=self.established_share,
            frailty_sd=self.frailty_sd,
            seed=self.seed,
            new_market=changes.new_market,
            later_days=self.later_days,
        )
        items, observed_items = draw_items(
            num_items=self.num_items,
            num_topics=self.num_topics,
            first_day=first_day,
            num_days=self.num_days,
            missing_share=self.missing_share,
            seed=self.seed,
            later_days=self.later_days,
        )
        return Mechanisms(
            users=users,
            observed_users=observed_users,
            items=items,
            observed_items=observed_items,
            reactions=Reactions(
                base=self.click_level,
                clickbait_appeal=self.clickbait_appeal,
                clickbait_cost=self.clickbait_cost,
                examination_decay=self.examination_decay,
            ),
            wellbeing=Wellbeing(
                memory=self.satisfaction_memory, fatigue_kept=self.fatigue_kept, drift=self.interest_drift
            ),
            returning=Returning(
                level=self.return_level,
                satisfaction_effect=self.satisfaction_effect,
                gap_effect=self.gap_effect,
                season_effect=self.season_effect,
            ),
            num_slots=self.slots,
            num_candidates=self.candidates,
            half_life_days=self.half_life_days,
            first_day=first_day,
            num_days=self.num_days,
            later_days=self.later_days,
            short_days=short_days(
                start=self.start,
                time_zone=self.time_zone,
                first_day=first_day,
                end_day=self.num_days + self.later_days,
            ),
            first_weekday=date.fromisoformat(self.start).weekday(),
            seed=self.seed,
            changes=changes,
        )
