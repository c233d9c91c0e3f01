"""How much each objective counts, as a user says it.

T objectives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

KNOWN = ("click", "dwell", "retention")
"""Objectives that may be named although a model does not train them."""


def equal_preference() -> dict[str, float]:
    """All the same."""
    return dict.fromkeys(KNOWN, 1.0)


def check_numbers(name: str, values: Mapping[str, float]) -> None:
    """Raise a ``ValueError`` where a number is negative or not finite."""
    for objective, value in values.items():
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name}.{objective} is {value}; it must be finite and at least 0")


def check_objectives(
    name: str, values: Mapping[str, float], objectives: tuple[str, ...], *, all_named: bool = True
) -> None:
    """Raise a ``ValueError`` where names do not fit what a model trains.

    Args:
        name: of the setting.
        values: by objective; those in ``KNOWN`` may be named too.
        objectives: what the model trains.
        all_named: whether every one of them must be there.
    """
    missing = [objective for objective in objectives if objective not in values]
    if all_named and missing:
        raise ValueError(
            f"{name} has {len(values)} entries and none for {missing}; the model trains {list(objectives)}: "
            "give each a number"
        )
    unknown = [objective for objective in values if objective not in (*objectives, *KNOWN)]
    if unknown:
        raise ValueError(f"{name} names {unknown}, and the model trains {list(objectives)}; leave them out")


def check_preference(preference: Mapping[str, float], objectives: tuple[str, ...]) -> None:
    """Raise a ``ValueError`` where a preference does not fit what a model trains, or prefers nothing."""
    check_objectives("preference", preference, objectives)
    if not any(preference[objective] > 0.0 for objective in objectives):
        raise ValueError(f"preference is 0 for all of {list(objectives)}; nothing would be trained")


def preference_vector(preference: Mapping[str, float], objectives: tuple[str, ...]) -> Tensor:
    """The preference in the order of the objectives, ``[T]``, float64."""
    return torch.tensor([preference[objective] for objective in objectives], dtype=torch.float64)


def preferred_sum(preference: Mapping[str, float], losses: Mapping[str, Tensor]) -> Tensor:
    """The losses' sum, each times its preference, added in order; a scalar."""
    terms = [preference[objective] * loss for objective, loss in losses.items()]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
