"""One map of one output: for all rows, or for each value of a feature as far as its rows can tell it.

N rows to fit on, B rows, S slices, P parameters of a map, M knots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.core.features import MISSING_ROW, UNKNOWN_ROW
from holdfast.models.calibration.beta import apply_beta, fit_beta
from holdfast.models.calibration.isotonic import apply_isotonic, fit_isotonic, isotonic_at
from holdfast.models.calibration.scale import apply_scale, fit_scale
from holdfast.models.calibration.temperature import apply_temperature, fit_temperature

MapKind = Literal["identity", "temperature", "beta", "scale", "isotonic"]

MIN_ROWS = 20
"""Fewer known rows than this say nothing that would be worth a map."""
MAX_SLICES = 200
"""More slices than this are no slices any more."""


@dataclass(frozen=True)
class FittedMap:
    """A strictly increasing map from a prediction to a calibrated one.

    Attributes:
        kind: of the map.
        parameters: what was fitted: for all rows, then for each slice, ``[S + 1][P]``.
        knots: of an isotonic map, ``[M]``.
        slices: row of the vocabulary of each slice, ``[S]``.
        num_rows: known rows that the map was fitted on.
        note: why it is the identity where another map was asked for; empty otherwise.
    """

    kind: MapKind
    parameters: tuple[tuple[float, ...], ...] = ()
    knots: tuple[float, ...] = ()
    slices: tuple[int, ...] = ()
    num_rows: int = 0
    note: str = ""

    def __call__(self, predicted: Tensor, slice_rows: Tensor | None = None) -> Tensor:
        """The calibrated predictions ``[B]``; ``slice_rows`` ``[B]`` says which slice a row is of."""
        if self.kind == "identity":
            return predicted
        like = {"dtype": predicted.dtype, "device": predicted.device}
        table_SP = torch.tensor(self.parameters, **like)  # type: ignore[arg-type]
        if not self.slices or slice_rows is None:
            parameters_BP = table_SP[:1].expand(predicted.shape[0], -1)
        else:
            slices_S = torch.tensor(self.slices, dtype=torch.int64, device=predicted.device)
            places_S = torch.arange(1, len(self.slices) + 1, device=predicted.device)
            same_BS = (slice_rows.to(torch.int64)[:, None] == slices_S).to(torch.int64)
            parameters_BP = table_SP[(same_BS * places_S).sum(1)]
        if self.kind == "isotonic":
            return apply_isotonic(predicted, parameters_BP, torch.tensor(self.knots, **like))  # type: ignore[arg-type]
        apply = {"temperature": apply_temperature, "beta": apply_beta, "scale": apply_scale}[self.kind]
        return apply(predicted, parameters_BP)


def fit_map(
    kind: MapKind,
    predicted: Floats,
    observed: Floats,
    *,
    weight: Floats,
    content_seconds: Floats | None = None,
    slice_rows: Ints | None = None,
    shrinkage_rows: float = 0.0,
) -> FittedMap:
    r"""Fit a map to the rows whose outcome is known.

    The parameters of a slice with n rows are drawn towards those of all rows,
    :math:`\theta_v = \frac{n}{n + m} \hat\theta_v + \frac{m}{n + m} \hat\theta`: log temperatures, log
    factors, the coefficients of beta calibration, or what the common knots are mapped to. A slice of too few
    rows, or in which all outcomes are equal, keeps the map of all rows.

    Args:
        kind: of the map.
        predicted: ``[N]``.
        observed: 0 or 1, or seconds; NaN where not known, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``.
        content_seconds: cap of the seconds, ``[N]``; None for probabilities.
        slice_rows: row of the vocabulary of each row's slice, ``[N]``; None for one map for all.
        shrinkage_rows: m, >= 0.

    Returns:
        The identity, with a note, where fewer than 20 rows are known or all outcomes are equal.

    Raises:
        ValueError: there are more than 200 slices.
    """
    known = np.isfinite(observed) & (weight > 0.0)
    columns = [
        np.asarray(each, dtype=np.float64)[known]
        for each in (
            predicted,
            observed,
            weight,
            np.full(len(weight), np.inf) if content_seconds is None else content_seconds,
        )
    ]
    num_rows = int(known.sum())
    if kind == "identity":
        return FittedMap("identity", num_rows=num_rows)
    if why := _unfit(columns[0], columns[1]):
        return FittedMap("identity", num_rows=num_rows, note=why)
    overall, knots = _fit(kind, columns, seconds=content_seconds is not None)
    parameters, slices = [overall], []
    for row, inside in _slices(slice_rows, known):
        theta = overall
        if not _unfit(columns[0][inside], columns[1][inside]):
            own, own_knots = _fit(
                kind, [each[inside] for each in columns], seconds=content_seconds is not None
            )
            own = isotonic_at(knots, own_knots, own) if kind == "isotonic" else own
            trust = inside.sum() / (inside.sum() + shrinkage_rows)
            theta = trust * own + (1.0 - trust) * overall
        slices.append(row)
        parameters.append(theta)
    return FittedMap(
        kind,
        parameters=tuple(tuple(each.tolist()) for each in parameters),
        knots=tuple(knots.tolist()),
        slices=tuple(slices),
        num_rows=num_rows,
    )


def _unfit(predicted: Floats, observed: Floats) -> str:
    """Why these rows cannot teach a map; empty where they can."""
    if observed.size < MIN_ROWS:
        return f"{observed.size} known rows, and a map needs {MIN_ROWS}"
    if observed.min() == observed.max():
        return f"all {observed.size} known outcomes are {observed[0]:g}"
    if not predicted.max() > 0.0:
        return "all predictions are 0"
    return ""


def _fit(kind: MapKind, columns: Sequence[Floats], *, seconds: bool) -> tuple[Floats, Floats]:
    """Parameters, and the knots where there are any."""
    predicted, observed, weight, content_seconds = columns
    if kind == "isotonic":
        knots, values = fit_isotonic(predicted, observed, weight, upper=None if seconds else 1.0)
        return values, knots
    if kind == "scale":
        return fit_scale(predicted, observed, weight, content_seconds), np.zeros(0)
    fit = fit_temperature if kind == "temperature" else fit_beta
    return fit(predicted, observed, weight), np.zeros(0)


def _slices(slice_rows: Ints | None, known: Bools) -> list[tuple[int, Bools]]:
    """The slices of the known rows, without those of missing and unknown values."""
    if slice_rows is None:
        return []
    inside = slice_rows[known]
    rows = [int(row) for row in np.unique(inside) if row not in (MISSING_ROW, UNKNOWN_ROW)]
    if len(rows) > MAX_SLICES:
        raise ValueError(
            f"slice has {len(rows)} values on validation, and at most {MAX_SLICES} are told apart; choose a "
            "coarser feature"
        )
    return [(row, inside == row) for row in rows]
