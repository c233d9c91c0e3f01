"""Weights that earn the most by a stated utility on the validation window.

B rows, N rows of the window, T objectives, P sets of weights, Q requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from torch import Tensor

from holdfast.core.arrays import Floats
from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.core.fitted_state import with_state
from holdfast.core.scored_rows import ScoredRows
from holdfast.objectives.fusion.fitting import (
    ROUNDS,
    Weights,
    about_rows,
    check_search,
    fused,
    named,
    problem_of,
)
from holdfast.objectives.fusion.form import Form, check_form
from holdfast.objectives.fusion.simplex import search_simplex
from holdfast.objectives.fusion.slates import mean_gains
from holdfast.objectives.fusion.utility import check_priced, check_prices, priced, row_utility
from holdfast.objectives.fusion.weighted import check_floor


@dataclass(frozen=True, kw_only=True)
class LearnedFusion:
    r"""A product or a sum whose weights earn the most on the validation window.

    .. math:: \max_{w \ge 0} \frac{1}{Q} \sum_q \sum_{i \in q} \frac{\sum_k \pi_k y_{ik}}{\log_2(r_i(w) + 1)}

    with :math:`r_i(w)` the place of row i in its logged request, ranked anew by w, :math:`y` its outcomes and
    :math:`\pi` their prices. Only rows that were shown are ranked, so it says which of them to show first,
    and nothing about those that were not shown. Weights are at least 0, and such that scores differ by about
    one within requests.

    Attributes:
        form: ``product`` of powers, or ``sum``.
        utility: price of a click, of a second, of a return; those that a model does not predict are passed
            over.
        num_points: sets of weights that are tried first, at least 8; three rounds follow around the best.
        max_requests: requests that are ranked at most; drawn at random where there are more.
        floor: smallest score that counts in a product, > 0.
        seed: of the points, and of the requests.
        weights: learned; None until then.
        notes: of the fit; None until then.

    Source: Järvelin and Kekäläinen (2002) for the discount.
    """

    form: Form = "product"
    utility: dict[str, float] = field(
        default_factory=lambda: {"click": 1.0, "dwell": 0.002, "retention": 1.0}
    )
    num_points: int = 128
    max_requests: int = 10_000
    floor: float = 1e-6
    seed: int = 0
    weights: Weights | None = field(init=False, default=None)
    notes: tuple[str, ...] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        check_form(self.form)
        check_prices(self.utility)
        check_floor(self.floor)
        check_search(self.num_points, self.max_requests)

    def check(self, objectives: Sequence[str], schema: InputSchema | None = None) -> None:
        """See ``FittedFusion``."""
        check_priced(self.utility, objectives)

    def fitted(self, rows: ScoredRows) -> Self:
        """See ``FittedFusion``."""
        self.check(tuple(rows.scores))
        prices = priced(rows, self.utility)
        slates, terms = problem_of(
            rows, prices, form=self.form, floor=self.floor, most=self.max_requests, seed=self.seed
        )
        gain = row_utility(rows, prices)[None]

        def earned(weights: Floats) -> Floats:
            return mean_gains(slates, terms.values, gain, weights)[:, 0]

        best, value = search_simplex(
            earned, len(terms.objectives), num_points=self.num_points, num_rounds=ROUNDS, seed=self.seed
        )
        equal = float(earned(np.full((1, len(best)), 1.0 / len(best)))[0])
        notes = (
            f"discounted utility {value:.5g} a request on validation, which the weights were chosen on; "
            f"{equal:.5g} where each objective has the same say",
            *about_rows(slates, terms, rows, best),
        )
        return with_state(self, weights=named(terms, best, rows), notes=notes)

    def fuse(self, scores: Mapping[str, Tensor], inputs: Inputs | None = None) -> Tensor:
        """The fused score of each row, ``[B]``; it does not depend on ``inputs``.

        Raises:
            ValueError: the weights were not learned yet.
        """
        return fused(scores, self.weights, form=self.form, floor=self.floor)
