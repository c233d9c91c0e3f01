"""Clicks as labels of interest, where a row without a click may just not have been looked at.

N rows of a window.
"""

from __future__ import annotations

import numpy as np

from holdfast.core.arrays import Bools, Floats
from holdfast.core.propensity import Propensity


def interest_labels(click: Floats, *, propensity: Propensity, where: Bools) -> Floats:
    r"""Labels of which the mean over what is looked at is the interest: :math:`c_n / p_n`, float64 ``[N]``.

    A click needs a row that is looked at, with chance p, and an item of interest. For a loss that is linear
    in the label, such as cross-entropy,

    .. math:: \frac{c}{p} \ell(1) + \Big(1 - \frac{c}{p}\Big) \ell(0)

    has the expectation of the loss at the interest itself. A label may exceed 1.

    Args:
        click: 0 or 1, ``[N]``; anything where ``where`` is False.
        propensity: of being looked at; capped, so no label exceeds ``max_weight``.
        where: False for rows whose click is not known, ``[N]``; their label is 0.

    Raises:
        ValueError: a clicked row has no propensity. Rows without a click need none.

    Source: Saito et al. (2020), WSDM; Wang et al. (2018), WSDM.
    """
    clicked = np.asarray(where & (np.where(where, click, 0.0) > 0.0))
    missing = clicked & propensity.missing
    if missing.any():
        raise ValueError(
            f"{int(missing.sum())} of {int(clicked.sum())} clicked rows have no propensity of "
            f"{propensity.meaning} ({propensity.source}); set weighting.missing to set_aside, or choose "
            "another "
            "objective/propensity"
        )
    labels = np.zeros(len(propensity))
    labels[clicked] = click[clicked] / propensity.floored()[clicked]
    return labels
