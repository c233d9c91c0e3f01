"""What robustness is left once the clean quality is accounted for.

M models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from holdfast.core.arrays import Floats

Scale = Literal["probit", "logit"]
LEAST_MODELS_FOR_TRUST = 15
"""With fewer models the line is a guess; Taori et al. fit it over many."""


@dataclass(frozen=True)
class EffectiveRobustness:
    """A line from clean to stressed quality, and how far above it each model lies.

    Attributes:
        slope: on the transformed scale.
        intercept: on the transformed scale.
        residuals: stressed quality less the line's, in the quality's unit, ``[M]``.
        r_squared: of the line on the transformed scale; None where all stressed values are equal.
        few_models: whether there are too few for the line to be trusted.
    """

    slope: float
    intercept: float
    residuals: Floats
    r_squared: float | None
    few_models: bool


def effective_robustness(
    clean: Sequence[float], stressed: Sequence[float], *, scale: Scale = "probit"
) -> EffectiveRobustness:
    r"""Residual of each model from the line that clean quality predicts.

    .. math:: \rho_m = q'_m - g^{-1}(\alpha + \beta \, g(q_m))

    with g the probit or the logit and the line fitted by least squares over all models.

    Args:
        clean: qualities in (0, 1), such as AUC, ``[M]``, at least 3 of them, not all equal.
        stressed: the same under stress, ``[M]``.
        scale: g.

    Raises:
        ValueError: there are fewer than three models, a quality is not inside (0, 1), or all clean ones are
            equal.

    Source: Taori et al. (2020).
    """
    one, other = np.asarray(clean, dtype=np.float64), np.asarray(stressed, dtype=np.float64)
    if one.shape != other.shape or one.ndim != 1 or one.size < 3:
        raise ValueError(
            f"clean has {one.size} models and stressed {other.size}; a line needs the same three or more"
        )
    if not ((one > 0) & (one < 1) & (other > 0) & (other < 1)).all():
        raise ValueError(
            "a quality is not inside (0, 1); leave out models whose quality is undefined or perfect"
        )
    if scale not in ("probit", "logit"):
        raise ValueError(f"scale is {scale!r}; choose probit or logit")
    forth, back = (norm.ppf, norm.cdf) if scale == "probit" else (logit, expit)
    x, y = forth(one), forth(other)
    if not np.ptp(x) > 0:
        raise ValueError("all models have the same clean quality; no line goes through one point")
    slope = float(np.cov(x, y, bias=True)[0, 1] / np.var(x))
    intercept = float(y.mean() - slope * x.mean())
    line = intercept + slope * x
    spread = float(((y - y.mean()) ** 2).sum())
    return EffectiveRobustness(
        slope=slope,
        intercept=intercept,
        residuals=np.asarray(other - back(line)),
        r_squared=1.0 - float(((y - line) ** 2).sum()) / spread if spread > 0 else None,
        few_models=one.size < LEAST_MODELS_FOR_TRUST,
    )
