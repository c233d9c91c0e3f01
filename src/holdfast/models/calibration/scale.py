"""Expected seconds times one factor, up to the length of the content.

N rows to fit on, B rows.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from torch import Tensor

from holdfast.core.arrays import Floats

_LARGEST = 7.0


def fit_scale(predicted: Floats, observed: Floats, weight: Floats, content_seconds: Floats) -> Floats:
    r"""The logarithm of the factor with which predicted and observed seconds agree in sum, ``[1]``.

    .. math:: \sum_n w_n \min(a \hat y_n, c_n) = \sum_n w_n y_n

    Args:
        predicted: expected seconds, > 0, ``[N]``.
        observed: seconds, >= 0, not all 0, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``.
        content_seconds: length of the content, ``inf`` where nothing caps dwell, ``[N]``.

    Returns:
        :math:`\log a`, within 7 of 0; one of the ends where nothing between them agrees.
    """
    total = float(weight @ observed)

    def excess(logarithm: float) -> float:
        return float(weight @ np.minimum(np.exp(logarithm) * predicted, content_seconds)) - total

    if excess(-_LARGEST) >= 0.0:
        return np.array([-_LARGEST])
    if excess(_LARGEST) <= 0.0:
        return np.array([_LARGEST])
    return np.array([float(brentq(excess, -_LARGEST, _LARGEST, xtol=1e-10))])


def apply_scale(predicted: Tensor, parameters: Tensor) -> Tensor:
    """The scaled seconds ``[B]``, before the content caps them; strictly increasing.

    Args:
        predicted: seconds, ``[B]``.
        parameters: of ``fit_scale``, ``[B, 1]``.
    """
    return predicted * parameters[:, 0].exp()
