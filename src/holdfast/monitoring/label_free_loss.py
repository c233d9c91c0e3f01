"""How large a loss still is, without labels: the loss that rows like these had on the reference.

For dwell, or any loss a row has. **Blind to concept drift**, as all of ``label_free``: it follows a change of
rows and not one of what follows from them.

N rows of the reference or of a window, C cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from holdfast.core.arrays import Bools, Floats, Ints
from holdfast.evaluation import checks
from holdfast.evaluation.bootstrap import ClusterBootstrap
from holdfast.evaluation.weighted_mean import prepare_ratio
from holdfast.monitoring.label_free import LabelFreeEstimate

SHRINK = 20.0
"""Rows that a bin's mean counts for in the mean of a slice within the bin."""


@dataclass(frozen=True)
class LossModel:
    """Expected loss by bin of the prediction, and by slice within it.

    Attributes:
        edges: between bins of the prediction, rising, ``[M - 1]``.
        bin_loss: mean loss of each bin, ``[M]``.
        slice_loss: by slice, the mean loss of each bin drawn toward ``bin_loss``, ``[M]`` each.
        mean_loss: on the reference.
    """

    edges: Floats
    bin_loss: Floats
    slice_loss: dict[str, Floats]
    mean_loss: float

    def expected(self, predicted: ArrayLike, *, slices: ArrayLike | None = None) -> Floats:
        """Expected loss of each row, ``[N]``; a slice that was never seen gets its bin's mean."""
        (values,) = checks.finite_columns(predicted=predicted)
        bins = np.searchsorted(self.edges, values, side="right")
        loss = self.bin_loss[bins]
        if slices is not None:
            names = _names(slices, num_rows=values.size)
            for name in np.unique(names):
                if name in self.slice_loss:
                    here = names == name
                    loss[here] = self.slice_loss[name][bins[here]]
        return np.asarray(loss)


def fit_loss_model(
    predicted: ArrayLike,
    loss: ArrayLike,
    *,
    slices: ArrayLike | None = None,
    known: ArrayLike | None = None,
    num_bins: int = 20,
) -> LossModel:
    """A model of a row's loss, from the reference.

    Args:
        predicted: what the head predicted, ``[N]``.
        loss: of the row, such as the absolute error in seconds; anything where not known, ``[N]``.
        slices: a value of each row, such as its market, ``[N]``; None for none.
        known: False where the outcome is not known, ``[N]``.
        num_bins: of the prediction, of equal mass, at least 1.

    Raises:
        ValueError: no row is known, or ``num_bins`` is below 1.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins is {num_bins}; it must be at least 1")
    all_p, all_loss = np.asarray(predicted, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    counted: Bools = np.ones(all_p.size, dtype=bool) if known is None else np.asarray(known, dtype=bool)
    checks.same_length(predicted=all_p, loss=all_loss, known=counted)
    p, values = checks.finite_columns(predicted=all_p[counted], loss=all_loss[counted])
    if p.size == 0:
        raise ValueError("no loss is known on the reference; take an older one, whose outcomes have matured")
    edges = np.unique(np.quantile(p, np.arange(1, num_bins) / num_bins))
    bins = np.searchsorted(edges, p, side="right")
    mean = float(values.mean())
    bin_loss = _shrunk(bins, values, toward=np.full(edges.size + 1, mean), rows=1.0)
    slice_loss = {}
    if slices is not None:
        names = _names(slices, num_rows=counted.size)[counted]
        for name in np.unique(names):
            here = names == name
            slice_loss[str(name)] = _shrunk(bins[here], values[here], toward=bin_loss, rows=SHRINK)
    return LossModel(edges, bin_loss, slice_loss, mean)


def estimate_loss(
    model: LossModel,
    predicted: ArrayLike,
    *,
    users: ArrayLike,
    bootstrap: ClusterBootstrap,
    slices: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> LabelFreeEstimate:
    """Expected mean loss of a window, with an interval over its users; None without rows, or weight.

    The interval holds what the window's rows leave open. It does not hold the error of the model, nor concept
    drift.

    Args:
        model: fitted on the reference.
        predicted: ``[N]``.
        users: integer code of each row's user, ``[N]``.
        bootstrap: of the interval.
        slices: as in ``fit_loss_model``.
        weight: the chance that a row has an outcome at all, such as that it is opened, >= 0, ``[N]``; ones
            when None.
    """
    expected = model.expected(predicted, slices=slices)
    if expected.size == 0:
        return LabelFreeEstimate("loss", None, None, None, None, None, 0, "no rows")
    weights = checks.row_weights(weight, num_rows=expected.size)
    if not weights.sum() > 0.0:
        return LabelFreeEstimate("loss", None, None, None, None, None, expected.size, "no row has weight")
    metric = prepare_ratio(weights * expected, weights)
    interval = bootstrap.intervals([metric], clusters=np.asarray(users))[0]
    mean = float(weights @ expected / weights.sum())
    return LabelFreeEstimate(
        "loss", mean, interval.low, interval.high, None, None, expected.size, interval.note
    )


def _shrunk(bins: Ints, values: Floats, *, toward: Floats, rows: float) -> Floats:
    """Mean by bin, with ``rows`` pseudo-rows of ``toward``."""
    total = np.bincount(bins, values, minlength=toward.size) + rows * toward
    return np.asarray(total / (np.bincount(bins, minlength=toward.size) + rows))


def _names(slices: ArrayLike, *, num_rows: int) -> NDArray[np.str_]:
    names = pd.Series(np.asarray(slices)).astype("string").fillna("missing").to_numpy(dtype=object)
    if names.size != num_rows:
        raise ValueError(f"slices has {names.size} values and the window {num_rows} rows")
    return names.astype(str)
