"""Weights that give the most of one objective while another keeps what it must have.

B rows, N rows of the window, T objectives, P sets of weights, Q requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from scipy.stats import norm
from torch import Tensor

from holdfast.core.arrays import Floats, Ints
from holdfast.core.batch import Inputs
from holdfast.core.features import InputSchema
from holdfast.core.fitted_state import with_state
from holdfast.core.random import derive_seed
from holdfast.core.scored_rows import ScoredRows
from holdfast.objectives.fusion.dual import DualSolution, solve_dual
from holdfast.objectives.fusion.fitting import (
    ROUNDS,
    Weights,
    about_rows,
    check_search,
    fused,
    named,
    problem_of,
)
from holdfast.objectives.fusion.form import Form, Terms, check_form
from holdfast.objectives.fusion.simplex import CLOSER, closer_points, simplex_points
from holdfast.objectives.fusion.slates import Slates, discounted_gains, mean_gains
from holdfast.objectives.fusion.utility import OBJECTIVES, UNITS
from holdfast.objectives.fusion.weighted import check_floor

LEVEL = 0.95
"""Of the interval over users that says whether the constraint holds."""


@dataclass(frozen=True, kw_only=True)
class ConstrainedFusion:
    r"""A product or a sum with the most of one gain subject to a floor under another.

    .. math:: \max_{w \ge 0} R(w) \quad \text{subject to} \quad C(w) \ge c

    R and C are mean discounted gains of the validation window's requests, ranked anew by w. Among the sets of
    weights that are tried, the multiplier of the constraint is found exactly; later rounds look closer around
    the ranking that leads at it. An infeasible floor is an error unless ``when_infeasible`` is ``closest``.

    Attributes:
        maximise: objective of R.
        subject_to: objective of C.
        at_least: c: a share of the C that the ranking by that objective alone has, in (0, 1], or a number in
            its own unit a request, discounted; see ``floor_is``.
        floor_is: ``share`` or ``absolute``.
        when_infeasible: ``error``, or ``closest``: the ranking with the most of C, with a warning.
        form: ``product`` of powers, or ``sum``.
        num_points: sets of weights that are tried first, at least 8.
        max_requests: requests that are ranked at most; drawn at random where there are more.
        floor: smallest score that counts in a product, > 0.
        seed: of the points, and of the requests.
        weights: learned; None until then.
        notes: of the fit; None until then.
        feasibility: C - c of the chosen weights with the ends of its interval over users, and the
            multiplier; None until fitted.
    """

    maximise: str = "retention"
    subject_to: str = "click"
    at_least: float = 0.95
    floor_is: Literal["share", "absolute"] = "share"
    when_infeasible: Literal["error", "closest"] = "error"
    form: Form = "product"
    num_points: int = 128
    max_requests: int = 10_000
    floor: float = 1e-6
    seed: int = 0
    weights: Weights | None = field(init=False, default=None)
    notes: tuple[str, ...] | None = field(init=False, default=None)
    feasibility: tuple[float, ...] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        for name in ("maximise", "subject_to"):
            if getattr(self, name) not in OBJECTIVES:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose one of {list(OBJECTIVES)}")
        if self.maximise == self.subject_to:
            raise ValueError(f"maximise and subject_to are both {self.maximise!r}; nothing is traded off")
        if self.floor_is not in ("share", "absolute"):
            raise ValueError(f"floor_is is {self.floor_is!r}; choose share or absolute")
        if self.when_infeasible not in ("error", "closest"):
            raise ValueError(f"when_infeasible is {self.when_infeasible!r}; choose error or closest")
        if not 0.0 < self.at_least < math.inf or (self.floor_is == "share" and self.at_least > 1.0):
            raise ValueError(
                f"at_least is {self.at_least}; a share of the ranking by {self.subject_to} alone lies in "
                "(0, 1], and an absolute floor is above 0"
            )
        check_form(self.form)
        check_floor(self.floor)
        check_search(self.num_points, self.max_requests)

    def check(self, objectives: Sequence[str], schema: InputSchema | None = None) -> None:
        """See ``FittedFusion``."""
        for name in ("maximise", "subject_to"):
            if getattr(self, name) not in objectives:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}, and this model predicts {list(objectives)}"
                )

    def fitted(self, rows: ScoredRows) -> Self:
        """See ``FittedFusion``; a floor that no ranking keeps is refused, or said loudly in the notes."""
        self.check(tuple(rows.scores))
        slates, terms = problem_of(
            rows,
            (self.maximise, self.subject_to),
            form=self.form,
            floor=self.floor,
            most=self.max_requests,
            seed=self.seed,
        )
        gains = np.stack([rows.gains[self.maximise], rows.gains[self.subject_to]])
        alone = _corner(terms, self.subject_to)
        share = self.at_least if self.floor_is == "share" else None
        least = self.at_least
        if share is not None:
            least = share * float(mean_gains(slates, terms.values, gains, alone[None])[0, 1])
        best, solution = self._searched(slates, terms, gains, least)
        slack = _slack(slates, terms, gains[1], best, least, alone if share is not None else None, share)
        users = rows.user[slates.first_row]
        value, low, high = clustered_mean(slack, users, level=LEVEL)
        notes = (*self._said(solution, value, low, high, least), *about_rows(slates, terms, rows, best))
        return with_state(
            self,
            weights=named(terms, best, rows),
            notes=notes,
            feasibility=(value, low, high, solution.multiplier),
        )

    def fuse(self, scores: Mapping[str, Tensor], inputs: Inputs | None = None) -> Tensor:
        """The fused score of each row, ``[B]``; it does not depend on ``inputs``.

        Raises:
            ValueError: the weights were not learned yet.
        """
        return fused(scores, self.weights, form=self.form, floor=self.floor)

    def _searched(
        self, slates: Slates, terms: Terms, gains: Floats, least: float
    ) -> tuple[Floats, DualSolution]:
        """The chosen weights on the simplex, and the dual solution over all that were tried."""
        size, fewest = len(terms.objectives), len(terms.objectives) + 1
        points = simplex_points(size, max(self.num_points, fewest), seed=self.seed)
        found = mean_gains(slates, terms.values, gains, points)
        solution = solve_dual(found[:, 0], found[:, 1], least=least)
        for number in range(ROUNDS if size > 1 else 0):
            seed = derive_seed(self.seed, "round", number)
            around = {solution.leading, solution.leading if solution.chosen is None else solution.chosen}
            fewer = simplex_points(size, max(self.num_points // 4, fewest), seed=seed)
            near = [
                closer_points(fewer, points[each], scale=CLOSER ** (number + 1)) for each in sorted(around)
            ]
            points = np.concatenate([points, *near])
            more = [mean_gains(slates, terms.values, gains, each) for each in near]
            found = np.concatenate([found, *more])
            solution = solve_dual(found[:, 0], found[:, 1], least=least)
        if solution.chosen is None and self.when_infeasible == "error":
            raise ValueError(
                f"no ranking keeps a discounted {self.subject_to} gain of at least {least:.5g} a request on "
                f"validation: the most that was found is {found[:, 1].max():.5g}. Lower fusion.at_least, or "
                "take the closest ranking with fusion.when_infeasible=closest"
            )
        chosen = solution.leading if solution.chosen is None else solution.chosen
        return points[chosen], solution

    def _said(
        self, solution: DualSolution, slack: float, low: float, high: float, least: float
    ) -> tuple[str, ...]:
        of, unit = self.subject_to, UNITS[self.subject_to]
        interval = f"{slack:+.4g} [{low:+.4g}, {high:+.4g}] {unit} a request over users"
        if solution.chosen is None:
            return (
                f"INFEASIBLE: no ranking keeps a discounted {of} gain of {least:.5g} a request; the weights "
                f"are those with the most {of}, which misses it by {interval}",
            )
        holds = "holds" if low >= 0.0 else "holds on these requests, and may fail for other users"
        price = (
            f"the next of the {unit} would cost {solution.multiplier:.3g} {UNITS[self.maximise]}"
            if solution.multiplier > 0.0
            else "it does not bind"
        )
        return (f"the floor of {least:.5g} under discounted {of} {holds}: {interval}; {price}",)


def clustered_mean(values: Floats, clusters: Ints, *, level: float) -> tuple[float, float, float]:
    """A mean with the ends of its interval, by the sum of each cluster's deviations; normal approximation.

    Args:
        values: ``[Q]``.
        clusters: code of each value's cluster, ``[Q]``.
        level: in (0, 1).

    Returns:
        Mean, low, high; both ends infinite with fewer than 2 clusters.

    Source: Liang and Zeger (1986).
    """
    mean = float(values.mean())
    code = np.unique(clusters, return_inverse=True)[1]
    count = int(code.max(initial=-1)) + 1
    if count < 2:
        return mean, -math.inf, math.inf
    sums = np.bincount(code, values - mean)
    error = math.sqrt(float((sums**2).sum()) * count / (count - 1)) / values.size
    reach = float(norm.ppf(0.5 + level / 2.0)) * error
    return mean, mean - reach, mean + reach


def _corner(terms: Terms, objective: str) -> Floats:
    """The ranking by one objective alone, on the simplex, ``[T]``.

    Raises:
        ValueError: its score cannot order.
    """
    if objective not in terms.objectives:
        raise ValueError(
            f"the score of {objective} is the same for all rows of every request; it cannot be traded off"
        )
    return np.asarray(np.eye(len(terms.objectives))[terms.objectives.index(objective)])


def _slack(
    slates: Slates,
    terms: Terms,
    gain: Floats,
    best: Floats,
    least: float,
    alone: Floats | None,
    share: float | None,
) -> Floats:
    """By how much each request keeps the floor, ``[Q]``; paired with the ranking that a share is of."""
    kept = discounted_gains(slates, terms.values, gain[None], best[None])[0, :, 0]
    if alone is None or share is None:
        return np.asarray(kept - least)
    return np.asarray(kept - share * discounted_gains(slates, terms.values, gain[None], alone[None])[0, :, 0])
