"""The keywords that all questions of a log have in common; ``evaluate`` says what each means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypedDict

from holdfast.evaluation.off_policy.feedback import FeedbackColumns
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.trust import Trust

_COLUMNS = tuple(each.name for each in fields(FeedbackColumns))


class SharedKeywords(TypedDict, total=False):
    """Keywords of ``evaluate``, each with the meaning and the default that it has there."""

    action: str
    rewards: str | Sequence[str]
    user: str | None
    slot: str | None
    context: Sequence[str]
    actions: Sequence[object] | None
    utilities: Mapping[str, Mapping[str, float]] | None
    intervals: Intervals | None
    trust: Trust | None


class Keywords(SharedKeywords, total=False):
    """The same, where the propensity is a column like the others."""

    propensity: str


def check_keywords(function: str, asked: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    """Refuse what a function does not take, as Python itself would.

    Raises:
        TypeError: names the keyword.
    """
    for name in asked:
        if name not in allowed:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")


def feedback_columns(asked: Keywords) -> FeedbackColumns:
    """Where the parts of a log are, with the defaults of ``FeedbackColumns``."""
    given: dict[str, Any] = {name: asked.get(name) for name in _COLUMNS if name in asked}
    for several in ("rewards", "context"):
        if several in given:
            names = given[several]
            given[several] = (names,) if isinstance(names, str) else tuple(names)
    return FeedbackColumns(**given)


def shared_options(asked: Keywords, *, function: str) -> dict[str, Any]:
    """The parts of ``Options`` that keywords make up.

    Raises:
        TypeError: the function does not take one of them.
    """
    check_keywords(function, asked, Keywords.__annotations__)
    return {
        "columns": feedback_columns(asked),
        "actions": asked.get("actions"),
        "utilities": asked.get("utilities") or {},
        "intervals": asked.get("intervals") or Intervals(),
        "trust": asked.get("trust") or Trust(),
    }
