"""What a user may set about the stage counterfactual."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from holdfast.data.card import OBJECTIVES
from holdfast.simulation.policies.epsilon_greedy import EpsilonGreedySlates
from holdfast.simulation.policies.scored import Exploration, SlotChances

CANDIDATE_SOURCES = ("column", "items_of_window", "shown")
UTILITY = "utility"


def _worth() -> dict[str, float]:
    return {"click": 1.0, "dwell": 0.01, "retention": 1.0}


@dataclass(frozen=True, kw_only=True)
class CounterfactualSettings:
    """Which policies are asked about, what they could have shown, and what it would have been worth.

    Attributes:
        exploration: around the ranking by the fused score, of the run's model and of the others alike. It
            must say how likely every candidate is in every slot. One that explores nothing is fine.
        others: folders of other runs, exported, whose bundles are further evaluation policies.
        candidates: where it is written what a request could have shown. ``column``: in the log's column
            ``candidates``; ``items_of_window``: all items that the test window shows, for small catalogues
            that are offered whole; ``shown``: only what it did show, so that the question is its order, which
            takes a log of uniform slates.
        blank: features that belong to user and item together, or to the slot, of which the log knows the
            value only for what was shown. Policies are asked with these missing.
        utility: what an objective's unit is worth: a click, a second of dwell, a return the next day. Those
            that the log does not know are left out; 0 leaves one out.
        level: of the intervals, in (0, 1).
        most_candidates: of a request, at least 1; above it the stage refuses ``items_of_window``.
    """

    exploration: object = field(default_factory=EpsilonGreedySlates)
    others: list[str] = field(default_factory=list)
    candidates: Literal["column", "items_of_window", "shown"] = "column"
    blank: list[str] = field(default_factory=list)
    utility: dict[str, float] = field(default_factory=_worth)
    level: float = 0.95
    most_candidates: int = 1000

    def __post_init__(self) -> None:
        if self.candidates not in CANDIDATE_SOURCES:
            raise ValueError(f"candidates is {self.candidates!r}; choose one of {list(CANDIDATE_SOURCES)}")
        if not isinstance(self.exploration, Exploration) or not isinstance(self.exploration, SlotChances):
            raise ValueError(
                f"exploration: {type(self.exploration).__name__} does not say how likely every candidate is "
                "in every slot (slot_chances); choose one of policy/exploration"
            )
        if self.exploration.least_scorers > 1:
            raise ValueError(
                f"exploration {self.exploration.label} needs {self.exploration.least_scorers} models, and a "
                "run has one; choose another, such as "
                "policy/exploration@counterfactual.exploration=plackett_luce"
            )
        unknown = [name for name in self.utility if name not in OBJECTIVES]
        if unknown or not all(math.isfinite(worth) for worth in self.utility.values()):
            raise ValueError(
                f"utility is {dict(self.utility)}; give finite numbers for some of {list(OBJECTIVES)}"
            )
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must be above 0 and below 1")
        if self.most_candidates < 1:
            raise ValueError(f"most_candidates is {self.most_candidates}; it must be at least 1")
        if len(set(self.others)) < len(self.others):
            raise ValueError(f"others are {list(self.others)}; name each run once")
