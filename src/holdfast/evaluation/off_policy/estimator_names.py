"""Estimators by the names under which their results are listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from holdfast.core.errors import UserError
from holdfast.evaluation.off_policy.estimators import (
    BalancedInversePropensity,
    ClippedInversePropensity,
    CressieRead,
    DirectMethod,
    DoublyRobust,
    Estimator,
    InversePropensity,
    MoreRobustDoublyRobust,
    OptimisticShrinkage,
    SelfNormalizedDoublyRobust,
    SelfNormalizedInversePropensity,
    SubGaussianDoublyRobust,
    SubGaussianInversePropensity,
    SwitchDoublyRobust,
)
from holdfast.evaluation.off_policy.tuning import TUNABLE, Tuned

E = TypeVar("E")

_PLAIN: tuple[Estimator, ...] = (
    InversePropensity(),
    ClippedInversePropensity(),
    SelfNormalizedInversePropensity(),
    SubGaussianInversePropensity(),
    CressieRead(),
    BalancedInversePropensity(),
    DirectMethod(),
    DoublyRobust(),
    SelfNormalizedDoublyRobust(),
    SwitchDoublyRobust(),
    OptimisticShrinkage(),
    SubGaussianDoublyRobust(),
    MoreRobustDoublyRobust(),
)
_TUNED = tuple(Tuned(estimator=each, method=method) for each in TUNABLE for method in ("slope", "mse"))
ESTIMATORS: Mapping[str, Estimator | Tuned] = {each.name: each for each in _PLAIN} | {
    each.name: each for each in _TUNED
}
"""By name, with the settings that they have unless told otherwise."""


def resolve_estimators(given: Iterable[E | str] | None, known: Mapping[str, E]) -> list[E] | None:
    """Estimators, with names replaced by what they stand for.

    Args:
        given: estimators and names, mixed at will; None stays None.
        known: by name, with usual settings.

    Raises:
        UserError: an unknown name, a class instead of an object, or a single one instead of a list.
    """
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UserError(f"estimators is {given!r}; give a list, estimators=[...], also of one")
    found: list[E] = []
    for each in given:
        if isinstance(each, str):
            if each not in known:
                raise UserError(f"estimators names {each!r}; the names are {', '.join(sorted(known))}")
            found.append(known[each])
        elif _is_estimator(each):
            found.append(each)
        else:
            raise UserError(
                f"estimators holds {each!r}, which is none; give objects such as InversePropensity(), or "
                f"names: {', '.join(sorted(known))}"
            )
    return found


def _is_estimator(each: Any) -> bool:
    return not isinstance(each, type) and hasattr(each, "name") and hasattr(each, "needs")
