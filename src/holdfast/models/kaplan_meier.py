"""The distribution of outcomes of which some are only known as 'at least so much'.

N rows, M distinct outcomes.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Bools, Floats


def kaplan_meier(value: Floats, event: Bools, *, weight: Floats | None = None) -> tuple[Floats, Floats]:
    r"""Share of outcomes up to each distinct observed one, censored rows counting as long as they were seen.

    .. math:: F(t) = 1 - \prod_{t_m \le t} \left(1 - \frac{d_m}{n_m}\right)

    with :math:`d_m` the weight of the events at :math:`t_m` and :math:`n_m` that of the rows seen that long.

    Args:
        value: outcome or lower bound, finite, ``[N]``, at least one row.
        event: False where ``value`` is only a lower bound, ``[N]``.
        weight: what a row counts, >= 0, ``[N]``; ones when None.

    Returns:
        Distinct events in rising order, ``[M]``, and F at each, in (0, 1], ``[M]``. Empty without events. Its
        last value is below 1 where the longest outcome was cut off.

    Source: Kaplan and Meier (1958).
    """
    weights = np.ones(value.size) if weight is None else weight
    moments, place = np.unique(value, return_inverse=True)
    ended = np.bincount(place, weights * event, minlength=moments.size)
    seen = np.bincount(place, weights, minlength=moments.size)
    at_risk = np.cumsum(seen[::-1])[::-1]
    share = np.divide(ended, at_risk, out=np.zeros_like(ended), where=at_risk > 0.0)
    distribution = 1.0 - np.cumprod(1.0 - np.minimum(share, 1.0))
    happened = ended > 0.0
    return moments[happened], distribution[happened]


def kaplan_meier_quantiles(
    value: Floats, event: Bools, levels: Floats, *, weight: Floats | None = None
) -> tuple[Floats, int]:
    """Quantiles of the Kaplan-Meier distribution, interpolated between events.

    Args:
        value: see ``kaplan_meier``.
        event: see ``kaplan_meier``; at least one True.
        levels: in [0, 1], ``[L]``.
        weight: see ``kaplan_meier``.

    Returns:
        Quantiles ``[L]``, and how many levels lie beyond what was seen: they get the longest value seen.
    """
    moments, distribution = kaplan_meier(value, event, weight=weight)
    # Half of a step below it: so the mean of ties is hit, and the quantile at 0 is the smallest event.
    middle = distribution - np.diff(distribution, prepend=0.0) / 2.0
    quantiles = np.interp(levels, middle, moments)
    beyond = levels > distribution[-1]
    quantiles[beyond] = value.max()
    return quantiles, int(beyond.sum())
