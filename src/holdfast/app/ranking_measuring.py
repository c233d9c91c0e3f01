"""What the order within requests is judged by, whichever heads a model has.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.protocols import Population
from holdfast.data.encoded import EncodedWindow
from holdfast.evaluation.evaluate import RankingRows
from holdfast.evaluation.ranking import dwell_gain


def ranking_rows(
    window: EncodedWindow, score: Floats, *, population: Population, weights: Mapping[str, Floats]
) -> RankingRows | None:
    """Arguments of the ranking metrics: the fused score, and what each row turned out to be worth.

    All rows of a request share one return, so that returns tell no orders apart: a model of nothing else has
    no such metrics. Where nobody predicts clicks and the dwell is that of opened rows, the window does not
    say which rows were surely not opened: a row without a dwell counts as one of them. Such rows have no
    weight in the dwell's loss, so that there is no weighted version then.

    Args:
        window: with the objectives of the model.
        score: the fused score, ``[N]``.
        population: the rows on which dwell is defined.
        weights: propensity weights by objective, ``[N]`` each.

    Returns:
        None where the window holds neither clicks nor dwells.
    """
    gains: dict[str, Floats] = {}
    by = None
    if "click" in window.objectives:
        clicked, known = _outcome(window, "click")
        gains["click"], by = np.where(known, clicked, np.nan), "click"
    if "dwell" in window.objectives:
        seconds, told = _outcome(window, "dwell")
        opened = told & (seconds > 0.0) if population == "all" else told
        gains["dwell"] = dwell_gain(seconds, opened)
        if "click" in gains:
            # Opened for nobody knows how long: neither worth nothing nor worth something.
            gains["dwell"][np.isnan(gains["click"]) | ((gains["click"] > 0.0) & ~opened)] = np.nan
        elif population == "all":
            gains["dwell"][~told], by = np.nan, "dwell"
    if not gains:
        return None
    return RankingRows(
        score=score,
        gains=gains,
        requests=window.request,
        weight=None if by is None else weights.get(by),
    )


def _outcome(window: EncodedWindow, objective: str) -> tuple[Floats, Bools]:
    index = window.index_of(objective)
    return window.value[:, index], window.known[:, index]
