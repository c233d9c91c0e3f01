"""From the losses of rows to the loss of a batch.

B rows, T objectives.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from holdfast.objectives.estimators.rows import Processes, Ratio


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
        Numerator and denominator, scalars or ``[T]``.
    """
    # Mask first: 0 times an infinite loss is NaN, and so is its gradient.
    total = (losses.masked_fill(~where, 0.0) * weight.masked_fill(~where, 0.0)).sum(0)
    return Ratio(total, where.sum(0).to(total.dtype))


def weighted_mean_loss(
    losses: Tensor,
    *,
    weight: Tensor,
    where: Tensor,
    reduce_sum: Callable[[Tensor], Tensor] = lambda count: count,
    num_processes: int = 1,
) -> Tensor:
    """The terms of ``weighted_mean_terms`` as a loss, over all processes; see ``Ratio.mean``.

    A mean on each process would let rows count more where fewer are known.

    Returns:
        A scalar, or ``[T]``; 0 with a zero gradient where no row is known.
    """
    terms = weighted_mean_terms(losses, weight=weight, where=where)
    return terms.mean(Processes(reduce_sum, num_processes))
