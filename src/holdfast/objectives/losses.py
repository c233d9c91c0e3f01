"""From the losses of rows to the loss of a batch.

B rows, T objectives.
"""

from __future__ import annotations

from torch import Tensor

from holdfast.objectives.estimators.rows import Ratio


def weighted_mean_terms(losses: Tensor, *, weight: Tensor, where: Tensor) -> Ratio:
    r"""Weighted sum of the losses of the known rows, over their number.

    .. math:: \frac{\sum_b m_b w_b \ell_b}{\sum_b m_b}

    The weights of a whole window have mean 1, so this is their weighted mean over the window, and a row
    counts the same whichever rows it is drawn with.

    Args:
        losses: one loss a row, ``[B]``, or one a row and objective, ``[B, T]``.
        weight: what a row counts, of the same shape, >= 0.
        where: False for rows that do not count, of the same shape.

    Returns:
        Numerator and denominator, scalars or ``[T]``. ``Ratio.mean`` makes a loss of them over all
        processes; a mean of each process's own would let rows count more where fewer are known.
    """
    # Mask first: 0 times an infinite loss is NaN, and so is its gradient.
    total = (losses.masked_fill(~where, 0.0) * weight.masked_fill(~where, 0.0)).sum(0)
    return Ratio(total, where.sum(0).to(total.dtype))
