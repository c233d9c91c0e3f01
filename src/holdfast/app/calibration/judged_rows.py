"""A window as calibration and fusions look at it: predictions beside outcomes, in the outcomes' own units.

N rows of a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from holdfast.app.head_fitting import dwell_population
from holdfast.core.arrays import Floats
from holdfast.core.protocols import Head
from holdfast.core.scored_rows import ScoredRows
from holdfast.data.encoded import EncodedWindow
from holdfast.data.encoder import Encoder
from holdfast.models.calibration.fitting import HeadRows, returned_within
from holdfast.models.calibration.output_calibration import BY_DAY

PREDICTED_RETURNS = (
    "a row's return gain is the chance that the head predicts: all rows of a request share one return, so "
    "what happened cannot tell their orders apart"
)
WEIGHTED = "gains of {} are weighted by propensities, as losses are"


def head_rows(
    window: EncodedWindow, outputs: Mapping[str, Any], heads: Mapping[str, Head], *, horizon_days: int
) -> Iterator[HeadRows]:
    """Each head's predictions beside what happened, not weighted by propensities.

    A return is one fact of a user's day, and its rows share one count.
    """
    for name, head in heads.items():
        index = window.index_of(name)
        known, value = window.known[:, index], window.value[:, index]
        predicted = np.asarray(outputs[head.score], dtype=np.float64)[:, None]
        content = None
        if name == "retention":
            days = horizon_days
            if BY_DAY in outputs:
                predicted = np.asarray(outputs[BY_DAY], dtype=np.float64)
                days = predicted.shape[1]
            elif predicted_horizon := getattr(head, "horizon_days", None):
                days = int(predicted_horizon)
            back = returned_within(value, window.event[:, index], window.follow_up_days, num_days=days)
            observed = np.where(known[:, None], back, np.nan)[:, -predicted.shape[1] :]
        else:
            if name == "dwell":
                content = np.asarray(window.content_seconds, dtype=np.float64)
                if dwell_population(heads) == "all":
                    known = known & (value > 0.0)  # the stays; not opened is 0 seconds
            observed = np.where(known, value, np.nan)[:, None]
        yield HeadRows(
            objective=name,
            output=head.score,
            predicted=predicted,
            observed=np.asarray(observed, dtype=np.float64),
            weight=np.asarray(window.spread[:, index], dtype=np.float64),
            content_seconds=content,
        )


def scored_rows(
    window: EncodedWindow,
    outputs: Mapping[str, Any],
    heads: Mapping[str, Head],
    encoder: Encoder,
    *,
    weights: Mapping[str, Floats],
    named: str = "",
) -> ScoredRows:
    """Scores and gains of a window.

    Args:
        window: of the rows.
        outputs: of the model, by name.
        heads: of the model.
        encoder: that encoded the window.
        weights: propensity weights of the gains, by objective; those left out are not weighted.
        named: a categorical input whose values are to be named.
    """
    scores = {name: np.asarray(outputs[head.score], dtype=np.float64) for name, head in heads.items()}
    gains = {name: _gain(window, name, scores[name]) for name in heads}
    weighted = [name for name in gains if name in weights and name != "retention"]
    for name in weighted:
        gains[name] = gains[name] * weights[name]
    notes = [PREDICTED_RETURNS] if "retention" in gains else []
    if weighted:
        notes.append(WEIGHTED.format(" and ".join(weighted)))
    schema = encoder.schema
    names: dict[str, dict[int, str]] = {}
    if named in schema.categorical:
        keys = encoder.vocabularies[schema.vocabulary_of[named]].keys
        names[named] = {row: str(key) for row, key in enumerate(keys, start=2)}
    return ScoredRows(
        scores=scores,
        gains=gains,
        request=window.request,
        user=window.user,
        categorical=window.categorical,
        schema=schema,
        value_names=names,
        notes=tuple(notes),
    )


def _gain(window: EncodedWindow, name: str, score: Floats) -> Floats:
    """What a row is worth to an objective, ``[N]``; NaN where that is not known."""
    if name == "retention":
        return score
    index = window.index_of(name)
    gain = np.where(window.known[:, index], window.value[:, index], np.nan).astype(np.float64)
    if name == "dwell" and "click" in window.objectives:
        click = window.index_of("click")
        closed = window.known[:, click] & ~(window.value[:, click] > 0.0)
        gain = np.where(np.isnan(gain) & closed, 0.0, gain)
    return gain
