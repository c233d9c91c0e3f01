"""From the predictions and outcomes of a validation window to the maps of each head.

N rows of the window, H days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.features import InputSchema
from holdfast.core.scored_rows import categorical_place
from holdfast.models.calibration.fitted_map import MapKind, fit_map
from holdfast.models.calibration.output_calibration import HeadMaps, OutputCalibration
from holdfast.models.calibration.settings import CalibrationSettings


@dataclass(frozen=True, kw_only=True)
class HeadRows:
    """Predictions of one head beside what happened.

    Attributes:
        objective: of the head.
        output: name of the output that ranks.
        predicted: ``[N, 1]``, or by day ``[N, H]``.
        observed: the same outcomes, NaN where not known, of the same shape.
        weight: what a row counts, >= 0, ``[N]``.
        content_seconds: cap of a dwell, ``[N]``; None for probabilities.
    """

    objective: str
    output: str
    predicted: Floats
    observed: Floats
    weight: Floats
    content_seconds: Floats | None = None


def fit_calibration(
    settings: CalibrationSettings, heads: Sequence[HeadRows], *, categorical: Ints, schema: InputSchema
) -> OutputCalibration:
    """The maps that the settings ask for; identities, with a note, where there is nothing to learn from.

    Args:
        settings: which maps.
        heads: of the objectives that a map is asked for; others are passed over.
        categorical: encoded categorical inputs, ``[N, F]``.
        schema: which column of ``categorical`` is which.

    Raises:
        ValueError: the slice is no categorical input, or has too many values.
    """
    settings.check(schema)
    place = categorical_place(schema, settings.slice) if settings.slice else -1
    made = []
    for rows in heads:
        kind = settings.asked.get(rows.objective)
        if kind is None:
            continue
        maps = tuple(
            fit_map(
                cast("MapKind", kind),
                rows.predicted[:, column],
                rows.observed[:, column],
                weight=rows.weight,
                content_seconds=rows.content_seconds,
                slice_rows=categorical[:, place] if settings.slice else None,
                shrinkage_rows=settings.shrinkage_rows,
            )
            for column in range(rows.predicted.shape[1])
        )
        made.append(HeadMaps(rows.objective, rows.output, maps))
    return OutputCalibration(tuple(made), settings.slice if made else "", place)


def returned_within(value: Floats, event: Bools, follow_up_days: Ints, *, num_days: int) -> Floats:
    """1 where back within d days, 0 where not, NaN where not known yet, ``[N, num_days]`` for d = 1, 2, ...

    Known means that d whole days were observed: a return that was seen before is no reason to count a row
    early, because the absence of its neighbours could not be seen yet.

    Args:
        value: days until the user was back; where not ``event``, days without a return so far, ``[N]``.
        event: False where nobody has come back, ``[N]``.
        follow_up_days: whole days that were observed, ``[N]``.
        num_days: the last d.
    """
    days = np.arange(1, num_days + 1)
    back = np.asarray(event, dtype=bool)[:, None] & (np.asarray(value)[:, None] <= days)
    return np.where(np.asarray(follow_up_days)[:, None] >= days, back.astype(np.float64), np.nan)
