"""Dwell seen both ways, over the rows that were opened and over all rows, whichever of them its head knows.

N rows of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.protocols import Population
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.evaluate import AllRowsDwell, DwellRows
from holdfast.models.ranker import Ranker


@dataclass(frozen=True)
class DwellOutcome:
    """What is known of a window's dwell.

    Attributes:
        seconds: seen; 0 where not opened or not known, ``[N]``.
        event: False where ``seconds`` is only a lower bound, ``[N]``.
        opened: rows that were opened, with a dwell that the content's end may have cut off, but not the end
            of the log: that says nothing of how long it became, ``[N]``.
        closed: rows that were surely not opened, ``[N]``.
    """

    seconds: Floats
    event: Bools
    opened: Bools
    closed: Bools


def dwell_outcome(window: EncodedWindow, *, population: Population) -> DwellOutcome:
    """The dwell of a window whose outcome was prepared for a head of that population."""
    index = window.index_of("dwell")
    known, event = window.known[:, index], window.event[:, index]
    value = np.where(known, window.value[:, index], 0.0).astype(np.float64)
    if population == "all":
        opened, closed = known & (value > 0.0), known & (value == 0.0)
    else:
        opened, closed = known, np.zeros_like(known)
        if "click" in window.objectives:
            click = window.index_of("click")
            closed = window.known[:, click] & (window.value[:, click] == 0.0)
    return DwellOutcome(value, event, opened & (event | (value >= window.content_seconds)), closed)


def dwell_rows(
    ranker: Ranker,
    window: EncodedWindow,
    outputs: dict[str, Floats],
    *,
    population: Population,
    limit_seconds: float,
    weight: Floats | None,
    click_weight: Floats | None,
) -> tuple[DwellRows, AllRowsDwell | None]:
    """Arguments of the dwell metrics over opened rows and, where an opening is predicted, over all rows.

    Args:
        ranker: trained, with a head of dwell.
        window: what it predicted.
        outputs: its predictions by name.
        population: the rows on which the head, and so the window's dwell, is defined.
        limit_seconds: see ``EvaluationSettings.dwell_limit_seconds``.
        weight: propensity weights of the dwell's rows, ``[N]``; None for none.
        click_weight: propensity weights of all rows, ``[N]``; None for none.
    """
    from holdfast.training.dwell_prediction import dwell_scores

    outcome = dwell_outcome(window, population=population)
    if_opened = (
        outputs["dwell_seconds"] if "dwell_seconds" in outputs else outputs[ranker.heads["dwell"].score]
    )
    open_probability = outputs.get("dwell_open_probability")
    if open_probability is None and "click" in ranker.heads:
        open_probability = outputs[ranker.heads["click"].score]
    scores = dwell_scores(
        ranker,
        window,
        seconds=outcome.seconds,
        cut=~outcome.event,
        open_probability=open_probability,
        limit_seconds=limit_seconds,
    )
    rows = DwellRows(
        predicted_seconds=if_opened,
        value=outcome.seconds,
        event=outcome.event,
        known=outcome.opened,
        crps_seconds=None if scores is None else scores.crps_if_opened,
        log_score=None if scores is None else scores.log_score_if_opened,
        weight=weight,
    )
    if open_probability is None or not outcome.closed.any():
        return rows, None
    everywhere = AllRowsDwell(
        predicted_seconds=open_probability * if_opened,
        value=outcome.seconds,
        event=outcome.event,
        known=outcome.opened | outcome.closed,
        crps_seconds=None if scores is None else scores.crps_of_row,
        weight=weight if population == "all" else click_weight,
    )
    return rows, everywhere
