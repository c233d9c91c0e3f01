"""A sum or a product with learned weights: what is added up, and in which units weights are searched.

N rows of a window, T objectives, P sets of weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from holdfast.core.arrays import Floats
from holdfast.objectives.fusion.slates import Slates

Form = Literal["product", "sum"]


def check_form(form: str) -> None:
    """Refuse a form that is neither product nor sum."""
    if form not in ("product", "sum"):
        raise ValueError(f"form is {form!r}; choose product or sum")


@dataclass(frozen=True)
class Terms:
    """What a fused score adds up, each objective's in units of how much it differs within requests.

    So the corners of the simplex are the rankings by one objective alone, and its centre is a ranking in
    which each has the same say.

    Attributes:
        objectives: the T names.
        values: terms in those units, ``[T, N]``.
        spread: what one of the units is, in the term's own, > 0, ``[T]``.
        constant: objectives whose score is the same for all rows of every request: they cannot order.
    """

    objectives: tuple[str, ...]
    values: Floats
    spread: Floats
    constant: tuple[str, ...]

    def own_weights(self, weights: Floats) -> Floats:
        """Weights of the terms in their own units, ``[P, T]``, of weights on the simplex.

        The scores of all of them differ by about one within requests, so that those of several segments or
        models can stand beside each other, and explorations that read scores find them on one scale.
        """
        return np.asarray(weights / self.spread)


def fusion_terms(scores: Mapping[str, Floats], slates: Slates, *, form: Form, floor: float) -> Terms:
    """The terms of a product (logarithms) or of a sum (the scores), scaled by their spread within requests.

    Args:
        scores: of each head, ``[N]``.
        slates: requests over which the spread is taken.
        form: of the fusion.
        floor: smallest score that counts in a product.

    Raises:
        ValueError: no score tells the rows of any request apart.
    """
    names = tuple(scores)
    raw = np.stack([np.asarray(scores[name], dtype=np.float64) for name in names])
    values = np.log(np.maximum(raw, floor)) if form == "product" else raw
    squares, count = np.zeros(len(names)), 0
    for rows_QK in slates.rows:
        inside = values[:, rows_QK]
        squares += ((inside - inside.mean(axis=2, keepdims=True)) ** 2).sum(axis=(1, 2))
        count += rows_QK.size
    spread = np.sqrt(squares / max(count, 1))
    orders = spread > 1e-9 * np.maximum(np.abs(values).mean(axis=1), 1e-30)
    if not orders.any():
        raise ValueError(
            f"no score of {list(names)} differs between the rows of a request; there is nothing to weigh"
        )
    constant = tuple(name for name, does in zip(names, orders, strict=True) if not does)
    kept = np.flatnonzero(orders)
    return Terms(
        tuple(names[each] for each in kept),
        values[kept] / spread[kept, None],
        spread[kept],
        constant,
    )
