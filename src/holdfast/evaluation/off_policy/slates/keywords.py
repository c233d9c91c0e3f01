"""The keywords that all questions of a log of slates share; ``evaluate_slates`` says what each means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from holdfast.evaluation.off_policy.estimator_names import resolve_estimators
from holdfast.evaluation.off_policy.intervals import Intervals
from holdfast.evaluation.off_policy.keywords import check_keywords
from holdfast.evaluation.off_policy.slates.asking import SlateQuestion
from holdfast.evaluation.off_policy.slates.choosing import ESTIMATORS
from holdfast.evaluation.off_policy.slates.estimators import SlateEstimator
from holdfast.evaluation.off_policy.slates.slate_log import SlateColumns
from holdfast.evaluation.off_policy.trust import Trust


class SlateKeywords(TypedDict, total=False):
    """Keywords of ``evaluate_slates``, each with the meaning and the default that it has there."""

    estimators: Sequence[SlateEstimator | str] | None
    rewards: str | Sequence[str]
    request: str
    slot: str
    item: str
    user: str | None
    utilities: Mapping[str, Mapping[str, float]] | None
    intervals: Intervals | None
    trust: Trust | None
    num_candidates: int | None


def slate_question(asked: SlateKeywords, *, function: str, baseline: str | None) -> SlateQuestion:
    """What is asked, with the defaults of ``SlateColumns``.

    Raises:
        TypeError: the function does not take one of the keywords.
    """
    check_keywords(function, asked, SlateKeywords.__annotations__)
    rewards = asked.get("rewards", SlateColumns.rewards)
    return SlateQuestion(
        columns=SlateColumns(
            request=asked.get("request", SlateColumns.request),
            slot=asked.get("slot", SlateColumns.slot),
            item=asked.get("item", SlateColumns.item),
            rewards=(rewards,) if isinstance(rewards, str) else tuple(rewards),
            user=asked.get("user", SlateColumns.user),
        ),
        baseline=baseline,
        estimators=resolve_estimators(asked.get("estimators"), ESTIMATORS),
        utilities=asked.get("utilities") or {},
        intervals=asked.get("intervals") or Intervals(),
        trust=asked.get("trust") or Trust(),
        num_candidates=asked.get("num_candidates"),
    )
