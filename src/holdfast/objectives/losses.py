"""From the losses of rows to the loss of a batch.

B rows, T objectives.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def weighted_mean_loss(
    losses: Tensor,
    *,
    weight: Tensor,
    where: Tensor,
    reduce_sum: Callable[[Tensor], Tensor] = lambda count: count,
    num_processes: int = 1,
) -> Tensor:
    r"""Weighted sum of the losses of the known rows, per known row.

    .. math:: R \, \frac{\sum_{b \in r} m_b w_b \ell_b}{\sum_{r'} \sum_{b \in r'} m_b}

    on process r of R. The weights of a whole window have mean 1, so this is their weighted mean over the
    window, and a row counts the same whichever rows it is drawn with. The numerator is the process's own: the
    gradients that data-parallel training averages over processes then add up to the gradient of one process
    that sees all rows. (A mean on each process would let rows count more where fewer are known.)

    Args:
        losses: one loss a row, ``[B]``, or one a row and objective, ``[B, T]``.
        weight: what a row counts, of the same shape, >= 0.
        where: False for rows that do not count, of the same shape.
        reduce_sum: adds a tensor up over all processes; the identity for one.
        num_processes: R.

    Returns:
        A scalar, or ``[T]``; 0 with a zero gradient where no row is known.
    """
    # Mask first: 0 times an infinite loss is NaN, and so is its gradient.
    total = (losses.masked_fill(~where, 0.0) * weight.masked_fill(~where, 0.0)).sum(0)
    count = reduce_sum(where.sum(0).to(total.dtype))
    return num_processes * total / count.clamp(min=1.0)
