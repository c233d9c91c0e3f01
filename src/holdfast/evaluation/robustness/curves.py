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
        mean: mCE, the mean of the ratios; None where no corruption has one.
        relative_mean: relative mCE; None where no corruption has one.
        undefined: corruptions without a ratio, because the reference's error is too small to divide by.
        relative_undefined: those in which the reference loses too little to divide by.
    """

    by_corruption: dict[str, float]
    relative_by_corruption: dict[str, float]
    mean: float | None
    relative_mean: float | None
    undefined: tuple[str, ...]
    relative_undefined: tuple[str, ...]


def corruption_error(
    errors: Mapping[str, Sequence[float]],
    reference_errors: Mapping[str, Sequence[float]],
    *,
    clean_error: float,
    reference_clean_error: float,
    least: float = 0.0,
    noise: Mapping[str, float] | None = None,
) -> CorruptionError:
    r"""mCE and relative mCE; lower is better, and 1 is the reference.

    .. math:: CE_c = \frac{\sum_s E_{s,c}}{\sum_s E^{ref}_{s,c}}, \qquad
        rCE_c = \frac{\sum_s (E_{s,c} - E_0)}{\sum_s (E^{ref}_{s,c} - E^{ref}_0)}

    each averaged over the corruptions. The absolute form rewards a better clean model, the relative one a bad
    model that stays bad; read both, beside the clean value. A ratio over next to nothing means nothing and
    swamps the mean: a corruption in which the reference loses too little is named instead.

    Args:
        errors: by corruption, one a severity without 0, >= 0; such as 1 - AUC.
        reference_errors: the same of the reference, the same severities.
        clean_error: at severity 0.
        reference_clean_error: of the reference.
        least: what the reference's error, and its loss, must exceed in the mean over severities, in the unit
            of the errors, >= 0.
        noise: by corruption, how much of the reference's mean loss may be chance, such as the distance to the
            low end of its interval; the loss must exceed that too. None for nothing.

    Raises:
        ValueError: a corruption has no severities, or not those of the reference.

    Source: Hendrycks and Dietterich (2019).
    """
    absolute, relative = {}, {}
    for name, each in errors.items():
        others = reference_errors[name]
        if len(each) == 0 or len(each) != len(others):
            raise ValueError(
                f"{name} has {len(each)} errors and the reference {len(others)}; give one a severity of both"
            )
        mine, other = float(np.mean(each)), float(np.mean(others))
        if other > least:
            absolute[name] = mine / other
        lost = other - reference_clean_error
        if lost > max(least, (noise or {}).get(name, 0.0)):
            relative[name] = (mine - clean_error) / lost
    return CorruptionError(
        by_corruption=absolute,
        relative_by_corruption=relative,
        mean=_mean(absolute),
        relative_mean=_mean(relative),
        undefined=tuple(name for name in errors if name not in absolute),
        relative_undefined=tuple(name for name in errors if name not in relative),
    )


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
