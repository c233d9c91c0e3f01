"""What fusions with learned weights have in common: their rows, the words about them, and the fused score.

B rows, N rows of the window, T objectives.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.core.scored_rows import ScoredRows
from holdfast.objectives.fusion.form import Form, Terms, fusion_terms
from holdfast.objectives.fusion.slates import Slates, group_slates
from holdfast.objectives.fusion.utility import judged
from holdfast.objectives.fusion.weighted import weighted_product, weighted_sum

Weights = tuple[tuple[str, float], ...]
"""Weight of each objective, in a form that JSON gives back."""
ROUNDS = 3
"""Rounds of a search after the first one."""


def check_search(num_points: int, max_requests: int) -> None:
    """Refuse a search that is too small to find anything."""
    if num_points < 8:
        raise ValueError(f"num_points is {num_points}; it must be at least 8")
    if max_requests < 1:
        raise ValueError(f"max_requests is {max_requests}; it must be at least 1")


def problem_of(
    rows: ScoredRows,
    objectives: Collection[str],
    *,
    form: Form,
    floor: float,
    most: int,
    seed: int,
) -> tuple[Slates, Terms]:
    """The requests whose rows can be judged by these objectives, and the terms that rank them.

    Raises:
        ValueError: no request can be judged, none has two rows, or no score tells rows apart.
    """
    slates = group_slates(rows.request, judged(rows, objectives), most=most, seed=seed)
    if not any(each.shape[1] > 1 for each in slates.rows):
        raise ValueError(
            f"no request of the validation window has two rows whose {', '.join(objectives)} is known; "
            "a longer validation window, or fewer prices, would give some"
        )
    return slates, fusion_terms(rows.scores, slates, form=form, floor=floor)


def named(terms: Terms, weights: Floats, rows: ScoredRows) -> Weights:
    """Weights on the simplex ``[T]`` as those of the scores, by objective; 0 for those that cannot order."""
    own = dict(zip(terms.objectives, terms.own_weights(weights).tolist(), strict=True))
    return tuple((name, own.get(name, 0.0)) for name in rows.scores)


def about_rows(slates: Slates, terms: Terms, rows: ScoredRows, weights: Floats) -> list[str]:
    """What a reader must know of the weights on the simplex ``[T]``, and of the requests that taught them."""
    says = ", ".join(f"{name} {each:.0%}" for name, each in zip(terms.objectives, weights, strict=True))
    told = [f"shares of the say within a request: {says}", f"learned from {slates.num_requests:,} requests"]
    if slates.num_left_out:
        told[1] += f"; {slates.num_left_out:,} more hold a row of unknown worth, or are beyond max_requests"
    if terms.constant:
        told.append(
            f"{', '.join(terms.constant)} is the same for all rows of every request, cannot order them and "
            "has no weight"
        )
    return [*told, *rows.notes]


def fused(scores: Mapping[str, Tensor], weights: Weights | None, *, form: Form, floor: float) -> Tensor:
    """The fused score ``[B]`` of one weight an objective.

    Raises:
        ValueError: there are no weights yet.
    """
    own = dict(learned(weights))
    return weighted_product(scores, own, floor=floor) if form == "product" else weighted_sum(scores, own)


def learned(weights: Weights | None) -> Weights:
    """Weights that a fusion cannot do without.

    Raises:
        ValueError: they were not learned.
    """
    if weights is None:
        raise ValueError(
            "the weights of this fusion are learned on the validation window and were not yet; a run learns "
            "them in its stage calibrate, elsewhere call fitted(...) and use the fusion that it returns"
        )
    return weights
