"""From a question and a source of blocks to a table of results, in two readings of the log.

C cells, E estimates, J candidates of a tuned estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from holdfast.evaluation.off_policy.bookkeeping import PlainMean
from holdfast.evaluation.off_policy.columns import Cell
from holdfast.evaluation.off_policy.estimators import Estimator
from holdfast.evaluation.off_policy.joint_estimate import ROUNDING, gather_joint_estimate
from holdfast.evaluation.off_policy.moments import Moments, gather_moments
from holdfast.evaluation.off_policy.overlap import Overlap
from holdfast.evaluation.off_policy.question import BEHAVIOR, REFERENCES, Question, describe_setting_of
from holdfast.evaluation.off_policy.reduced_weights import CountingSource
from holdfast.evaluation.off_policy.result_table import Asked, Gathered, result_table
from holdfast.evaluation.off_policy.rounds import BlockSource
from holdfast.evaluation.off_policy.tuning import Tuned, choose_by_error, choose_by_slope


def answer(
    source: BlockSource, question: Question, *, overlaps: Callable[[], Mapping[str, Overlap]], clustered: bool
) -> pd.DataFrame:
    """A row per policy, objective (or utility) and estimator.

    Args:
        source: of the log's blocks, read twice.
        question: what is asked.
        overlaps: by policy; asked for when the log has been read.
        clustered: whether rows with the same key belong to one user.
    """
    everything = _all_cells(question)
    first = gather_moments(source, everything)
    places = {cell: index for index, cell in enumerate(everything)}
    chosen = {
        (policy, objective, label): _choose(policy, objective, estimator, first, everything, places)
        for policy in question.policies
        for objective in question.objectives
        for label, estimator in question.estimators.items()
    }
    cells = _final_cells(question, chosen)
    moments = first.restrict([places[cell] for cell in cells])
    asked = _rows_asked(question, chosen, cells)
    plain = {cell: index for index, cell in enumerate(cells) if isinstance(cell.estimator, PlainMean)}
    combinations = np.zeros((2 * len(asked) + len(plain), len(cells)))
    for row, each in enumerate(asked):
        combinations[row] = each.coefficients
        combinations[len(asked) + row] = each.bias_coefficients
    for row, place in enumerate(plain.values()):
        combinations[2 * len(asked) + row, place] = 1.0
    counting = CountingSource(source, list(dict.fromkeys(cell for each in asked for cell in each.cells)))
    joint = gather_joint_estimate(
        counting,
        cells,
        moments,
        combinations,
        clustered=clustered,
        num_resamples=question.intervals.resamples,
        seed=question.intervals.seed,
    )
    gathered = Gathered(
        joint=joint,
        num_asked=len(asked),
        num_rows=moments.num_rows,
        plain={cell: 2 * len(asked) + row for row, cell in enumerate(plain)},
        weights=moments.weights,
        overlaps=overlaps(),
        clustered=clustered,
        source=counting,
    )
    return result_table(asked, gathered, question)


def _all_cells(question: Question) -> list[Cell]:
    """Everything the first reading looks at: candidates, references and bookkeeping."""
    cells: dict[Cell, None] = {}
    for policy in question.policies:
        for objective in question.objectives:
            for estimator in question.estimators.values():
                candidates = estimator.candidates() if isinstance(estimator, Tuned) else [estimator]
                for candidate in candidates:
                    cells[Cell(policy, objective, candidate)] = None
                    if candidate.reference:
                        cells[Cell(policy, objective, REFERENCES[candidate.reference])] = None
            for quantity in _quantities(question):
                cells[Cell(policy, objective, PlainMean(quantity))] = None
    return list(cells)


def _quantities(question: Question) -> list[str]:
    found = ["reward", "squared_reward", "weight", "squared_weight"]
    if any(each.needs == "balanced" for each in question.estimators.values()):
        found += ["balanced_weight", "squared_balanced_weight"]
    return found


def _choose(
    policy: str,
    objective: str,
    estimator: Estimator | Tuned,
    moments: Moments,
    cells: Sequence[Cell],
    places: Mapping[Cell, int],
) -> Choice:
    """The estimator itself, or the candidate that the log favours."""
    if not isinstance(estimator, Tuned):
        return Choice(estimator)
    candidates = estimator.candidates()
    mine = [places[Cell(policy, objective, candidate)] for candidate in candidates]
    values = moments.values(cells)
    part = moments.restrict(mine)
    variances = part.variances([cells[index] for index in mine])
    full = next(each.reference for each in candidates if each.reference)
    moved = values[mine] - values[places[Cell(policy, objective, REFERENCES[full])]]
    if estimator.method == "slope":
        best = choose_by_slope(values[mine], variances, num_rows=moments.num_rows, delta=estimator.delta)
    else:
        best = choose_by_error(
            variances,
            -moved,
            num_rows=moments.num_rows,
            mean_square_weight=float(values[places[Cell(policy, objective, PlainMean("squared_weight"))]]),
            largest=moments.weights[policy].largest,
            delta=estimator.delta,
        )
    # What moves a value by rounding alone does not move it.
    still = np.abs(moved) <= ROUNDING * np.abs(values[mine]).max()
    rejected = estimator.needs == "model" and bool(still[best]) and not bool(still.all())
    return Choice(candidates[best], reference=full if rejected else "")


@dataclass(frozen=True)
class Choice:
    """What stands for an estimator in one row.

    Attributes:
        estimator: itself, or the candidate that the log favours.
        reference: name of the estimator with full weights where that is what tuning came back to, because it
            disagreed with every reduced form; empty otherwise.
    """

    estimator: Estimator
    reference: str = ""


Chosen = Mapping[tuple[str, str, str], Choice]


def _final_cells(question: Question, chosen: Chosen) -> list[Cell]:
    cells: dict[Cell, None] = {}
    for (policy, objective, _), choice in chosen.items():
        estimator = choice.estimator
        cells[Cell(policy, objective, estimator)] = None
        if estimator.reference:
            cells[Cell(policy, objective, REFERENCES[estimator.reference])] = None
    for policy in question.policies:
        for objective in question.objectives:
            for quantity in _quantities(question):
                cells[Cell(policy, objective, PlainMean(quantity))] = None
    return list(cells)


def _rows_asked(question: Question, chosen: Chosen, cells: Sequence[Cell]) -> list[Asked]:
    places = {cell: index for index, cell in enumerate(cells)}
    rows = []
    for policy in question.policies:
        if policy == question.baseline:
            continue
        for name, weights in question.sums().items():
            for label in question.estimators:
                rows.append(_row_asked(question, chosen, places, policy, name, weights, label))
    return rows


def _row_asked(
    question: Question,
    chosen: Chosen,
    places: Mapping[Cell, int],
    policy: str,
    name: str,
    weights: Mapping[str, float],
    label: str,
) -> Asked:
    coefficients, bias = np.zeros(len(places)), np.zeros(len(places))
    used: list[Cell] = []
    came_back_to: list[str] = []

    def add(who: str, sign: float) -> None:
        for objective, weight in weights.items():
            if who == BEHAVIOR:
                coefficients[places[Cell(question.policies[0], objective, PlainMean("reward"))]] += (
                    sign * weight
                )
                continue
            choice = chosen[who, objective, label]
            estimator = choice.estimator
            if choice.reference:
                came_back_to.append(choice.reference)
            cell = Cell(who, objective, estimator)
            used.append(cell)
            coefficients[places[cell]] += sign * weight
            if estimator.reference:
                full = places[Cell(who, objective, REFERENCES[estimator.reference])]
                bias[places[cell]] += sign * weight
                bias[full] -= sign * weight

    add(policy, 1.0)
    if question.baseline is not None:
        add(question.baseline, -1.0)
    return Asked(
        policy=policy,
        objective=name,
        label=label,
        setting=_setting(used),
        cells=tuple(used),
        came_back_to=came_back_to[0] if came_back_to else "",
        objectives=dict(weights),
        coefficients=coefficients,
        bias_coefficients=bias,
    )


def _setting(used: Sequence[Cell]) -> str:
    return "; ".join(dict.fromkeys(text for cell in used if (text := describe_setting_of(cell.estimator))))
