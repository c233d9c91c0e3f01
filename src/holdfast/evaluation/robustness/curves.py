"""Degradation curves: what is left of a quality as severity rises, and numbers that sum a curve up.

S severities, C corruptions (injectors), R resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.core.arrays import Floats


def normalised_area(severities: Sequence[float], values: Floats) -> Floats:
    r"""Area under a curve over its width: the mean height, by trapezoids.

    .. math:: \frac{1}{s_S - s_1} \sum_i (s_{i+1} - s_i) \frac{v_i + v_{i+1}}{2}

    Args:
        severities: rising, ``[S]``, at least two; 0 with the clean value among them.
        values: ``[S]`` or ``[S, R]``.

    Returns:
        In the unit of the values, scalar array or ``[R]``.

    Raises:
        ValueError: there are fewer than two severities, or they do not rise.
    """
    width = np.asarray(severities, dtype=np.float64)
    heights = np.asarray(values, dtype=np.float64)
    if width.size < 2 or (np.diff(width) <= 0).any():
        raise ValueError(f"severities are {list(severities)}; an area needs at least two, rising")
    if heights.shape[0] != width.size:
        raise ValueError(f"there are {width.size} severities and {heights.shape[0]} values")
    return np.asarray(np.trapezoid(heights, width, axis=0) / (width[-1] - width[0]))


def breakdown_severity(
    severities: Sequence[float], values: Sequence[float], reference: Sequence[float]
) -> float | None:
    """Severity at which a curve first falls below the reference's, straight lines between severities.

    Args:
        severities: rising, ``[S]``.
        values: of the model, ``[S]``.
        reference: of the reference ranker under the same drift, ``[S]``.

    Returns:
        The first severity if it is below from the start; None if it never is.
    """
    lead = np.asarray(values, dtype=np.float64) - np.asarray(reference, dtype=np.float64)
    where = np.asarray(severities, dtype=np.float64)
    below = np.flatnonzero(lead < 0.0)
    if below.size == 0:
        return None
    first = int(below[0])
    if first == 0:
        return float(where[0])
    share = lead[first - 1] / (lead[first - 1] - lead[first])
    return float(where[first - 1] + share * (where[first] - where[first - 1]))


@dataclass(frozen=True)
class CorruptionError:
    """Errors against those of a reference, as ImageNet-C reports them.

    Attributes:
        by_corruption: sum of errors over severities, over that of the reference.
        relative_by_corruption: the same of what is lost to the clean error.
        mean: mCE; None where no corruption has one.
        relative_mean: relative mCE; None where no corruption has one.
        undefined: corruptions in which a sum of the reference is not above 0, so that a ratio means nothing.
    """

    by_corruption: dict[str, float]
    relative_by_corruption: dict[str, float]
    mean: float | None
    relative_mean: float | None
    undefined: tuple[str, ...]


def corruption_error(
    errors: Mapping[str, Sequence[float]],
    reference_errors: Mapping[str, Sequence[float]],
    *,
    clean_error: float,
    reference_clean_error: float,
) -> CorruptionError:
    r"""mCE and relative mCE; lower is better, and 1 is the reference.

    .. math:: CE_c = \frac{\sum_s E_{s,c}}{\sum_s E^{ref}_{s,c}}, \qquad
        rCE_c = \frac{\sum_s (E_{s,c} - E_0)}{\sum_s (E^{ref}_{s,c} - E^{ref}_0)}

    The absolute form rewards a better clean model, the relative one a bad model that stays bad, and a
    reference that hardly degrades makes it meaningless: read both, beside the clean value.

    Args:
        errors: by corruption, one a severity without 0, >= 0; such as 1 - AUC.
        reference_errors: the same of the reference, the same severities.
        clean_error: at severity 0.
        reference_clean_error: of the reference.

    Source: Hendrycks and Dietterich (2019).
    """
    absolute, relative, undefined = {}, {}, []
    for name, each in errors.items():
        one, other = float(np.sum(each)), float(np.sum(reference_errors[name]))
        if other > 0.0:
            absolute[name] = one / other
        lost = other - reference_clean_error * len(each)
        if lost > 0.0:
            relative[name] = (one - clean_error * len(each)) / lost
        if other <= 0.0 or lost <= 0.0:
            undefined.append(name)
    return CorruptionError(absolute, relative, _mean(absolute), _mean(relative), tuple(undefined))


def _mean(values: Mapping[str, float]) -> float | None:
    return float(np.mean(list(values.values()))) if values else None


def worst(values: Mapping[str, float | None]) -> tuple[str, float] | None:
    """Name and value of the smallest that is defined; None where none is.

    >>> worst({"a": 0.7, "b": None, "c": 0.6})
    ('c', 0.6)
    """
    defined = {name: value for name, value in values.items() if value is not None}
    if not defined:
        return None
    name = min(defined, key=lambda each: defined[each])
    return name, defined[name]
