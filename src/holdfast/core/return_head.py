"""What a head of return says beyond being a head: which question it asks of a log, and what it answers."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from holdfast.core.protocols import Head

ReturnTarget = Literal["gap", "matured", "surrogate_index"]
"""What a retention head learns from.

``gap``: days until the user was back, censored where nobody watched longer. ``matured``: the same, only from
rows whose whole horizon was observed, returns included. ``surrogate_index``: the chance of a return within
the horizon, in [0, 1]: what happened where that is known, and elsewhere what short-term outcomes let expect.
"""


@runtime_checkable
class ReturnHead(Head, Protocol):
    """A head of return, as training and evaluation see it.

    A head that lacks these is taken for one of ``gap`` that predicts every day.
    """

    @property
    def horizon_days(self) -> int:
        """H: the longest absence that is told apart, in days."""
        ...

    @property
    def target(self) -> ReturnTarget:
        """What the head learns from."""
        ...

    @property
    def predicted_days(self) -> tuple[int, ...]:
        """The days d for which the chance to be back within d days is predicted, ascending; the last is H."""
        ...

    @property
    def days_needed(self) -> int:
        """For how many days some training row must have been watched, so that there is something to learn."""
        ...
