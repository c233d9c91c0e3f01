"""From inner products of gradients to weights: what all gradient methods share.

T objectives, A of them active.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from holdfast.core.arrays import Floats, Ints

SMALLEST = 1e-140
"""Gradients shorter than this count as zero: their squares have no digits left."""


class Gradients(NamedTuple):
    """The gradients of the active objectives, as a method sees them.

    Attributes:
        cosines: between them, ``[A, A]``.
        lengths: > 0, ``[A]``.
        liking: preferences > 0, of sum 1 over all T, ``[A]``.
        which: places among all T, ``[A]``.
        num_objectives: T.
    """

    cosines: Floats
    lengths: Floats
    liking: Floats
    which: Ints
    num_objectives: int


Solve = Callable[[Gradients], Floats]
"""A method: from the gradients of the active objectives to their weights, ``[A]``."""


def weights_of(gramian: Tensor, preference: Tensor | None, solve: Solve) -> Tensor:
    """Weights of the active objectives by a method, and of the others by their preference.

    An objective is active if its preference is above 0 and its gradient is not zero. One without a gradient,
    as where none of its rows is known, takes no part and gets its preference over the mean preference; a
    preference of 0 gets weight 0. A single objective gets 1: there is nothing to balance.

    Args:
        gramian: inner products of the gradients, ``[T, T]``.
        preference: >= 0, ``[T]``; equal when None.
        solve: the method.

    Returns:
        Float64 ``[T]`` on the CPU.

    Raises:
        ValueError: the shapes do not fit, a number is not finite, or a preference is negative or all are 0.
    """
    inner = gramian.detach().to("cpu", torch.float64).numpy()
    if inner.ndim != 2 or inner.shape[0] != inner.shape[1] or not len(inner):
        raise ValueError(f"a Gramian is [T, T] for at least one objective; this one is {list(inner.shape)}")
    if not np.isfinite(inner).all():
        raise ValueError("the gradients are not finite")
    liking = _checked(preference, len(inner))
    weights = np.asarray(liking * len(liking) / liking.sum())
    if len(inner) == 1:
        return torch.ones(1, dtype=torch.float64)
    lengths = np.sqrt(np.maximum(np.diag(inner), 0.0))
    active = np.flatnonzero((lengths > SMALLEST) & (liking > 0.0))
    if len(active):
        cosines = _cosines(inner, lengths, active)
        shares = (liking / liking.sum())[active]
        weights[active] = solve(Gradients(cosines, lengths[active], shares, active, len(inner)))
    return torch.from_numpy(weights)


def cosines_of(gramian: Tensor) -> Tensor:
    """Cosines between the gradients, ``[T, T]``; NaN where one of the two is zero."""
    inner = gramian.detach().to("cpu", torch.float64).numpy()
    lengths = np.sqrt(np.maximum(np.diag(inner), 0.0))
    found = np.full_like(inner, np.nan)
    active = np.flatnonzero(lengths > SMALLEST)
    found[np.ix_(active, active)] = _cosines(inner, lengths, active)
    return torch.from_numpy(found)


def _cosines(inner: Floats, lengths: Floats, active: Ints) -> Floats:
    units = lengths[active]
    # One length after the other: their product may be too small for a float.
    found = inner[np.ix_(active, active)] / units[:, None] / units[None, :]
    symmetric: Floats = np.clip((found + found.T) / 2.0, -1.0, 1.0)
    np.fill_diagonal(symmetric, 1.0)
    return symmetric


def _checked(preference: Tensor | None, count: int) -> Floats:
    if preference is None:
        return np.ones(count)
    liking = np.array(preference.detach().to("cpu", torch.float64).numpy())
    if liking.shape != (count,):
        raise ValueError(f"preference is {list(liking.shape)} for {count} objectives; give one number each")
    if not (np.isfinite(liking).all() and (liking >= 0.0).all()):
        raise ValueError(f"preference is {liking.tolist()}; numbers must be finite and at least 0")
    if not liking.sum() > 0.0:
        raise ValueError("preference is 0 for all objectives; nothing would be trained")
    return liking
