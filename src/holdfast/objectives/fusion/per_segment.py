"""Weights of each segment's own, as far as its requests can tell them.

B rows, N rows of the window, T objectives, S segments, V rows of the segments' vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Floats, Ints
from holdfast.core.batch import Inputs
from holdfast.core.features import MISSING_ROW, UNKNOWN_ROW, InputSchema
from holdfast.core.fitted_state import with_state
from holdfast.core.scored_rows import ScoredRows, categorical_place
from holdfast.objectives.fusion.fitting import (
    ROUNDS,
    Weights,
    about_rows,
    check_search,
    learned,
    named,
    problem_of,
)
from holdfast.objectives.fusion.form import Form, Terms, check_form
from holdfast.objectives.fusion.simplex import search_simplex
from holdfast.objectives.fusion.slates import Slates, mean_gains
from holdfast.objectives.fusion.utility import check_priced, check_prices, priced, row_utility
from holdfast.objectives.fusion.weighted import check_floor

MAX_SEGMENTS = 200
"""More segments than this are no segments any more; each costs a search."""

SegmentWeights = tuple[tuple[int, str, int, Weights], ...]
"""Of each segment: its row of the vocabulary, its name, its number of requests, its weights."""


@dataclass(frozen=True, kw_only=True)
class PerSegmentFusion:
    r"""As ``LearnedFusion``, with weights for each value of a categorical feature.

    Each segment's best weights :math:`\hat w_v`, learned from its :math:`n_v` requests, are drawn towards
    those of all requests: :math:`w_v = \frac{n_v}{n_v + m} \hat w_v + \frac{m}{n_v + m} \hat w`, on the
    simplex. Values that the validation window does not hold, missing and unknown ones among them, have those
    of all.

    Attributes:
        segment: a categorical feature with one value a request, such as a feature of the user.
        shrinkage_requests: m, >= 0: a segment with so many requests is half its own.
        form: ``product`` of powers, or ``sum``.
        utility: see ``LearnedFusion``.
        num_points: sets of weights that are tried first, at least 8.
        max_requests: requests that are ranked at most; drawn at random where there are more.
        floor: smallest score that counts in a product, > 0.
        seed: of the points, and of the requests.
        weights: of all requests together; None until learned.
        segments: weights of each segment; None until learned.
        place: of the feature among the categorical inputs; None until learned.
        notes: of the fit; None until then.
    """

    segment: str
    shrinkage_requests: float = 1000.0
    form: Form = "product"
    utility: dict[str, float] = field(
        default_factory=lambda: {"click": 1.0, "dwell": 0.002, "retention": 1.0}
    )
    num_points: int = 64
    max_requests: int = 10_000
    floor: float = 1e-6
    seed: int = 0
    weights: Weights | None = field(init=False, default=None)
    segments: SegmentWeights | None = field(init=False, default=None)
    place: int | None = field(init=False, default=None)
    notes: tuple[str, ...] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if not self.segment:
            raise ValueError("segment is empty; name a categorical feature of the log")
        if not 0.0 <= self.shrinkage_requests < math.inf:
            raise ValueError(
                f"shrinkage_requests is {self.shrinkage_requests}; it must be at least 0 and finite"
            )
        check_form(self.form)
        check_prices(self.utility)
        check_floor(self.floor)
        check_search(self.num_points, self.max_requests)

    def check(self, objectives: Sequence[str], schema: InputSchema | None = None) -> None:
        """See ``FittedFusion``."""
        check_priced(self.utility, objectives)
        if schema is not None:
            try:
                categorical_place(schema, self.segment)
            except ValueError as error:
                raise ValueError(f"segment: {error}") from error

    def fitted(self, rows: ScoredRows) -> Self:
        """See ``FittedFusion``; the feature must have one value in each request."""
        self.check(tuple(rows.scores), rows.schema)
        prices = priced(rows, self.utility)
        slates, terms = problem_of(
            rows, prices, form=self.form, floor=self.floor, most=self.max_requests, seed=self.seed
        )
        value = rows.column(self.segment)
        if not slates.constant(value):
            raise ValueError(
                f"segment is {self.segment!r}, which differs between the rows of one request; weights of its "
                "values could not be compared there. Choose a feature of the user or of the context"
            )
        gain = row_utility(rows, prices)[None]
        overall = self._best(slates, terms, gain)
        segments = self._segments(rows, slates, terms, gain, overall)
        notes = (
            f"{len(segments)} segments by {self.segment}, drawn towards the weights of all as "
            f"{self.shrinkage_requests:g} requests would",
            *about_rows(slates, terms, rows, overall),
        )
        return with_state(
            self,
            weights=named(terms, overall, rows),
            segments=segments,
            place=categorical_place(rows.schema, self.segment),
            notes=notes,
        )

    def fuse(self, scores: Mapping[str, Tensor], inputs: Inputs | None = None) -> Tensor:
        """The fused score of each row by the weights of its segment, ``[B]``.

        Raises:
            ValueError: the weights were not learned yet, or there are no inputs.
        """
        overall = dict(learned(self.weights))
        if inputs is None or self.place is None or self.segments is None:
            raise ValueError("per-segment fusion needs the encoded inputs of the rows that it fuses")
        names = [name for name in scores if name in overall]
        if len(names) < len(scores):
            raise ValueError(f"fusion was learned for {list(overall)}, and the scores are {list(scores)}")
        table = [[overall[name] for name in names]]
        table += [[dict(weights)[name] for name in names] for *_, weights in self.segments]
        if not self.segments:
            table.append(table[0])  # a look-up among none is nothing that ONNX could express
        first = scores[names[0]]
        weight_ST = torch.tensor(table, dtype=first.dtype, device=first.device)
        codes = [row for row, *_ in self.segments] or [-1]
        codes_S = torch.tensor(codes, device=first.device, dtype=torch.int64)
        value_B = inputs.categorical[:, self.place].to(torch.int64)
        # 0 for the weights of all; a segment's place is one more than in the list.
        places_S = torch.arange(1, len(codes) + 1, device=first.device)
        which_B = ((value_B[:, None] == codes_S).to(torch.int64) * places_S).sum(1)
        terms_BT = torch.stack([scores[name] for name in names], dim=1)
        if self.form == "product":
            terms_BT = terms_BT.clamp(min=self.floor).log()
        return (weight_ST[which_B] * terms_BT).sum(1)

    def _segments(
        self, rows: ScoredRows, slates: Slates, terms: Terms, gain: Floats, overall: Floats
    ) -> SegmentWeights:
        """The weights of each value that the requests hold, drawn towards those of all."""
        value, names = rows.column(self.segment), rows.value_names.get(self.segment, {})
        found, count = np.unique(value[slates.first_row], return_counts=True)
        own = [
            (int(row), int(num_requests))
            for row, num_requests in zip(found, count, strict=True)
            if row not in (MISSING_ROW, UNKNOWN_ROW)
        ]
        if len(own) > MAX_SEGMENTS:
            raise ValueError(
                f"segment {self.segment!r} has {len(own)} values on validation, and at most {MAX_SEGMENTS} "
                "are told apart; choose a coarser feature"
            )
        segments = []
        for row, num_requests in own:
            inside = _only(slates, value, row)
            best = self._best(inside, terms, gain) if _can_order(inside) else overall
            trust = num_requests / (num_requests + self.shrinkage_requests)
            mixed = trust * best + (1.0 - trust) * overall
            segments.append((row, names.get(row, f"row {row}"), num_requests, named(terms, mixed, rows)))
        return tuple(segments)

    def _best(self, slates: Slates, terms: Terms, gain: Floats) -> Floats:
        def earned(weights: Floats) -> Floats:
            return mean_gains(slates, terms.values, gain, weights)[:, 0]

        best, _ = search_simplex(
            earned, len(terms.objectives), num_points=self.num_points, num_rounds=ROUNDS, seed=self.seed
        )
        return best


def _only(slates: Slates, value: Ints, row: int) -> Slates:
    """The requests of one segment."""
    groups = (each[value[each[:, 0]] == row] for each in slates.rows)
    return Slates(tuple(each for each in groups if len(each)))


def _can_order(slates: Slates) -> bool:
    return any(each.shape[1] > 1 for each in slates.rows)
