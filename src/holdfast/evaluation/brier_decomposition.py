"""What a Brier score is made of: being honest, telling rows apart, and what nobody could know.

N rows, M bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from holdfast.evaluation import checks
from holdfast.evaluation.calibration import Binning, calibration_bins


@dataclass(frozen=True)
class BrierDecomposition:
    r"""Parts of a Brier score; ``brier = reliability - resolution + uncertainty + within_bins``.

    Attributes:
        brier: the score.
        reliability: mean squared distance of the bins' predictions from what happened; 0 is honest.
        resolution: mean squared distance of what happened in the bins from the mean; larger is better.
        uncertainty: the score of the base rate.
        within_bins: what predictions do inside their bins: their variance less twice their covariance with
        labels.
        corrected: whether the three terms were freed of the bias that few rows a bin give.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float
    corrected: bool


def brier_decomposition(
    probability: ArrayLike,
    label: ArrayLike,
    *,
    num_bins: int = 10,
    binning: Binning = "mass",
    corrected: bool = True,
) -> BrierDecomposition | None:
    r"""Reliability, resolution and uncertainty of binned probabilities.

    .. math:: \mathrm{REL} = \sum_k \frac{n_k}{n} (\bar p_k - \bar y_k)^2, \quad
              \mathrm{RES} = \sum_k \frac{n_k}{n} (\bar y_k - \bar y)^2, \quad
              \mathrm{UNC} = \bar y (1 - \bar y)

    Noise alone makes REL positive, by :math:`\frac{1}{n} \sum_k \frac{n_k}{n_k - 1} \bar y_k (1 - \bar y_k)`
    where predictions are right, and RES by about as much. Corrected, each loses its bias, their sum stays,
    and REL may be negative, as an unbiased estimate of 0 must be half of the time. Rows count as independent.

    Args:
        probability: in [0, 1], ``[N]``.
        label: 0 or 1, ``[N]``.
        num_bins: M, at least 1.
        binning: see ``calibration_bins``.
        corrected: take the bias off.

    Returns:
        None without rows.

    Source: Murphy (1973); Stephenson, Coelho and Jolliffe (2008) for the part within bins; Ferro and Fricker
    (2012) for the correction.
    """
    p = checks.probabilities(probability)
    y = checks.binary_labels(label).astype(np.float64)
    checks.same_length(probability=p, label=y)
    if p.size == 0:
        return None
    _, place, rows = np.unique(
        calibration_bins(p, num_bins=num_bins, binning=binning), return_inverse=True, return_counts=True
    )
    n = float(p.size)
    predicted = np.bincount(place, p) / rows
    observed = np.bincount(place, y) / rows
    mean = float(y.mean())
    reliability = float(rows @ (predicted - observed) ** 2 / n)
    resolution = float(rows @ (observed - mean) ** 2 / n)
    uncertainty = mean * (1.0 - mean)
    spread = p - predicted[place]
    within = float((spread**2).mean() - 2.0 * (spread * (y - observed[place])).mean())
    if corrected:
        # A bin of one row has no variance of its own to estimate: its term is 0 either way.
        noise = float((rows / np.maximum(rows - 1, 1)) @ (observed * (1.0 - observed)) / n)
        whole = uncertainty / (n - 1.0) if n > 1 else 0.0
        reliability -= noise
        resolution -= noise - whole
        uncertainty += whole
    return BrierDecomposition(
        float(((p - y) ** 2).mean()), reliability, resolution, uncertainty, within, corrected
    )
