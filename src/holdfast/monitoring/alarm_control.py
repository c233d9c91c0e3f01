"""How often alarms may be false, over all the columns, heads and windows that are watched at once.

S signals of one window.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from holdfast.core.arrays import Bools, Floats

Control = Literal["bh", "holm", "sequential", "none"]
"""What the rate bounds.

- ``bh``: in each window, the expected share of false ones among the alarms (Benjamini-Hochberg). In a stable
  window that is the chance of any alarm.
- ``holm``: in each window, the chance of any false alarm, also while other signals have changed.
- ``sequential``: the chance of any false alarm *ever*, however long one watches and whenever one looks.
- ``none``: each signal of each window by itself; for comparison.
"""


def adjusted_p_values(p_values: ArrayLike, *, control: Control) -> Floats:
    """P-values of one window, made comparable with the rate by how many there are, ``[S]``.

    Args:
        p_values: in [0, 1], NaN where there is none, ``[S]``.
        control: see ``Control``; ``sequential`` adjusts as ``holm`` does, against the window's own part of
        the rate.

    Returns:
        In [0, 1], at least as large as the p-values; NaN where these are.

    Source: Benjamini and Hochberg (1995), valid for independent or positively dependent signals; Holm (1979),
    valid under any dependence.

    >>> adjusted_p_values([0.01, 0.02, 0.5], control="holm").round(3).tolist()
    [0.03, 0.04, 0.5]
    """
    check_control(control)
    values = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(values)
    if ((values[known] < 0.0) | (values[known] > 1.0)).any():
        raise ValueError("p_values holds values outside [0, 1]")
    adjusted = values.copy()
    if control == "none" or not known.any():
        return adjusted
    order = np.argsort(values[known], kind="stable")
    rising, count = values[known][order], int(known.sum())
    if control == "bh":
        scaled = np.minimum.accumulate((rising * count / np.arange(1, count + 1))[::-1])[::-1]
    else:
        scaled = np.maximum.accumulate(rising * np.arange(count, 0, -1))
    restored = np.empty(count)
    restored[order] = np.minimum(scaled, 1.0)
    adjusted[known] = restored
    return adjusted


def window_rate(rate: float, *, control: Control, number: int) -> float:
    r"""The part of the rate that one window may use.

    The whole rate for ``bh``, ``holm`` and ``none``. For ``sequential`` the rate is spent over all windows to
    come,

    .. math:: \alpha_t = \alpha \left(\frac{1}{t} - \frac{1}{t + 1}\right) = \frac{\alpha}{t (t + 1)}

    whose sum is :math:`\alpha`: by the union bound valid for any dependence between windows, which
    martingales of exchangeable observations are not under autocorrelation. The price is patience: the tenth
    window needs a p-value of a hundredth of the rate.

    Args:
        rate: in (0, 1).
        control: see ``Control``.
        number: t, of the window since monitoring began, from 1.
    """
    check_rate(rate)
    check_control(control)
    if number < 1:
        raise ValueError(f"number is {number}; windows are counted from 1")
    return rate / (number * (number + 1)) if control == "sequential" else rate


def raised(p_values: ArrayLike, *, rate: float, control: Control, number: int = 1) -> Bools:
    """Which signals of one window raise an alarm, ``[S]``; never one without a p-value."""
    adjusted = adjusted_p_values(p_values, control=control)
    return np.asarray(adjusted <= window_rate(rate, control=control, number=number))


def check_control(control: str) -> None:
    """Raise a ValueError for an unknown control."""
    if control not in get_args(Control):
        raise ValueError(f"control is {control!r}; choose one of {', '.join(get_args(Control))}")


def check_rate(rate: float) -> None:
    """Raise a ValueError for a rate outside (0, 1)."""
    if not 0.0 < rate < 1.0:
        raise ValueError(f"rate is {rate}; the false-alarm rate must lie between 0 and 1, as 0.05 does")
