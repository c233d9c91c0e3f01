"""Whole slates of a log, and what each policy makes of them.

Q slates, K slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from holdfast.core.arrays import Floats
from holdfast.evaluation.off_policy.extraction import row_slices
from holdfast.evaluation.off_policy.rounds import Block, Rounds
from holdfast.evaluation.off_policy.slates.choosing import Predicted
from holdfast.evaluation.off_policy.slates.probabilities import PolicyChances
from holdfast.evaluation.off_policy.slates.slate_log import SlateLog
from holdfast.evaluation.off_policy.slates.slate_rounds import PolicySlates
from holdfast.evaluation.off_policy.slates.weights import slate_weights


@dataclass(frozen=True)
class SlatePart:
    """Some slates of a log, checked.

    Attributes:
        log: the slates.
        chances: of what was logged, by policy.
        logged: the same of the policy that logged.
        predictions: by policy; empty without a model.
    """

    log: SlateLog
    chances: Mapping[str, PolicyChances]
    logged: PolicyChances
    predictions: Mapping[str, Predicted]
    _weights: dict[tuple[str, str], Floats] = field(default_factory=dict)

    def weights(self, policy: str, family: str, *, wanted_by: str) -> Floats:
        """``[K, Q]``; made once, because a log in memory is asked several times."""
        if (policy, family) not in self._weights:
            self._weights[policy, family] = slate_weights(
                family, self.chances[policy], self.logged, self.log, wanted_by=wanted_by
            )
        return self._weights[policy, family]


Parts = Callable[[], Iterable[SlatePart]]
"""A log of slates, which can be read more than once, always in the same parts."""


@dataclass(frozen=True)
class SlateSource:
    """A log of slates as a source of blocks whose rows are slates.

    Attributes:
        parts: of the log.
        family: of the weights.
        weakest_slot: by policy, the slot with the smallest effective sample size.
        wanted_by: names of the estimators, in messages.
    """

    parts: Parts
    family: str
    weakest_slot: Mapping[str, int]
    wanted_by: str

    def blocks(self) -> Iterator[Block]:
        """The blocks, in the order of the log."""
        for part in self.parts():
            policies = {name: self._slates(part, name) for name in self.weakest_slot}
            for slates in row_slices(part.log.num_slates):
                rounds = {
                    (name, objective): policy.rounds(objective, rewards, slates)
                    for name, policy in policies.items()
                    for objective, rewards in part.log.rewards.items()
                }
                # Estimators of slates read slates; nothing else looks inside.
                yield Block(cast(Mapping[tuple[str, str], Rounds], rounds), part.log.keys[slates])

    def _slates(self, part: SlatePart, policy: str) -> PolicySlates:
        predictions = part.predictions[policy]
        return PolicySlates(
            weights=part.weights(policy, self.family, wanted_by=self.wanted_by),
            weakest_slot=self.weakest_slot[policy],
            predicted={name: both[0] for name, both in predictions.items()},
            expected={name: both[1] for name, both in predictions.items()},
        )
