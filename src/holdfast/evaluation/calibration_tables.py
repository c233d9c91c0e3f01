"""Predicted beside observed, from the lowest predictions to the highest.

N rows, M bins.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from holdfast.core.arrays import Floats
from holdfast.evaluation import checks
from holdfast.evaluation.calibration import calibration_bins

COLUMNS = ["bin", "predicted", "observed", "low", "high", "n"]


def calibration_by_decile(
    predicted: ArrayLike,
    observed: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    num_bins: int = 10,
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean predicted and mean observed by tenth of the predictions; for probabilities and for seconds.

    Bins hold about the same weight, and equal predictions stay together, so there may be fewer bins than
    asked for. The interval of the observed mean takes rows as independent, with Kish's effective number of
    them where weighted: Wilson's for outcomes of 0 and 1, the normal one otherwise.

    Args:
        predicted: ``[N]``.
        observed: in the same unit, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.
        num_bins: M, at least 1.
        level: of the intervals, in (0, 1).

    Returns:
        One row a bin with weight: ``bin`` (from 1), ``predicted``, ``observed``, ``low``, ``high`` (NaN where
        one row gives no spread) and ``n`` (rows with weight). Empty without rows.
    """
    predicted, observed = checks.finite_columns(predicted=predicted, observed=observed)
    weights = checks.row_weights(weight, num_rows=predicted.size)
    counted = weights > 0.0
    predicted, observed, weights = predicted[counted], observed[counted], weights[counted]
    bins = calibration_bins(predicted, num_bins=num_bins, weight=weights)
    names, place, rows = np.unique(bins, return_inverse=True, return_counts=True)
    mass = np.bincount(place, weights)
    mean = np.bincount(place, weights * observed) / mass
    effective = mass**2 / np.bincount(place, weights**2)
    z = float(norm.ppf(0.5 + level / 2.0))
    if np.isin(observed, (0.0, 1.0)).all():
        low, high = _wilson(mean, effective, z)
    else:
        square = np.bincount(place, (weights * (observed - mean[place])) ** 2) / mass**2
        more = np.where(effective > 1.0, effective / np.maximum(effective - 1.0, 1e-12), np.nan)
        spread = z * np.sqrt(square * more)
        low, high = mean - spread, mean + spread
    values = [names + 1, np.bincount(place, weights * predicted) / mass, mean, low, high, rows]
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def _wilson(share: Floats, count: Floats, z: float) -> tuple[Floats, Floats]:
    """Wilson's interval of a share among ``count`` rows. Source: Wilson (1927)."""
    centre = (share + z**2 / (2.0 * count)) / (1.0 + z**2 / count)
    half = z * np.sqrt(share * (1.0 - share) / count + z**2 / (4.0 * count**2)) / (1.0 + z**2 / count)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)
